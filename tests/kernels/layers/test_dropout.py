"""Dropout: the mask's distribution, what it does to values and deltas, and its key."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib.kernels.compile.jit import entry
from nnlib.kernels.layers import dropout
from nnlib.kernels.layers.operations import build_table
from tests.kernels.calling import layer_of, run_layer


def forward(out, mask, values, row, key):
    windows = {"a_in": values, "a_out": out, "workspace": mask, "key": key}
    run_layer(dropout.forward, layer_of(row, values.dtype, 1, **windows))


def delta(delta_in, mask, delta_out):
    windows = {"workspace": mask, "delta_in": delta_in, "delta_out": delta_out}
    run_layer(dropout.delta, layer_of(table(1, 0.5), mask.dtype, 1, **windows))


@entry
def key_of(seed, step, block):
    return dropout.block_key(seed, step, block)


def table(units, probability, output=0):
    return build_table([dropout.row(units, probability, 0, output, -1)])


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_share_of_the_dropped_and_scale_of_the_kept(probability, dtype):
    values = np.ones(100_000, dtype)
    out, mask = np.empty_like(values), np.empty_like(values)
    forward(out, mask, values, table(1, probability), np.uint64(12345))
    kept = out != 0
    # Five standard deviations of a binomial share.
    assert abs(kept.mean() - (1 - probability)) < 5 * np.sqrt(0.25 / len(values))
    np.testing.assert_allclose(out[kept], 1 / (1 - probability), rtol=1e-6)
    # Neighbours are independent: the share of equal neighbours is p² + (1 − p)².
    equal = (kept[1:] == kept[:-1]).mean()
    assert abs(equal - (probability**2 + (1 - probability) ** 2)) < 0.01


def test_values_and_deltas_get_the_same_mask(dtype, rng):
    values, delta_out = rng.normal(size=(2, 640)).astype(dtype)
    out, mask, delta_in = (np.empty(640, dtype) for _ in range(3))
    forward(out, mask, values, table(10, 0.5), np.uint64(7))
    delta(delta_in, mask, delta_out)
    np.testing.assert_array_equal(out, values * mask)
    np.testing.assert_array_equal(delta_in, delta_out * mask)
    assert set(np.unique(mask)) == {0, 2}


def test_no_key_means_no_dropout(dtype, rng):
    values = rng.normal(size=64).astype(dtype)
    out, mask = np.empty(64, dtype), np.empty(64, dtype)
    forward(out, mask, values, table(1, 0.5), dropout.NO_DROPOUT)
    np.testing.assert_array_equal(out, values)


def test_masks_differ_by_key_and_by_layer(dtype):
    values = np.ones(640, dtype)

    def drawn(output, key):
        out, mask = np.empty(640, dtype), np.empty(640, dtype)
        forward(out, mask, values, table(10, 0.5, output), np.uint64(key))
        return out

    base = drawn(0, key_of(1, 1, 0))
    np.testing.assert_array_equal(base, drawn(0, key_of(1, 1, 0)))
    for other in (drawn(0, key_of(2, 1, 0)), drawn(0, key_of(1, 2, 0)), drawn(0, key_of(1, 1, 1)),
                  drawn(20, key_of(1, 1, 0))):  # fmt: skip
        assert 0.3 < (base != other).mean() < 0.7


def test_keys_are_never_none():
    assert all(key_of(0, step, 0) != dropout.NO_DROPOUT for step in range(100))
