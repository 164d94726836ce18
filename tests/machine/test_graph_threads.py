"""Graphs have the same bits for any number of threads, and several chunks make the same step."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.kernels.network.cut import chunk_count
from nnlib.model import evaluation
from tests.graph_examples import GRAPHS
from tests.machine.teams import force, short_slices

pytestmark = pytest.mark.cpu("threads")

# So many examples that a batch of them is several chunks, for the smallest graph too.
N = 30_000
OPTIONS = {
    "plain": {},
    "adam, mini-batches": {"optimizer": "adam", "batch_size": 15_000},
    "all the extras": {
        "optimizer": "momentum", "weight_decay": 1e-3, "l1": 1e-4, "clip_norm": 0.1,
        "clip_value": 0.05, "max_norm": 1.0, "validation": 0.25, "patience": 50,
    },
}  # fmt: skip


def chunks(net, batch):
    """Into how many chunks a batch is cut."""
    return chunk_count(batch, net.parameters.size, net.architecture.work)


def small(name, dtype):
    """A small graph with enough examples for several chunks, and they."""
    case = GRAPHS[name](dtype=dtype, n=10)
    rng = np.random.default_rng(1)
    case.X, case.Y = (
        [rng.permutation(np.repeat(one, N // 10, axis=0)) for one in given]
        for given in (case.X, case.Y)
    )
    assert chunks(case.net, 15_000) > 1, "one chunk tests nothing"
    return case.net, *case.data


def wide(dtype, **settings):
    """Wide layers, one of them used twice, with dropout between."""
    x = layers.Input(70)
    shared = layers.Dense(70, "tanh", **settings)
    h = layers.Dropout(0.3)(shared(x))
    h = h + shared(h)
    net = nnlib.Network(inputs=x, outputs=[layers.Dense(3)(h), layers.Dense(64)(h)], dtype=dtype)
    rng = np.random.default_rng(2)
    X = rng.normal(size=(600, 70))
    assert chunks(net, 300) > 1, "one chunk tests nothing"
    return net, X, [rng.normal(size=(600, 3)), rng.normal(size=(600, 64))]


def descended(make, **options):
    """Parameters and costs after a short descent."""
    net, X, y = make()
    history = net.descent(X, y, **{"learning_rate": 0.01, "epochs": 3, **options})
    return net.parameters, history.J, getattr(history, "validation_J", None)


def assert_same_bits(monkeypatch, make, **options):
    force(monkeypatch, 1)
    one = descended(make, **options)
    for members in (2, 5):
        force(monkeypatch, members)
        for expected, found in zip(one, descended(make, **options), strict=True):
            np.testing.assert_array_equal(expected, found)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("name", GRAPHS)
def test_small_graphs(name, options, monkeypatch):
    assert_same_bits(monkeypatch, lambda: small(name, "float64"), **options)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("batch_size", [300, None])
@pytest.mark.parametrize("settings", [{}, {"trainable": False}, {"rate_factor": 0.5}])
def test_wide_graphs_with_dropout(settings, batch_size, dtype, monkeypatch):
    options = {"batch_size": batch_size, "optimizer": "adam"}
    assert_same_bits(monkeypatch, lambda: wide(dtype, **settings), **options)


def test_a_team_that_shrinks_and_grows(monkeypatch):
    options = {"batch_size": 300}
    force(monkeypatch, 1)
    one = descended(lambda: wide("float64"), **options)
    force(monkeypatch, 1, 3, 2, 1, 2, 3)
    short_slices(monkeypatch)
    for expected, found in zip(one, descended(lambda: wide("float64"), **options), strict=True):
        np.testing.assert_array_equal(expected, found)


@pytest.mark.parametrize("name", GRAPHS)
def test_several_chunks_make_the_step_of_the_gradient(name):
    """The gradient of derJ is of one chunk."""
    net, X, y = small(name, "float64")
    expected = net.parameters - 0.1 * net.derJ(X, y, flat=True)
    net.descent(X, y, learning_rate=0.1, epochs=1)
    np.testing.assert_allclose(net.parameters, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_outputs(dtype, monkeypatch):
    net, X, _ = wide(dtype)
    X = np.tile(X, (10, 1))
    work = len(X) * (net.architecture.work + evaluation.UNIT_WORK * net.architecture.units)
    assert work > evaluation.TEAM_WORK, "no team"
    force(monkeypatch, 1)
    one = net.F(X)
    for members in (2, 3):
        force(monkeypatch, members)
        for expected, found in zip(one, net.F(X), strict=True):
            np.testing.assert_array_equal(expected, found)
