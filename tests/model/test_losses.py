"""Losses and activations as Network shows them: gradients, and what goes together."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.special import expit

import nnlib
from nnlib.kernels.formulas import activations, losses
from nnlib.model.arguments import LOGITS
from tests import reference
from tests.devices import amount
from tests.tolerances import assert_close

from .loss_cases import N, data, network


def layers_of(net):
    return list(zip(net.weights, net.biases, strict=True))


COMBINATIONS = [
    (name, loss, output)
    for name in reference.ACTIVATIONS
    for loss in losses.CODES
    for output in LOGITS.get(loss, [name])
]


@pytest.mark.parametrize(("name", "loss", "output"), COMBINATIONS)
def test_gradient_of_every_activation_with_every_loss(name, loss, output, dtype, rng):
    net = network(loss, output, hidden=name, dtype=dtype)
    X, y = data(rng, loss)
    weights = rng.integers(0, 5, N) / 4
    X = X.astype(dtype)
    y = y.astype(dtype)
    dW, db = net.derJ(X, y, sample_weight=weights)
    expected = reference.gradients(
        layers_of(net), net.activations, X, y, loss=loss, sample_weight=weights
    )
    for actual, wanted in zip([*dW, *db], [*expected[0], *expected[1]], strict=True):
        assert_close(actual, wanted, terms=N, depth=4)


class TestFusedPairs:
    """sigmoid and softmax with their cross-entropies: probabilities outside, logits inside."""

    @pytest.mark.parametrize("loss", LOGITS)
    def test_probabilities_or_logits(self, loss, dtype, rng):
        """The output activation decides what F returns, not what J is."""
        X, y = data(rng, loss)
        fused, bare = (network(loss, output, dtype=dtype) for output in LOGITS[loss])
        assert fused.J(X, y) == bare.J(X, y)
        for one, other in zip(fused.derJ(X, y), bare.derJ(X, y), strict=True):
            np.testing.assert_array_equal(one[0], other[0])
        logits = bare.F(X).astype(float)
        link = {"binary_cross_entropy": expit}.get(loss)
        expected = link(logits) if link else np.array([reference.softmax(z) for z in logits])
        assert_close(fused.F(X), expected, terms=3, depth=2)

    @pytest.mark.parametrize("loss", LOGITS)
    @pytest.mark.parametrize("scale", [1e4, -1e4])
    def test_extreme_logits_stay_finite(self, loss, scale, dtype):
        start = [([[scale], [-scale], [0]], [0, 0, 0])]
        for output in LOGITS[loss]:
            net = nnlib.Network([1, 3], output, loss, dtype=dtype, initializer=start)
            y = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
            X = [1, 1, 1]
            assert np.isfinite(net.J(X, y))
            assert np.all(np.isfinite(net.F(X)))
            assert all(np.all(np.isfinite(g)) for part in net.derJ(X, y) for g in part)

    @pytest.mark.parametrize("loss", LOGITS)
    def test_saved_and_loaded(self, loss, tmp_path, rng):
        X, y = data(rng, loss)
        for output in LOGITS[loss]:
            net = network(loss, output, hidden="gelu")
            net.save(tmp_path / "model")
            copy = nnlib.load(tmp_path / "model")
            np.testing.assert_array_equal(copy.F(X), net.F(X))
            assert copy.J(X, y) == net.J(X, y)

    def test_cost_of_extreme_logits_is_exact(self):
        """For p = 0 on the right class, J is the difference of the logits, not infinity."""
        start = [([[1e4], [-1e4]], [0, 0])]
        net = nnlib.Network([1, 2], "softmax", "softmax_cross_entropy", initializer=start)
        np.testing.assert_array_equal(net.F([1.0]), [[1, 0]])
        assert net.J([1.0], [1]) == 2e4
        net = nnlib.Network([1, 2], "sigmoid", "binary_cross_entropy", initializer=start)
        assert net.J([1.0], [[0, 1]]) == 2e4

    @pytest.mark.parametrize("shape", [(7,), (3, 7)], ids=str)
    def test_rows_add_up_to_one(self, shape, rng):
        net = nnlib.Network([7, 5], "softmax", "softmax_cross_entropy")
        probabilities = net.F(rng.normal(size=shape))
        assert probabilities.shape == (*shape[:-1], 5)
        np.testing.assert_allclose(probabilities.sum(axis=-1), 1, rtol=1e-14)

    def test_descent_reaches_what_is_separable(self, dtype):
        X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
        net = nnlib.Network([2, 8, 2], ["silu", "softmax"], "softmax_cross_entropy", dtype=dtype)
        epochs, rate = amount((2000, 0.5), (60, 2.0))
        history = net.descent(X, y, learning_rate=rate, epochs=epochs)
        assert history.J[-1] < 0.05
        np.testing.assert_array_equal(net.F(X).argmax(axis=1), y)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"activation": "softmax", "loss": "softmax_cross_entropy"},
         [r"activation\[0\]", "softmax", "hidden"]),
        ({"activation": ["tanh", "softmax"]},
         ["softmax", "softmax_cross_entropy", "half_squared_error"]),
        ({"activation": ["tanh", "softmax"], "loss": "binary_cross_entropy"},
         ["softmax", "softmax_cross_entropy", "binary_cross_entropy"]),
        ({"activation": "tanh", "loss": "binary_cross_entropy"},
         ["binary_cross_entropy", "sigmoid", "identity", "tanh"]),
        ({"activation": "sigmoid", "loss": "softmax_cross_entropy"},
         ["softmax_cross_entropy", "softmax", "identity", "sigmoid"]),
        ({"sizes": [2, 3, 1], "activation": ["tanh", "softmax"], "loss": "softmax_cross_entropy"},
         ["softmax_cross_entropy", "two outputs", "binary_cross_entropy"]),
        ({"activation": ["tanh", "softmaxx"]}, [r"activation\[1\]", "mean 'softmax'"]),
        ({"activation": "leakyrelu"}, ["activation", "mean 'leaky_relu'"]),
        ({"loss": "softmax_crossentropy"}, ["loss", "mean 'softmax_cross_entropy'"]),
        ({"loss": "logcosh"}, ["loss", "mean 'log_cosh'"]),
    ],
)  # fmt: skip
def test_what_does_not_go_together(arguments, words):
    with pytest.raises(ValueError, match=words[0]) as caught:
        nnlib.Network(**{"sizes": [2, 3, 3], **arguments})
    assert all(re.search(word, str(caught.value)) for word in words), str(caught.value)


@pytest.mark.parametrize("loss", losses.CODES)
def test_descent_lowers_every_loss(loss, dtype, rng):
    X, y = data(rng, loss)
    net = network(loss, LOGITS.get(loss, ["identity"])[0], hidden="gelu", dtype=dtype)
    before = net.J(X, y)
    history = net.descent(X, y, learning_rate=0.05, epochs=amount(300, 5))
    assert history.J[0] == pytest.approx(before, rel=1e-6)
    assert net.J(X, y) < before


def test_every_activation_trains_in_a_hidden_layer(dtype, rng):
    X = rng.normal(size=(amount(40, 12), 2))
    y = np.sin(X[:, 0]) * X[:, 1]
    for name in set(activations.CODES) - {"softmax", "heaviside"}:
        net = nnlib.Network([2, 8, 1], [name, "identity"], dtype=dtype)
        before = net.J(X, y)
        net.descent(X, y, learning_rate=0.05, epochs=amount(300, 3))
        assert net.J(X, y) < before
