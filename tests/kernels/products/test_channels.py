"""Sums and formulas of channels over places and samples against NumPy's in float64."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib.kernels.compile.jit import entry
from nnlib.kernels.products.channels import (
    Run,
    Strip,
    delta_sums,
    normalised,
    normalised_deltas,
    square_sums,
    value_sums,
)
from tests.tolerances import assert_close


@entry
def run_sums(values, weight, mean, run, out):
    value_sums(out, values, weight, run)
    square_sums(out[32:], values, weight, mean, run)


@entry
def run_delta_sums(delta, values, mean, run, out):
    delta_sums(out, out[32:], delta, values, mean, run)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("places", "channels", "used"), [(1, 1, 1), (5, 13, 13), (7, 40, 31)])
def test_sums_are_those_of_the_examples_that_count(places, channels, used, dtype):
    rng, lanes = np.random.default_rng(0), 32
    run = Run(places, channels, used, lanes)
    values, delta = rng.normal(size=(2, places, channels, lanes)).astype(dtype)
    mean = rng.normal(size=used).astype(dtype)
    weight = (rng.random(lanes) < 0.8).astype(dtype)
    values[..., weight == 0] = np.nan
    found = np.zeros(64, dtype)
    run_sums(values.reshape(-1), weight, mean, run, found)
    counted = values[:, :used, weight > 0].astype(float)
    apart = counted - mean[:, None]
    terms = places * lanes
    assert_close(found[:used], counted.sum(axis=(0, 2)), terms=terms)
    assert_close(found[32 : 32 + used], (apart**2).sum(axis=(0, 2)), terms=terms, depth=2)
    values[..., weight == 0] = 1
    run_delta_sums(delta.reshape(-1), values.reshape(-1), mean, run, found)
    given, apart = delta[:, :used].astype(float), values[:, :used] - mean[:, None].astype(float)
    assert_close(found[:used], given.sum(axis=(0, 2)), terms=terms)
    assert_close(found[32 : 32 + used], (given * apart).sum(axis=(0, 2)), terms=terms, depth=2)
    assert not found[used:32].any()


@entry
def run_normalised(values, numbers, run, out):
    n = run.used
    normalised(out, values, Strip(0, numbers, numbers[n:], numbers[2 * n :], numbers), run)


@entry
def run_normalised_deltas(delta, values, weight, numbers, run, out):
    n = run.used
    strip = Strip(0, numbers, numbers[n:], numbers[2 * n :], numbers[3 * n :])
    normalised_deltas(out, delta, values, weight, strip, run)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("places", "channels", "used"), [(1, 1, 1), (5, 7, 7), (3, 18, 15)])
def test_formulas_have_the_numbers_of_their_channel(places, channels, used, dtype):
    rng, lanes = np.random.default_rng(1), 32
    run, shape = Run(places, channels, used, lanes), (places, channels, lanes)
    values, delta = rng.normal(size=(2, *shape)).astype(dtype)
    weight = (rng.random(lanes) < 0.8).astype(dtype)
    numbers = rng.normal(size=(4, used)).astype(dtype)
    mean, factor, start, slope = numbers.astype(float)[..., None]
    out = np.full(shape, 7, dtype)
    run_normalised(values.reshape(-1), numbers.reshape(-1), run, out.reshape(-1))
    expected = factor * (values[:, :used] - mean) + start
    assert_close(out[:, :used], expected, terms=3, depth=2)
    assert (out[:, used:] == 7).all()
    values[..., weight == 0] = np.nan
    run_normalised_deltas(
        delta.reshape(-1), values.reshape(-1), weight, numbers.reshape(-1), run, out.reshape(-1)
    )
    expected = factor * (delta[:, :used] - start - (values[:, :used] - mean) * slope)
    expected[..., weight == 0] = 0
    assert_close(out[:, :used], expected, terms=3, depth=3)
    assert (out[:, used:] == 7).all()
