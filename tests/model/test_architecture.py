"""Architecture: what follows from layers and loss, and that it is a value."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnlib.kernels.formulas import activations
from nnlib.kernels.layers.operations import DELTA_OUT, DENSE, DROPOUT, rows_of
from nnlib.layers.dense import DenseLayer
from nnlib.model.architecture import Architecture
from nnlib.model.dense_chain import count_parameters

sizes_of_chains = st.lists(st.integers(1, 40), min_size=2, max_size=6)


def made() -> Architecture:
    return Architecture.of([3, 4, 2], ["tanh", "softmax"], "softmax_cross_entropy")


def test_equal_where_layers_and_loss_are():
    assert made() == made()
    assert hash(made()) == hash(made())
    others = [
        Architecture.of([3, 4, 2], "tanh"),
        Architecture.of([3, 5, 2], ["tanh", "softmax"], "softmax_cross_entropy"),
        Architecture.of([3, 4, 2], ["relu", "softmax"], "softmax_cross_entropy"),
        Architecture.of([3, 4, 2], ["tanh", "identity"], "softmax_cross_entropy"),
        made().with_dropout([0.5]),
    ]
    for one, other in itertools.combinations([made(), *others], 2):
        assert one != other


def test_immutable():
    for name in ("graph", "losses", "dropout", "size", "table"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(made(), name, None)


@pytest.mark.parametrize(
    "twin", [copy.copy, copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a))]
)
def test_copies_are_equal_and_complete(twin):
    found = twin(made())
    assert found == made()
    assert (found.size, found.units, found.d_in, found.d_out) == (26, made().units, 3, 2)
    np.testing.assert_array_equal(found.table, made().table)
    np.testing.assert_array_equal(found.training_table, made().training_table)


@given(sizes_of_chains)
def test_shapes(sizes):
    found = Architecture.of(sizes, "tanh")
    assert found.sizes == tuple(sizes)
    assert (found.d_in, found.d_out) == (sizes[0], sizes[-1])
    assert (
        found.size
        == count_parameters(sizes)
        == sum(d_in * d_out + d_out for d_in, d_out in itertools.pairwise(sizes))
    )


@given(sizes_of_chains)
def test_views_cover_every_parameter_once_in_the_order_of_the_rows(sizes):
    found = Architecture.of(sizes, "tanh")
    numbers = np.arange(found.size)
    views = [tuple(arrays.values()) for arrays in found.arrays(numbers)]
    flat = np.concatenate([array.reshape(-1) for pair in views for array in pair])
    np.testing.assert_array_equal(flat, numbers)
    assert all(array.base is numbers for pair in views for array in pair)
    for row, (weight, bias) in zip(rows_of(found.table), views, strict=True):
        assert weight.shape == (row.weight_rows, row.row_weights)
        assert weight.size == row.decayed
        assert (weight[0, 0], weight.size + bias.size) == (row.parameters, row.size)


@given(sizes_of_chains)
def test_layers_lie_one_behind_the_other(sizes):
    found = Architecture.of(sizes, "silu").with_dropout([0.5] * (len(sizes) - 2))
    rows = rows_of(found.training_table)
    for row, following in itertools.pairwise(rows):
        assert following.output == row.end
        assert following.parameters == row.parameters + row.size
        assert following.d_in == row.d_out
    assert found.units == rows[-1].end


def test_the_tables_differ_by_the_activation_that_a_loss_folds_in():
    own, trained = (rows_of(table) for table in (made().table, made().training_table))
    assert own[-1].activation == activations.CODES["softmax"]
    assert trained[-1].activation == activations.LOG_SOFTMAX
    shared = slice(0, DELTA_OUT)  # the rest is of the whole table
    assert [row[shared] for row in own[:-1]] == [row[shared] for row in trained[:-1]]


def test_dropout_thins_hidden_layers_in_training_only():
    found = Architecture.of([3, 4, 5, 2], "tanh").with_dropout([0.0, 0.25])
    kinds = [row.kind for row in rows_of(found.training_table)]
    assert kinds == [DENSE, DENSE, DROPOUT, DENSE]
    assert [row.kind for row in rows_of(found.table)] == [DENSE] * 3
    assert rows_of(found.training_table)[2].keep == 0.75 * 2**32
    assert found.with_dropout(None) == Architecture.of([3, 4, 5, 2], "tanh")


def test_without_dropout_nothing_is_made_again():
    assert made().with_dropout(None).table is not made().table
    one = made()
    assert one.with_dropout(()) is one


def test_arguments_give_the_same_architecture():
    assert Architecture.of(**made().arguments()) == made()


def test_too_many_parameters_are_refused_before_a_table_is_made():
    with pytest.raises(ValueError, match="its 1000000000001000000000000 parameters take"):
        Architecture.of([10**12, 10**12])


def test_a_layer_gives_views_of_its_own_part():
    layer = DenseLayer(2, 3, "tanh")
    weight, bias = layer.arrays(np.arange(9)).values()
    assert (weight.tolist(), bias.tolist()) == ([[0, 1], [2, 3], [4, 5]], [6, 7, 8])
    assert layer.parameters["weight"].fans == (2, 3)
