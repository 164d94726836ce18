"""Images shifted, flipped and turned at random in a descent, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.checks.examples import Examples
from tests.layers.moved_images import SHAPE, images, network, scaled_network
from tests.training.checkpointed import interrupted_after

pytestmark = pytest.mark.cpu("graphs")


def moved(made, given, key=5):
    """What a descent sees of images: the forward pass of a layer on one block, in float64."""
    net = nnlib.Network([layers.Input(given.shape[1:]), made])
    own = net.architecture.for_descent(None)
    train = Examples(given.reshape(len(given), -1).astype(float), np.zeros((len(given), 1)), y0())
    return _Block(own.training_table, train, key)


def y0():
    return np.empty(0)


class _Block:
    """The forward pass and the δ before it, of a table of one row, by the layer's functions."""

    def __init__(self, table, train, key):
        from nnlib.kernels.layers import custom, random_images
        from nnlib.kernels.layers.operations import COLUMNS, Layer

        n, units = train.X.shape
        self.columns = np.ascontiguousarray(train.X.T).reshape(-1)
        self._layer = Layer(
            row=table[:COLUMNS].copy(), parameters=y0(), a_in=self.columns,
            a_out=np.full(n * units, np.nan), workspace=y0(), delta_out=self.columns,
            delta_in=np.full(n * units, np.nan), gradient=y0(), lanes=n, accumulate=False,
            key=np.uint64(key),
        )  # fmt: skip
        custom.run(random_images.forward, self._layer)
        custom.run(random_images.delta, self._layer)
        self.out = self._layer.a_out.reshape(units, n).T
        self.back = self._layer.delta_in.reshape(units, n).T


def test_shifts():
    """Every image is one of the 15 shifts, and all of these occur."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, *SHAPE))
    found = moved(layers.RandomShift(1, 2), X).out.reshape(X.shape)
    padded = np.pad(X, ((0, 0), (1, 1), (2, 2), (0, 0)))
    seen = set()
    for image, wide in zip(found, padded, strict=True):
        fitting = [
            (down, right)
            for down in range(3)
            for right in range(5)
            if np.array_equal(image, wide[down : down + 9, right : right + 7])
        ]
        assert len(fitting) == 1
        seen |= set(fitting)
    assert len(seen) == 15


@pytest.mark.parametrize(
    ("mode", "ways"), [("horizontal", 2), ("vertical", 2), ("horizontal_and_vertical", 4)]
)
def test_flips(mode, ways):
    X = np.random.default_rng(0).normal(size=(200, *SHAPE))
    found = moved(layers.RandomFlip(mode), X).out.reshape(X.shape)
    counts = np.zeros(4, int)
    for image, given in zip(found, X, strict=True):
        flips = [given, given[:, ::-1], given[::-1], given[::-1, ::-1]]
        counts += [np.array_equal(image, one) for one in flips]
    allowed = {"horizontal": [0, 1], "vertical": [0, 2], "horizontal_and_vertical": range(4)}[mode]
    assert counts.sum() == 200
    assert np.count_nonzero(counts) == ways
    assert counts[list(allowed)].sum() == 200
    assert counts[list(allowed)].min() > 200 / ways - 40


def test_rotations_are_those_of_scipy():
    """An image turned by the angle that was drawn, which its own pixels tell."""
    ndimage = pytest.importorskip("scipy.ndimage")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6, 11, 11, 1))
    found = moved(layers.RandomRotation(0.1), X).out.reshape(X.shape)
    for image, given in zip(found[..., 0], X[..., 0], strict=True):
        angles = np.linspace(-36, 36, 1441)
        turned = [
            ndimage.rotate(given, angle, reshape=False, order=1, mode="grid-constant")
            for angle in angles
        ]
        apart = [np.abs(image - one)[2:-2, 2:-2].max() for one in turned]
        assert min(apart) < 0.02, min(apart)
    assert len({round(float(image[5, 5, 0]), 12) for image in found}) == 6


@pytest.mark.parametrize(
    "made", [layers.RandomShift(2, 3), layers.RandomFlip(), layers.RandomRotation(0.2)]
)
def test_delta_is_the_transpose(made):
    """⟨M x, x'⟩ = ⟨x, Mᵀ x'⟩ with x' = x."""
    X = np.random.default_rng(0).normal(size=(30, *SHAPE))
    block = moved(made, X)
    rows = X.reshape(30, -1)
    np.testing.assert_allclose((block.out * rows).sum(1), (block.back * rows).sum(1), rtol=1e-10)


