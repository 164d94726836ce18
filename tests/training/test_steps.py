"""Gradients of wide layers made in the step, against those of the chunks added up."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib.kernels.layers import operations, parts
from nnlib.kernels.layers.operations import COLUMNS, IN_STEP
from nnlib.training import buffers

pytestmark = pytest.mark.cpu("kernels")

# Two whole batches of two chunks, and 24 examples that the first chunk holds alone.
N, BATCH = 152, 64
SIZES = [200, 90, 70, 3]
CASES = {
    "descent": {},
    "decay": {"weight_decay": 0.02},
    "descent, max-norm": {"max_norm": 0.6},
    "descent, l1": {"l1": 1e-3},
    "descent, clipped": {"clip_norm": 0.05, "clip_value": 0.01},
    "momentum": {"optimizer": "momentum", "weight_decay": 0.02},
    "adam, everything": {
        "optimizer": "adam", "weight_decay": 1e-3, "l1": 1e-4, "clip_norm": 0.05,
        "clip_value": 0.01, "max_norm": 0.6, "dropout": 0.2, "validation": 0.3, "patience": 9,
    },
    "adamw": {"optimizer": "adamw"},
    "one chunk": {"batch_size": 20},
    "one chunk, adam": {"batch_size": 20, "optimizer": "adam"},
    "in order": {"shuffle": False},
}  # fmt: skip


def train(options, tables, monkeypatch):
    """Parameters and costs after three epochs; the table of the descent is added to tables."""
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(N, SIZES[0])), rng.uniform(size=(N, SIZES[-1]))
    chosen = buffers.descent_table

    def kept(*arguments):
        tables.append(chosen(*arguments))
        return tables[-1]

    monkeypatch.setattr(buffers, "descent_table", kept)
    # The first two layers, whatever the size of the batch.
    any_units = buffers.gradients_in_step
    monkeypatch.setattr(buffers, "LONG_GRADIENT", 5000)
    monkeypatch.setattr(
        buffers, "gradients_in_step", lambda table, weights, units: any_units(table, weights, 0)
    )
    net = nnlib.Network(SIZES, "tanh", seed=1)
    rate = 0.001 if "adam" in options.get("optimizer", "sgd") else 0.1
    options = {"batch_size": BATCH, "learning_rate": rate, "seed": 5, **options}
    history = net.descent(X, y, epochs=3, **options)
    return net.parameters, history.J


def has_gradients_in_step(table):
    return table.reshape(-1, COLUMNS)[:, IN_STEP].any()


@pytest.mark.parametrize(
    ("batch", "chunks", "lanes", "expected"),
    [(64, 2, 32, True), (128, 2, 64, False), (128, 1, 128, True), (64, 1, 32, False)],
)
def test_several_chunks_make_gradients_in_the_step_if_units_outnumber_samples(
    batch, chunks, lanes, expected
):
    """784-128-10; the last case has two blocks in its chunk."""
    table = nnlib.Network([784, 128, 10]).architecture.training_table
    layout = buffers.Layout(batch, False, chunks, lanes)
    assert has_gradients_in_step(buffers.descent_table(table, layout)) == expected


@pytest.mark.parametrize("case", CASES)
def test_gradients_in_the_step(case, monkeypatch):
    tables = []
    with monkeypatch.context() as patch:
        in_step = train(CASES[case], tables, patch)
    assert has_gradients_in_step(tables[0]), "the other way was taken"
    with monkeypatch.context() as patch:
        patch.setattr(parts, "WIDE", operations.IN_STEP)  # 0 everywhere: no layer is chosen
        added_up = train(CASES[case], tables, patch)
    assert not has_gradients_in_step(tables[1])
    # Sums of a few hundred float64 terms in another order, over nine steps of small rates.
    for found, expected in zip(in_step, added_up, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)
