"""Adam's missed steps by the series, beside the same steps one after the other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nnlib.kernels.compile.jit import entry
from nnlib.kernels.formulas import adam_series
from nnlib.kernels.formulas.adam_series import MOST_MISSED, SERIES_SIZE
from nnlib.kernels.formulas.optimizers import Stepped

pytestmark = pytest.mark.cpu("kernels")


@entry
def converges(part, missed):
    return adam_series.converges(part, missed)


@entry
def extend_series(series, settings, missed, weight, root):
    adam_series.extend_series(series, settings, missed, weight, root)


@entry
def make_up_by_series(part, series, missed, kept):
    adam_series.make_up_by_series(part, series, missed, kept)


ULPS = {"float32": 2.0**-24, "float64": 2.0**-53}


def one_by_one(w, m, s, steps, settings, kept):
    """w after steps (rate, t) with the gradient 0, in float64."""
    beta1, beta2, epsilon = settings
    w, m, s = (values.astype(np.float64) for values in (w, m, s))
    for rate, t in steps:
        m, s = beta1 * m, beta2 * s
        step = rate / (1 - beta1**t) * m
        w = kept * w - step / (np.sqrt(s) / math.sqrt(1 - beta2**t) + epsilon)
    return w


def by_series(part, steps, kept):
    """The same by the series; w is written."""
    beta1, beta2 = part.settings[:2]
    series, power = np.zeros(SERIES_SIZE), 1.0
    for missed, (rate, t) in enumerate(reversed(steps), start=1):
        weight = rate / (1 - beta1**t) * power
        extend_series(series, part.settings, missed, weight, 1 / math.sqrt(1 - beta2**t))
        power *= kept
    make_up_by_series(part, series, len(steps), kept)


def stepped(dtype, seed, settings):
    rng = np.random.default_rng(seed)
    w, m, s = (rng.normal(size=16).astype(dtype) for _ in range(3))
    s = (np.abs(s) * 1e-3 + 1e-8).astype(dtype)
    m[::5] = s[::5] = 0  # of a unit that never had a gradient
    return Stepped(w, np.zeros_like(w), m, s, np.array(settings), 0.0, 1.0, 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(
    st.integers(1, MOST_MISSED),
    st.integers(0, 1000),
    st.sampled_from([(0.9, 0.999, 1e-8), (0.5, 0.9, 1e-7), (0.9, 0.99, 1e-9), (0.0, 0.999, 1e-8)]),
    st.sampled_from([1.0, 0.999]),
    st.integers(0, 9),
)
def test_the_series_is_the_steps(dtype, missed, since, settings, kept, seed):
    part = stepped(dtype, seed, settings)
    assume(converges(part, missed))
    steps = [(0.01, since + k) for k in range(1, missed + 1)]
    expected = one_by_one(part.w, part.first, part.second, steps, settings, kept)
    moved = np.abs(expected - part.w).max()
    by_series(part, steps, kept)
    tolerance = 16 * ULPS[dtype] * (1 + missed * (kept != 1)) * max(1.0, moved)
    np.testing.assert_allclose(part.w, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def test_where_it_does_not_converge():
    usual = (0.9, 0.999, 1e-8)
    assert not converges(stepped("float64", 0, usual), MOST_MISSED + 1)
    assert not converges(stepped("float64", 0, (0.9, 0.9, 1e-8)), 3)  # β1 ≥ β2²
    small = stepped("float64", 0, usual)
    small.second[1] = 1e-14  # √s is but ten times ε
    assert not converges(small, 3)
    small.first[1] = 0
    assert converges(small, 3)


def test_no_epsilon_needs_one_term():
    part = stepped("float64", 1, (0.9, 0.999, 0.0))
    assert converges(part, 5)
