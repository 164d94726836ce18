"""Deltas that share memory: none is written over while it is wanted, and no bit changes."""

from __future__ import annotations

import hypothesis
import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.kernels.layers.delta_places import with_shared_deltas
from nnlib.kernels.layers.operations import BUFFER_UNITS, EMBEDDING, rows_of
from nnlib.kernels.layers.parts import gradients_in_step
from nnlib.training import buffers
from tests.graph_examples import GRAPHS
from tests.graph_strategies import graph_cases


def walked_back(table):
    """Every unit's owner while the rows go backwards; returns how many units are used.

    A row finds its own δ in delta_out, and writes the δ of its source into delta_in.
    """
    rows = rows_of(table)
    owners = np.full(int(table[BUFFER_UNITS]), -2)
    used = 0

    def units(first, size):
        nonlocal used
        used = max(used, first + size)
        return slice(first, first + size)

    for row in rows:
        if row.loss >= 0:
            owners[units(row.delta_out, row.d_out)] = row.output
    for row in reversed(rows):
        own = units(row.delta_out, row.d_out)
        # One that only continues an output, of the data, writes a δ that nobody reads.
        passes_on = row.delta_in >= 0 and not (row.continues and row.source < 0)
        if row.learns or passes_on:
            assert (owners[own] == row.output).all(), "its δ was written over"
        if row.delta_in >= 0:
            given = units(row.delta_in, row.d_in)
            assert given.start >= own.stop or given.stop <= own.start
            owners[given] = -1 if row.adds >= 0 else row.source
        if row.adds >= 0:
            assert (owners[units(row.adds, row.d_in)] == row.source).all()
    return used


@pytest.mark.parametrize("name", GRAPHS)
def test_no_delta_is_written_over(name):
    table = GRAPHS[name]().net.architecture.training_table
    shared = with_shared_deltas(table)
    assert shared is not table
    assert walked_back(shared) <= walked_back(table)
    assert with_shared_deltas(shared) is shared


@hypothesis.given(case=graph_cases(active=True))
def test_no_delta_of_any_graph_is_written_over(case):
    table = case.net.architecture.training_table
    assert walked_back(with_shared_deltas(table)) <= walked_back(table)


def test_a_deep_network_wants_three_values_at_a_time():
    x = h = layers.Input((8, 8, 2))
    for _ in range(10):
        g = layers.Activation("relu")(layers.Conv2D(2, 3, padding="same")(h))
        h = layers.Conv2D(2, 3, padding="same")(g) + h
    net = nnlib.Network(inputs=x, outputs=layers.Dense(1)(layers.Flatten()(h)))
    table = net.architecture.training_table
    value = 8 * 8 * 2
    assert walked_back(table) > 20 * value
    assert walked_back(with_shared_deltas(table)) <= 3 * value + 1


def test_a_step_that_wants_a_delta_finds_it():
    for net in (
        nnlib.Network([layers.Input(3), layers.Embedding(5, 2), layers.Flatten(), layers.Dense(1)]),
        nnlib.Network([784, 64, 1]),
    ):
        table = gradients_in_step(net.architecture.training_table, 0, 0)
        assert any(row.in_step or row.kind == EMBEDDING for row in rows_of(table))
        assert with_shared_deltas(table) is table


@pytest.mark.cpu("graphs")
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("name", GRAPHS)
def test_descents_have_the_same_bits(name, optimizer, monkeypatch):
    found = []
    for shares in (True, False):
        case = GRAPHS[name](dtype="float32")
        monkeypatch.setattr(
            buffers, "with_shared_deltas", with_shared_deltas if shares else lambda table: table
        )
        monkeypatch.setattr(buffers, "convolves", lambda table: True)
        history = case.net.descent(
            *case.data, epochs=3, batch_size=8, optimizer=optimizer, learning_rate=0.01, seed=1
        )
        found.append((case.net.parameters.copy(), history.J))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])
