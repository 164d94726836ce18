"""F of an array whose shape has been met gives the same bits and the same errors as at first."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.layers import Input

pytestmark = pytest.mark.cpu("graphs")

IMAGE = [layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(3)]
NETWORKS = {
    "image": ((5, 4, 1), IMAGE, (5, 4, 1)),
    "image of one channel": ((5, 4, 1), IMAGE, (5, 4)),
    "rows": ((5, 4, 1), IMAGE, (20,)),
    "sequence": ((6, 2), [layers.GRU(3), layers.Dense(2)], (6, 2)),
    "any length": ((None, 2), [layers.GRU(3), layers.Dense(2)], (6, 2)),
    "any length without a mask": ((None, 2), [layers.Conv1D(3, 2)], (6, 2)),
    "every step": ((None, 2), [layers.LSTM(3, return_sequences=True)], (6, 2)),
}


def network(name, dtype="float64"):
    shape, behind, example = NETWORKS[name]
    net = nnlib.Network([Input(shape), *behind], dtype=dtype, seed=3)
    return net, np.random.default_rng(4).normal(size=(3, *example))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_second_call_has_the_bits_of_the_first(name, dtype):
    net, X = network(name, dtype)
    first = net.F(X)
    assert net.architecture.linked.readings[X.shape[1:]] is not None
    for again in (X, X.copy(order="F"), X.astype(dtype)):
        found = net.F(again)
        np.testing.assert_array_equal(found, first)
        assert found.dtype == first.dtype == dtype
    np.testing.assert_array_equal(net.F(X[:2]), first[:2])
    np.testing.assert_array_equal(net.F(X.tolist()), first)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(net)).F(X), first)


def test_sequences_of_another_length_and_masks_are_read_anew():
    net, X = network("any length")
    short = net.F(X[:, :4])
    net.F(X)
    np.testing.assert_array_equal(net.F(X[:, :4]), short)
    np.testing.assert_array_equal(net.F(X, lengths=[4, 4, 4]), short)
    mask = np.arange(6) < np.array([[4], [6], [4]])
    np.testing.assert_array_equal(net.F(X, mask=mask)[[0, 2]], short[[0, 2]])


def test_changed_parameters_are_seen():
    net, X = network("image")
    before = net.F(X)
    net.parameters = 2 * net.parameters
    assert (net.F(X) != before).any()


def test_errors_are_those_of_the_first_call():
    net, X = network("image")
    wrong = X.copy()
    wrong[1, 2, 3, 0] = np.nan
    calls = {
        r"X holds nan at index \[1, 2, 3, 0\]|X holds nan": wrong,
        "X is empty": X[:0],
        r"X has shape \(3, 4, 5, 1\), wanted \(n, 5, 4, 1\)": X.swapaxes(1, 2),
    }
    for _ in range(2):
        for message, given in calls.items():
            with pytest.raises(ValueError, match=message):
                net.F(given)
        net.F(X)
    net.parameters[7] = np.inf
    with pytest.raises(ValueError, match="parameters holds inf at index 7"):
        net.F(X)


def test_whole_numbers_are_looked_up_every_time():
    net = nnlib.Network([Input((None,)), layers.Embedding(5, 3), layers.GRU(2)])
    net.F(np.array([[1.0, 2.0]]))
    with pytest.raises(ValueError, match="holds 9"):
        net.F(np.array([[1.0, 9.0]]))
    images = nnlib.Network([Input((5, 4, 1)), layers.Rescaling(0.5), *IMAGE])
    X = np.random.default_rng(0).integers(256, size=(2, 5, 4, 1)).astype(np.uint8)
    first = images.F(X)
    np.testing.assert_array_equal(images.F(X.astype(float)), first)
    np.testing.assert_array_equal(images.F(X), first)


def test_several_and_named_outputs_stay_in_their_form():
    x = Input((4, 2))
    outputs = {"last": layers.GRU(2)(x), "all": layers.TimeDistributed(layers.Dense(1))(x)}
    net = nnlib.Network(inputs=x, outputs=outputs)
    X = np.ones((2, 4, 2))
    for _ in range(2):
        assert {name: part.shape for name, part in net.F(X).items()} == {
            "last": (2, 2), "all": (2, 4, 1)
        }  # fmt: skip