@pytest.mark.parametrize(
    "made", [layers.RandomShift(2, 3), layers.RandomFlip(), layers.RandomRotation(0.2)]
)
def test_only_a_descent_moves(made):
    X, y = images()
    net, plain = network(layers.Rescaling(1 / 255), made), scaled_network()
    plain.parameters = net.parameters
    kept = network(layers.Rescaling(1 / 255))
    np.testing.assert_array_equal(net.F(X), kept.F(X))
    assert net.J(X, y) == kept.J(X, y)
    history = net.descent(X, y, epochs=3, validation=(X, y), learning_rate=1e-12)
    assert not np.isclose(history.J[0], kept.J(X, y), rtol=1e-9)
    assert history.validation_J[0] == pytest.approx(kept.J(X, y), rel=1e-5)
    assert len(set(history.J)) == 3, "every step draws anew"


def test_the_seed_decides_and_a_checkpoint_goes_on(tmp_path, monkeypatch):
    X, y = images()
    options = {"batch_size": 13, "epochs": 3, "optimizer": "adam", "checkpoint": tmp_path / "half"}

    def made():
        return network(layers.Rescaling(1 / 255), layers.RandomRotation(0.1))

    net = made()
    net.descent(X, y, **options)
    with interrupted_after(4, monkeypatch):
        made().descent(X, y, **options)
    other = made()
    other.descent(X, y, resume=True, **options)
    np.testing.assert_array_equal(other.parameters, net.parameters)
    third = made()
    third.descent(X, y, seed=9, **options)
    assert np.any(third.parameters != net.parameters)


def test_files_and_text(tmp_path):
    X, _ = images()
    net = network(
        layers.Rescaling(1 / 255, 0.5), layers.RandomShift(1, 2), layers.RandomFlip("vertical"),
        layers.RandomRotation(0.25),
    )  # fmt: skip
    net.save(tmp_path / "net")
    loaded = nnlib.load(tmp_path / "net")
    np.testing.assert_array_equal(loaded.F(X), net.F(X))
    for one, other in zip(loaded.layers[:4], net.layers[:4], strict=True):
        assert one.config() == other.config()
    text = str(net.summary())
    for name in ("Rescaling", "RandomShift", "RandomFlip", "RandomRotation"):
        assert name in text
    assert repr(layers.RandomShift(1, 2)) == "RandomShift(1, 2)"


def test_a_network_that_moves_its_hidden_values():
    """δ passes through to the layers below."""
    X, y = images(40, (6, 6, 1))
    net = nnlib.Network(
        [layers.Input((6, 6, 1)), layers.Rescaling(1 / 255), layers.Scale(), layers.RandomFlip(),
         layers.Flatten(), layers.Dense(3, "softmax")],
        loss="softmax_cross_entropy",
    )  # fmt: skip
    net.descent(X, y, epochs=5, learning_rate=0.1)
    scale = next(own for own in net.layers if isinstance(own, layers.Scale))
    assert np.all(scale.weights["weight"] != 1)


def test_bad_arguments():
    image = layers.Input((4, 3, 1))
    for make, found in (
        (lambda: layers.RandomShift(-1, 0), "height"),
        (lambda: layers.RandomShift(0, 1.5), "width"),
        (lambda: layers.RandomShift(1, 3)(image), "width of RandomShift.*fewer pixels than the 3"),
        (lambda: layers.RandomFlip("horizontally"), "mode.*horizontal"),
        (lambda: layers.RandomRotation(1.5), "factor is 1.5"),
        (lambda: layers.RandomRotation(math.nan), "factor"),
        (lambda: layers.RandomRotation(0.1)(layers.Input(3)), r"shape \(3,\), wanted images"),
        (lambda: layers.Rescaling(math.inf), "scale"),
        (lambda: layers.Rescaling("1"), "scale"),
        (lambda: layers.Rescaling(1, None), "offset"),
    ):
        with pytest.raises((TypeError, ValueError), match=found):
            make()


def test_full_batch_methods_refuse_random_images():
    X, y = images()
    with pytest.raises(ValueError, match="random images draw anew"):
        network(layers.RandomFlip()).descent(X / 255, y, optimizer="lbfgs", epochs=1)
