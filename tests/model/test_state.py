"""The state of a network as a whole: what files and populations hand over."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from tests.devices import amount

X, Y = np.linspace(0, 1, 12), np.linspace(0.2, 0.8, 12)
OPTIONS = {"epochs": amount(4, 2), "batch_size": 5}


def test_a_restored_network_goes_on_with_the_same_bits():
    net, twin = nnlib.Network([1, 3, 1], seed=3), nnlib.Network([1, 3, 1], seed=4)
    net.descent(X, Y, **OPTIONS)
    twin.restore(*net.state())
    assert twin.seed == 3
    for one in (net, twin):
        one.descent(X, Y, dropout=0.5, **OPTIONS)
    np.testing.assert_array_equal(twin.parameters, net.parameters)


def test_the_state_is_not_the_network():
    net = nnlib.Network([1, 3, 1])
    twin = nnlib.Network([1, 3, 1])
    twin.restore(*net.state())
    before = net.state().generator.copy()
    twin.descent(X, Y, **OPTIONS)
    np.testing.assert_array_equal(net.state().generator, before)
    np.testing.assert_array_equal(net.parameters, nnlib.Network([1, 3, 1]).parameters)


def test_without_a_generator_the_seed_decides():
    net = nnlib.Network([1, 3, 1], seed=4)
    net.descent(X, Y, **OPTIONS)
    net.restore(net.parameters, seed=3)
    twin = nnlib.Network([1, 3, 1], seed=3)
    np.testing.assert_array_equal(net.state().generator, twin.state().generator)


def test_a_seed_that_is_not_known():
    net = nnlib.Network([1, 3, 1], seed=4)
    before = net.state().generator
    net.restore(net.parameters, seed=None)
    assert net.seed is None
    np.testing.assert_array_equal(net.state().generator, before)


def test_parameters_that_are_not_finite_are_no_state():
    net = nnlib.Network([1, 3, 1])
    net.parameters[2] = np.nan
    with pytest.raises(ValueError, match="parameters"):
        net.state()


def test_a_network_in_training_is_not_restored():
    net = nnlib.Network([1, 3, 1])
    state = nnlib.Network([1, 3, 1], seed=9).state()

    def callback(report):
        with pytest.raises(RuntimeError, match="its state cannot be set"):
            net.restore(*state)
        return True

    net.descent(X, Y, epochs=10**6, callback=callback)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"parameters": [1.0, 2.0]}, ValueError, r"parameters has shape \(2,\), wanted \(10,\)"),
        ({"parameters": np.full(10, np.inf)}, ValueError, "parameters holds inf at index 0"),
        ({"parameters": "weights"}, TypeError, "parameters has dtype <U7, wanted real numbers"),
        ({"generator": np.zeros(4, np.uint64)}, ValueError, "generator is all 0"),
        ({"generator": np.ones(3, np.uint64)}, ValueError, r"generator has shape \(3,\)"),
        ({"generator": [1, 2, 3, 4]}, TypeError, "generator is .*, wanted four words of uint64"),
    ],
)
def test_what_is_no_state_is_refused_before_anything_changes(given, error, message):
    net = nnlib.Network([1, 3, 1], seed=4)
    before = net.state()
    parameters = before.parameters.copy()
    with pytest.raises(error, match=message):
        net.restore(**{"parameters": np.zeros(10), "seed": 7, **given})
    assert net.seed == 4
    np.testing.assert_array_equal(net.parameters, parameters)
    np.testing.assert_array_equal(net.state().generator, before.generator)
