"""Linked tables: addresses of what a network uses, and of nothing else."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.kernels.formulas import optimizers
from nnlib.kernels.layers.operations import (
    COLUMNS,
    DENSE,
    DROPOUT,
    FORWARD,
    KIND,
    LOSS_WEIGHT,
    POSITIONS,
    Row,
    bits_of,
    described,
)
from nnlib.kernels.layers.parts import gradients_in_step
from nnlib.kernels.network.linking import Use, linked

pytestmark = pytest.mark.cpu("kernels")

CALLED = Row._fields[Row._fields.index("forward") :]


def architecture(sizes=(3, 5, 2), activation=("tanh", "identity"), **others):
    return nnlib.Network(sizes, activation, **others).architecture


def addresses(table, row):
    """The names of the columns of a row that hold addresses."""
    columns = Row(*table.reshape(-1, COLUMNS)[row].tolist())
    return {name for name in CALLED if getattr(columns, name)}


def test_f_alone_calls_activations():
    table = linked(architecture().table, Use(np.float64))
    assert addresses(table, 0) == {"pack", "pack_inputs", "activate"}
    assert addresses(table, 1) == set()  # identity


def test_a_descent_also_calls_derivatives_loss_and_optimizer():
    use = Use(np.float64, cost=True, train=True)
    table = linked(architecture().training_table, use)
    assert addresses(table, 0) == {"pack", "pack_inputs", "activate", "derive"}
    assert addresses(table, 1) == {"cost", "cost_delta"}
    use = use._replace(optimizer=optimizers.CODES["adam"])
    assert "optimizer_step" in addresses(linked(architecture().training_table, use), 0)


def test_wide_layers_dropout_and_single_samples_are_called():
    wide = architecture([100, 100, 2]).with_dropout([0.5]).training_table
    table = linked(wide, Use(np.float32, train=True))
    assert addresses(table, 0) >= {"forward", "delta", "gradient", "product"}
    assert table.reshape(-1, COLUMNS)[1, KIND] == DROPOUT
    assert addresses(table, 1) == {"forward", "delta"}
    assert "forward" not in addresses(table, 2)
    single = linked(architecture().table, Use(np.float64, single=True))
    assert "forward" in addresses(single, 0)


def test_the_step_of_plain_descent_is_called_where_it_makes_gradients():
    use = Use(np.float32, cost=True, train=True)
    table = architecture([100, 100, 2]).training_table
    in_step = gradients_in_step(table, 0, 0)
    assert "step_in_parts" not in addresses(linked(table, use), 0)
    assert addresses(linked(in_step, use), 0) >= {"step_in_parts", "step_products"}
    use = use._replace(optimizer=optimizers.CODES["adam"])
    assert "step_in_parts" not in addresses(linked(in_step, use), 0)


@pytest.mark.parametrize(
    ("factor", "positions", "called"), [(1.0, 0, False), (0.5, 0, True), (1.0, 2, True)]
)
def test_outputs_with_a_factor_or_with_positions_are_called(factor, positions, called):
    table = architecture().training_table.reshape(-1, COLUMNS).copy()
    table[:, [LOSS_WEIGHT, POSITIONS]] = bits_of(factor), positions
    own = {"output_cost", "output_delta"} if called else set()
    for use in (Use(np.float64, cost=True, train=True), Use(np.float64, cost=True)):
        found = addresses(linked(table.reshape(-1), use), 1)
        assert found & {"output_cost", "output_delta"} == (
            own if use.train else own - {"output_delta"}
        )


def test_wide_layers_behind_a_convolution_call_gemm_for_their_gradients_alone():
    net = nnlib.Network(
        [layers.Input((8, 8, 1)), layers.Conv2D(2, 1), layers.Flatten(), layers.Dense(64, "tanh")]
    )
    table = linked(net.architecture.training_table, Use(np.float32, train=True))
    kinds = table.reshape(-1, COLUMNS)[:, KIND]
    assert addresses(table, kinds.tolist().index(DENSE)) == {
        "activate", "derive", "gradient", "product",
    }  # fmt: skip


def test_dtypes_have_code_of_their_own():
    one, other = (linked(architecture().table, Use(dtype)) for dtype in (np.float32, np.float64))
    assert (one[FORWARD:COLUMNS] != other[FORWARD:COLUMNS]).any()
    np.testing.assert_array_equal(described(one), described(other))


def test_a_linked_table_is_a_copy_of_its_own():
    table = architecture().table
    before = table.copy()
    one, other = (linked(table, Use(np.float64)) for _ in range(2))
    one[:] = 0
    assert (other != 0).any()
    np.testing.assert_array_equal(table, before)
    np.testing.assert_array_equal(linked(table, Use(np.float64)), other)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))]
)
def test_addresses_do_not_travel(copied):
    net = nnlib.Network([1, 2, 1])
    net.F(0.5), net.J(0.5, 0.5)
    assert net.architecture.linked
    text = pickle.dumps(net)
    addresses = net.architecture.linked[True, 8].reshape(-1, COLUMNS)[:, FORWARD:].ravel()
    assert (addresses > 2**32).any()
    for number in addresses[addresses > 2**32]:
        assert int(number).to_bytes(8, "little") not in text
    assert copied(net).F(0.5) == net.F(0.5)
