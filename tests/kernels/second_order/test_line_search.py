"""The line search on functions of one variable: strong Wolfe conditions, or an honest failure."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nnlib.kernels.compile.jit import entry
from nnlib.kernels.second_order import line_search
from nnlib.kernels.second_order.line_search import ACCEPTED, FAILED, LOW_STEP, SEARCHING, STEP


@entry
def start(search, cost, slope, step):
    line_search.start(search, cost, slope, step)


@entry
def advance(search, cost, slope):
    return line_search.advance(search, cost, slope)


def run(function, first_step):
    """The outcome, the search vector, and all steps evaluated."""
    search = np.zeros(line_search.SIZE)
    start(search, *function(0.0), first_step)
    steps, outcome = [], SEARCHING
    while outcome == SEARCHING:
        steps.append(float(search[STEP]))
        outcome = advance(search, *function(steps[-1]))
    return outcome, search, steps


def wall(x):
    """Falls up to 1, where it ends."""
    return (-x, -1.0) if x < 1 else (math.nan, math.nan)


# Each with φ'(0) < 0. The last two are functions 1 and 3 of Moré and Thuente, Line search
# algorithms with guaranteed sufficient decrease (1994).
FUNCTIONS = {
    "parabola": lambda x: ((x - 3) ** 2, 2 * (x - 3)),
    "steep valley": lambda x: (1e8 * (x - 1e-4) ** 2, 2e8 * (x - 1e-4)),
    "far valley": lambda x: ((x - 1e4) ** 2 * 1e-8, 2e-8 * (x - 1e4)),
    "quartic": lambda x: (x**4 - 8 * x, 4 * x**3 - 8),
    "waves": lambda x: (math.cos(3 * x + 1) + 0.01 * x * x, -3 * math.sin(3 * x + 1) + 0.02 * x),
    "infinite beyond 1": lambda x: (
        (-math.log1p(-x) - 4 * x, 1 / (1 - x) - 4) if x < 1 else (math.inf, math.nan)
    ),
    "rational": lambda x: (-x / (x * x + 2), (x * x - 2) / (x * x + 2) ** 2),
}


@pytest.mark.parametrize("first_step", [1e-3, 0.1, 1.0, 10.0, 1e3])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_accepted_steps_fulfil_the_strong_wolfe_conditions(name, first_step):
    function = FUNCTIONS[name]
    outcome, search, steps = run(function, first_step)
    assert outcome == ACCEPTED
    (cost, slope), (start_cost, start_slope) = function(search[STEP]), function(0.0)
    assert cost <= start_cost + 1e-4 * search[STEP] * start_slope
    assert abs(slope) <= 0.9 * abs(start_slope)
    assert steps[0] == first_step
    assert len(set(steps)) == len(steps)


def test_a_good_first_step_is_the_only_one():
    assert run(FUNCTIONS["parabola"], 3.0)[2] == [3.0]


def test_a_parabola_takes_the_minimiser_as_second_step():
    _, _, steps = run(FUNCTIONS["parabola"], 1e2)
    np.testing.assert_allclose(steps, [1e2, 10.0, 3.0], rtol=1e-12)  # 10: the margin at the end
    _, _, steps = run(lambda x: ((x - 3) ** 2, 2 * (x - 3)), 0.1)
    np.testing.assert_allclose(steps, [0.1, 1.0], rtol=1e-12)  # grown tenfold: flat enough


def test_a_wall_ends_in_the_best_step_found():
    """Everywhere a decrease and nowhere flat: no step has the second condition."""
    outcome, search, steps = run(wall, 0.5)
    assert outcome == FAILED
    assert len(steps) == line_search.MOST_TRIALS
    assert search[LOW_STEP] == max(step for step in steps if step < 1)


@pytest.mark.parametrize("beyond", [math.inf, math.nan, 1.0])
def test_no_decrease_anywhere(beyond):
    """φ'(0) < 0 promises what φ does not keep, as rounding does at a minimum."""
    outcome, search, _ = run(lambda x: (0.0, -1.0) if x == 0 else (beyond, 1.0), 1.0)
    assert outcome == FAILED
    assert search[LOW_STEP] == 0
