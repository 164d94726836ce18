"""weights and biases: sequences whose elements can be written, and cannot be exchanged."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib


def test_an_array_is_written_into_the_network(dtype):
    net = nnlib.Network([2, 3, 1], "identity", dtype=dtype)
    W = np.arange(6.0).reshape(3, 2)
    net.weights[0] = W
    net.biases[-1] = [7]
    np.testing.assert_array_equal(net.parameters[:6], W.ravel())
    assert net.parameters[-1] == 7
    W[:] = -1  # the numbers are copied
    assert net.weights[0][0, 1] == 1


def test_several_layers_at_once():
    net = nnlib.Network([1, 2, 1])
    net.weights[:] = [[[1], [2]], [[3, 4]]]
    np.testing.assert_array_equal(net.parameters[[0, 1, 4, 5]], [1, 2, 3, 4])
    assert [array.shape for array in net.weights[1:]] == [(1, 2)]


def test_operations_in_place():
    net = nnlib.Network([1, 2, 1], initializer="zeros")
    net.biases[0] += 2
    np.testing.assert_array_equal(net.parameters, [0, 0, 2, 2, 0, 0, 0])


@pytest.mark.parametrize(
    ("layer", "values", "kind", "message"),
    [
        (0, [1, 2], ValueError, r"weights\[0\] has shape \(2,\), wanted \(2, 1\)"),
        (-1, [[1, np.nan]], ValueError, r"weights\[1\] holds nan at index \(0, 1\)"),
        (0, [["a"], ["b"]], TypeError, r"weights\[0\] has dtype"),
        (2, [[1]], IndexError, "out of range"),
        (slice(None), [[[1], [2]]], ValueError, "weights: 1 arrays for 2 layers"),
        (slice(None), [[[1], [2]], [[np.inf, 0]]], ValueError, r"weights\[1\] holds inf"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_and_nothing_written(layer, values, kind, message):
    net = nnlib.Network([1, 2, 1])
    before = net.parameters.copy()
    with pytest.raises(kind, match=message):
        net.weights[layer] = values
    np.testing.assert_array_equal(net.parameters, before)


def test_there_is_no_appending():
    net = nnlib.Network([1, 2, 1])
    for name in ("append", "insert", "pop", "clear", "extend"):
        assert not hasattr(net.weights, name)
    with pytest.raises(AttributeError):
        del net.weights[0]


def test_text_is_that_of_a_list():
    net = nnlib.Network([1, 2, 1], initializer="zeros")
    assert repr(net.weights) == repr(list(net.weights))
    assert (len(net.weights), len(net.biases)) == (2, 2)
