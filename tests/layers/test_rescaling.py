"""Images of uint8 are used as they are, and scaled on the way into a block."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.checks.examples import Examples
from nnlib.training import buffers
from tests.layers.moved_images import SHAPE, images, network, scaled_network
from tests.machine.teams import force
from tests.tolerances import assert_close

pytestmark = pytest.mark.cpu("graphs")


OPTIONS = {
    "shuffled": {"batch_size": 13},
    "full": {},
    "in order": {"batch_size": 13, "shuffle": False},
    "validation": {"batch_size": 13, "validation": 0.2, "metrics": ["accuracy"]},
    "weights": {"batch_size": 20, "sample_weight": np.arange(50) % 3},
    "one by one": {"batch_size": 1},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("shape", [SHAPE, (5, 1), (64,), (130,)])
def test_bytes_train_as_the_same_numbers_do(shape, options, dtype):
    X, y = images(shape=shape)
    found = []
    for given in (X, X.astype(dtype)):
        net = scaled_network(dtype=dtype, shape=shape)
        history = net.descent(given, y, epochs=2, learning_rate=0.1, **options)
        found.append((net.parameters, history.J))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("n", [1, 3, 50, 700])
def test_bytes_in_functions(n, dtype):
    X, y = images(n)
    net = scaled_network(dtype=dtype)
    Z = X.astype(dtype)
    np.testing.assert_array_equal(net.F(X), net.F(Z))
    np.testing.assert_array_equal(net.derJ(X, y, flat=True), net.derJ(Z, y, flat=True))
    np.testing.assert_array_equal(net.predict(X), net.predict(Z))
    np.testing.assert_array_equal(net.gradient(X), net.gradient(Z))
    assert (net.J(X, y), net.score(X, y)) == (net.J(Z, y), net.score(Z, y))


def test_values_by_formula(dtype):
    X, _ = images()
    net = nnlib.Network([layers.Input(SHAPE), layers.Rescaling(1 / 255, -0.5)], dtype=dtype)
    found = net.F(X)
    assert found.dtype == dtype
    assert_close(found, X / 255 - 0.5, terms=2)


@pytest.mark.parametrize("change", ["slice", "reversed", "read-only", "odd place", "column-major"])
def test_bytes_of_any_layout(change):
    X, y = images(51)
    given = {
        "slice": X[1:], "reversed": X[:0:-1], "read-only": X[1:].copy(),
        "odd place": np.frombuffer(b"0" + X[1:].tobytes(), np.uint8)[1:].reshape(50, *SHAPE),
        "column-major": np.asfortranarray(X[1:]),
    }[change]  # fmt: skip
    given.flags.writeable = change not in ("read-only", "odd place")
    found = []
    for one in (given, given.astype(np.float32)):
        net = scaled_network()
        net.descent(one, y[1:], epochs=2, batch_size=10)
        found.append(net.parameters)
    np.testing.assert_array_equal(found[0], found[1])


def test_bytes_stay_bytes():
    """A descent and F take less memory than the images in float32 would alone."""
    X, y = images(4000, (28, 28, 1))
    net = scaled_network(shape=(28, 28, 1))
    net.descent(X[:100], y[:100], epochs=1, batch_size=50)  # compiles
    net.F(X[:600])
    tracemalloc.start()
    net.descent(X, y, epochs=1, batch_size=50)
    net.F(X)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 0.5 * 4 * X.size


@pytest.mark.parametrize("validation", ["bytes", "numbers"])
@pytest.mark.parametrize("training", ["bytes", "numbers"])
def test_bytes_beside_numbers(training, validation):
    X, y = images()
    kinds = {"bytes": X, "numbers": X.astype(np.float32)}
    net, other = scaled_network(), scaled_network()
    held_out = kinds[validation][30:], y[30:]
    first = net.descent(kinds[training][:30], y[:30], epochs=3, batch_size=9, validation=held_out)
    second = other.descent(
        X[:30] * 1.0, y[:30], epochs=3, batch_size=9, validation=(X[30:] * 1.0, y[30:])
    )
    np.testing.assert_array_equal(net.parameters, other.parameters)
    np.testing.assert_array_equal(first.validation_J, second.validation_J)


@pytest.mark.filterwarnings("ignore:X has uint8")
def test_where_bytes_become_numbers():
    """A population, a method of full batches, and a dense layer that reads rows."""
    X, y = images()
    for act in (
        lambda Z: nnlib.train_many(scaled_network(), Z, y, n=2, epochs=2)[1].parameters,
        lambda Z: _descended(scaled_network(), Z, y, optimizer="lbfgs"),
        lambda Z: _descended(
            network(shape=(64,)),
            Z.reshape(-1)[: 64 * 50].reshape(50, 64),
            y,
            optimizer="adam",
            learning_rate=1e-4,
        ),
    ):
        np.testing.assert_array_equal(act(X), act(X.astype(np.float32)))


def _descended(net, X, y, **options):
    net.descent(X, y, epochs=3, **options)
    return net.parameters


def test_same_bits_for_any_number_of_threads(monkeypatch):
    X, y = images(2000)
    found = []
    for members in (1, 2, 3):
        force(monkeypatch, members)
        net = network(layers.Rescaling(1 / 255), layers.RandomShift(2, 1), units=40)
        y_of = y % 3
        net.descent(X, y_of, epochs=2, batch_size=1000)
        found.append(net.parameters)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_a_warning_of_images_that_nothing_scales():
    X, y = images()
    with pytest.warns(UserWarning, match=r"X has uint8 up to 255.*layers\.Rescaling\(1/255\)"):
        network().descent(X, y, epochs=1, learning_rate=1e-9)
    with pytest.warns(UserWarning, match="uint8"):
        nnlib.Network([3, 1]).descent(np.full((4, 3), 200, np.uint8), np.ones(4), epochs=1)


@pytest.mark.filterwarnings("error")
def test_no_warning_without_reason():
    X, y = images()
    scaled_network().descent(X, y, epochs=1)
    network(layers.BatchNormalization()).descent(X, y, epochs=1)
    network().descent(X // 4, y, epochs=1, learning_rate=1e-9)
    network().descent(X / 255, y, epochs=1)


def y0():
    return np.empty(0)


def test_layout_is_that_of_numbers():
    X, y = images()
    table = scaled_network().architecture.training_table
    rows, targets = X.reshape(50, -1), np.eye(3, dtype=np.float32)[y]
    data = buffers.arrange(table, Examples(rows, targets, y0()), 10, 16, 1, shuffle=False)
    assert data.draw == 0
    assert data.inputs.nbytes <= X.nbytes
