"""A descent whose cost stops being finite ends, keeps the last good parameters and says so."""

from __future__ import annotations

import contextlib
import pickle

import numpy as np
import pytest

import nnlib
from tests.devices import amount


@pytest.fixture
def unstable(dtype):
    """A line through points with a step far too long: the error grows by a constant factor."""
    net = nnlib.Network([1, 1], activation="identity", dtype=dtype, initializer="zeros")
    X = np.arange(1.0, 9.0)
    return net, X, 3 * X + 1


@pytest.mark.parametrize("batch_size", [None, 3])
@pytest.mark.parametrize("shuffle", [False, True])
def test_keeps_the_last_parameters_with_a_finite_cost(unstable, batch_size, shuffle):
    net, X, y = unstable
    settings = {"learning_rate": 2.0, "batch_size": batch_size, "shuffle": shuffle, "seed": 6}
    with pytest.raises(nnlib.DivergenceError) as caught:
        net.descent(X, y, epochs=amount(100_000, 5000), **settings)
    error = caught.value
    assert error.history.J.shape == (error.epoch + 1,)
    assert np.isfinite(error.history.J[:-1]).all()
    assert not np.isfinite(error.history.J[-1])
    assert np.isfinite(net.parameters).all()
    assert np.isfinite(net.J(X, y))
    # They are those after as many whole epochs as leave the cost finite.
    good = []
    for epochs in (error.epoch - 1, error.epoch):
        twin = nnlib.Network([1, 1], activation="identity", dtype=net.dtype, initializer="zeros")
        with contextlib.suppress(nnlib.DivergenceError):
            twin.descent(X, y, epochs=epochs, **settings)
            if np.isfinite(twin.J(X, y)):
                good.append(twin.parameters)
    np.testing.assert_array_equal(net.parameters, good[-1])


def test_message_says_when_and_what_to_try(unstable):
    net, X, y = unstable
    with pytest.raises(nnlib.DivergenceError, match=r"learning_rate") as caught:
        net.descent(X, y, epochs=1000, learning_rate=2.0)
    assert str(caught.value.epoch) in str(caught.value)


def test_stops_at_once(unstable):
    """The rest of a hundred million epochs, half a minute of them, does not run."""
    net, X, y = unstable
    with pytest.raises(nnlib.DivergenceError) as caught:
        net.descent(X, y, epochs=amount(100_000_000, 100_000), learning_rate=2.0)
    assert caught.value.epoch < 1000


def test_infinite_cost_before_the_first_step(dtype):
    net = nnlib.Network([1, 1], activation="identity", dtype=dtype)
    large = np.finfo(dtype).max / 2
    net.parameters = [large, 0]
    with pytest.raises(nnlib.DivergenceError) as caught:
        net.descent([1.0], [0.0], epochs=5)
    assert caught.value.epoch == 0
    np.testing.assert_array_equal(net.parameters, np.array([large, 0], dtype))


def test_last_step_of_all_overflows(dtype):
    """The cost was finite in every epoch, but the parameters that it led to are not."""
    net = nnlib.Network([1, 1], activation="identity", dtype=dtype, initializer=[([[1.0]], [0.0])])
    large = float(np.finfo(dtype).max)
    with pytest.raises(nnlib.DivergenceError):
        net.descent([1e5], [0.0], epochs=1, learning_rate=large)
    np.testing.assert_array_equal(net.parameters, [1, 0])


def test_the_network_goes_on_after_a_divergence(unstable):
    """No NaN of the failed descent stays in any buffer."""
    net, X, y = unstable
    with pytest.raises(nnlib.DivergenceError):
        net.descent(X, y, epochs=1000, learning_rate=2.0)
    net.parameters = [0, 0]
    twin = nnlib.Network([1, 1], activation="identity", dtype=net.dtype, initializer="zeros")
    for network in (net, twin):
        network.descent(X, y, epochs=amount(50, 10), learning_rate=0.01)
    np.testing.assert_array_equal(net.parameters, twin.parameters)
    assert net.J(X, y) < 1


def test_error_survives_pickling(unstable):
    net, X, y = unstable
    with pytest.raises(nnlib.DivergenceError) as caught:
        net.descent(X, y, epochs=1000, learning_rate=2.0)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.epoch, str(copy)) == (caught.value.epoch, str(caught.value))
    np.testing.assert_array_equal(copy.history.J, caught.value.history.J)


def test_is_an_arithmetic_error():
    assert issubclass(nnlib.DivergenceError, ArithmeticError)
