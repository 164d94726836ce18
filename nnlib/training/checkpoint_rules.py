"""What may stand in each array of a checkpoint: a digest is no signature, a file may be hostile.

A kind of descent has a table from the names of its arrays to rules, which depends on where the file
says that the descent stands. With values that pass, the kernels stay in their arrays and come to an
end, and what a descent returns, or leaves in the network, is finite. NaN and infinity belong where
a step may have overflowed that the next cost will judge: scratch, gradients, trial parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels.network import problem
from ..kernels.second_order import (
    cholesky,
    jacobian,
    lbfgs,
    levenberg_marquardt,
    line_search,
    objective,
)
from .epoch_metrics import Place
from .marks import NOWHERE

Array = NDArray[Any]
Arrays = Mapping[str, Array]
# Raises ValueError, whose message goes on after "its <name>".
Rule = Callable[[Array], None]
# From the file's arrays and the descent's own, as it starts, to the rules of each.
Table = Callable[[Arrays, Arrays], Mapping[str, Rule]]

# Statuses that Python sets, beside those of the kernels of full batches.
TIME_IS_UP, CALLBACK_STOPPED = 20, 21
# From these a checkpoint goes on.
UNFINISHED = (problem.RUNNING, TIME_IS_UP, CALLBACK_STOPPED)

_MOST_STEPS = 2**62  # counters stay far from the end of int64


def check_content(found: Arrays, own: Arrays, table: Table) -> None:
    """Refuse a file's arrays for what one of them holds; shapes and dtypes are checked already.

    Raises
    ------
    ValueError
        It names the array.

    Examples
    --------
    >>> rules = {"order": permutation, "seconds": within(0, np.inf)}
    >>> found = {"order": np.array([1, 1]), "seconds": np.zeros(1)}
    >>> check_content(found, found, lambda found, own: rules)
    Traceback (most recent call last):
    ...
    ValueError: its order is no permutation of the examples
    """
    rules = table(found, own)
    assert rules.keys() == found.keys(), rules.keys() ^ found.keys()
    for name, rule in rules.items():
        try:
            rule(found[name])
        except ValueError as error:
            raise ValueError(f"its {name} {error}") from None


def anything(array: Array) -> None:
    """Scratch, and what is judged before it is returned."""


def finite(array: Array) -> None:
    """No NaN, no infinity."""
    _all(array, np.isfinite(array), "finite numbers")


def within(low: float, high: float) -> Rule:
    """Finite numbers from low to high, both included."""

    def rule(array: Array) -> None:
        good = np.isfinite(array) & (array >= low) & (array <= high)
        _all(array, good, f"finite numbers from {low:g} to {high:g}")

    return rule


def above_minus_infinity(array: Array) -> None:
    """The lowest cost so far: infinite before there was one."""
    _all(array, array > -np.inf, "numbers above −∞")


def equal(expected: Array) -> Rule:
    """What the options say, and nothing else."""
    return lambda array: _all(array, array == expected, f"{expected.tolist()}")


def permutation(array: Array) -> None:
    """An order of the examples; empty where they have none."""
    if not np.array_equal(np.sort(array), np.arange(array.size)):
        raise ValueError("is no permutation of the examples")


def not_all_zero(array: Array) -> None:
    """A generator: from 0 it gives nothing but 0."""
    if not array.any():
        raise ValueError("is all 0")


def parts(*rules: tuple[Any, Rule]) -> Rule:
    """Rules for places of an array, each given by an index or a slice."""

    def rule(array: Array) -> None:
        for place, of_part in rules:
            of_part(np.atleast_1d(array[place]))

    return rule


def places(limits: Mapping[int, Any]) -> Rule:
    """A position: for each place the values that may stand there, a range or a tuple."""

    def rule(array: Array) -> None:
        for place, allowed in limits.items():
            if int(array[place]) not in allowed:
                raise ValueError(f"is {array.tolist()}, wanted {allowed} at place {place}")

    return rule


def _all(array: Array, good: Array, wanted: str) -> None:
    if not good.all():
        place = int(np.argmin(good))
        raise ValueError(f"holds {array.flat[place]} at index {place}, wanted {wanted}")


def of_descent(
    found: Arrays, own: Arrays, epochs: int, data: Any, validation: Any
) -> Mapping[str, Rule]:
    """The table of gradient descents, on any device; data and validation are `problem.Data`."""
    position = found["position"]
    epoch, begun = int(position[problem.EPOCH]), bool(position[problem.BATCH])
    batches = validation if position[problem.VALIDATING] else data
    reached = {
        problem.RUNNING: range(max(epochs, 1)),
        problem.FINISHED: (epochs,),
        problem.DIVERGED: range(epochs),
        problem.NO_PROGRESS: range(1, epochs + 1),
        problem.TARGET_REACHED: range(1, epochs + 1),
    }
    return {
        "position": places(
            {
                problem.STATUS: tuple(reached),
                problem.EPOCH: reached.get(int(position[problem.STATUS]), ()),
                problem.BATCH: range(-(-batches.n // batches.batch_size)),
                problem.ROUND: range(batches.chunk_blocks),
                problem.VALIDATING: range(2),
                problem.STEP: range(_MOST_STEPS),
                problem.WAIT: range(epochs + 1),
                problem.PLATEAU_WAIT: range(epochs + 1),
            }
        ),
        "numbers": _numbers,
        "chunk_costs": anything,
        "costs": parts((slice(epoch), finite)),
        "validation_costs": anything,
        "rates": within(0, np.inf),
        "first": anything,
        "second": anything,
        "best": finite,
        "generator": not_all_zero,
        # Before the first step they are those that were given.
        "parameters": anything if epoch or begun else finite,
        "gradient": anything,
        "order": permutation,
        "seconds": within(0, np.inf),
        **{name: _of_seen(position) for name in found if name.startswith("seen_")},
        **_of_marks(found, epochs),
        **_of_metrics(found, epoch),
    }


def _of_seen(position: Array) -> Rule:
    """The last step of each row of a lazy layer: one of the epoch, or the last one before it."""
    step, batch = int(position[problem.STEP]), int(position[problem.BATCH])
    return within(step - batch, step)


def _numbers(array: Array) -> None:
    """The costs and the factor of the rate that a descent carries along."""
    lowest = [problem.BEST, problem.PATIENCE_BEST, problem.PLATEAU_BEST]
    parts((lowest, above_minus_infinity), (problem.RATE_FACTOR, within(0, 1)))(array)


def _of_marks(found: Arrays, epochs: int) -> Mapping[str, Rule]:
    """The rules of a descent's marks, a row of each array for each of them.

    The descent goes back to one that is not of its last epoch; only of that one a step may have
    overflowed without being judged.
    """
    marked = found["marked_position"][:, problem.EPOCH]
    last = max(int(found["position"][problem.EPOCH]) - 1, 0)
    real, good = marked != NOWHERE, (marked != NOWHERE) & (marked <= last)
    start = places(
        {
            problem.EPOCH: range(max(epochs, 1) + 1),
            problem.STEP: range(_MOST_STEPS),
            **dict.fromkeys(
                (problem.BATCH, problem.ROUND, problem.VALIDATING, problem.STATUS), range(1)
            ),
        }
    )

    def position(array: Array) -> None:
        for mark in array[real]:
            start(mark)
        if not good.any():
            raise ValueError(f"is of the epochs {marked.tolist()}, wanted one up to {last}")

    def every(rule: Rule) -> Rule:
        def of_all(array: Array) -> None:
            for mark in array[real]:
                rule(mark)

        return of_all

    rules = {
        "marked_position": position,
        "marked_parameters": parts((good, finite)),
        "marked_first": anything,
        "marked_second": anything,
        "marked_numbers": every(_numbers),
        "marked_generator": every(not_all_zero),
    }
    return {name: rule for name, rule in rules.items() if name in found}


def _of_metrics(found: Arrays, epoch: int) -> Mapping[str, Rule]:
    """The rules of the metrics' arrays, where there are some; the last epoch may be unmeasured."""
    if "metric_places" not in found:
        return {}
    measured = int(found["metric_places"][Place.MEASURED])
    return {
        "metric_values": anything,
        "metric_validation": anything,
        "metric_best": finite,
        "metric_lowest": anything,
        "metric_places": places(
            {
                Place.MEASURED: range(max(epoch - 1, 0), epoch + 1),
                Place.BEST: range(-1, measured),
                Place.WAIT: range(measured + 1),
            }
        ),
    }


def of_lbfgs(found: Arrays, own: Arrays, settings: objective.Settings) -> Mapping[str, Rule]:
    """The table of L-BFGS."""
    position = found["position"]
    phase, epoch = position[objective.PHASE], int(position[objective.EPOCH])
    searching = position[objective.STATUS] in UNFINISHED and phase == lbfgs.SEARCHING
    # The search ends when it counts to this number, and not above it.
    trials = line_search.MOST_TRIALS - searching
    start_cost = [(line_search.START_COST, equal(found["cost"][1:]))] if searching else []
    return {
        **_full_batch(found, settings),
        "position": places(
            {
                **_full_batch_places(position, settings),
                objective.PHASE: (lbfgs.STARTING, lbfgs.SEARCHING, lbfgs.RETURNING),
                lbfgs.PAIRS: range(epoch + 1),
            }
        ),
        "parameters": anything if phase == lbfgs.SEARCHING else finite,
        "search": parts(
            (line_search.TRIALS, lambda count: _all(count, count == np.floor(count), "a count")),
            (line_search.TRIALS, within(0, trials)),
            *start_cost,
        ),
        "base_gradient": anything,
        "direction": anything,
        "steps": anything,
        "changes": anything,
        "curvatures": anything,
        "coefficients": anything,
    }


def of_levenberg_marquardt(
    found: Arrays, own: Arrays, settings: objective.Settings, outputs: int
) -> Mapping[str, Rule]:
    """The table of Levenberg-Marquardt."""
    position, rows = found["position"], found["parameters"].size + 1
    phase = position[objective.PHASE]
    linearising = phase == levenberg_marquardt.LINEARISING
    tiles = {
        levenberg_marquardt.LINEARISING: range(0, rows, jacobian.TILE),
        levenberg_marquardt.SOLVING: range(0, rows, cholesky.TILE),
        levenberg_marquardt.TRYING: (0,),
    }
    first, most = own["damping"][[levenberg_marquardt.MU, levenberg_marquardt.MOST]]
    unfinished = position[objective.STATUS] in UNFINISHED
    # Where it has ended, the last raise may have gone beyond.
    damping = within(min(first, levenberg_marquardt.LEAST_MU), max(first, most))
    return {
        **_full_batch(found, settings),
        "position": places(
            {
                **_full_batch_places(position, settings),
                objective.PHASE: tuple(tiles),
                levenberg_marquardt.OUTPUT_UNIT: range(outputs if linearising else 1),
                levenberg_marquardt.ROW: tiles.get(int(phase), ()),
            }
        ),
        "parameters": finite if linearising else anything,
        "damping": parts(
            (levenberg_marquardt.MU, damping if unfinished else anything),
            (slice(1, None), equal(own["damping"][1:])),
        ),
        "step": anything,
        "jacobian": anything,
        "normal": anything,
        "factor": anything,
    }


def _full_batch(found: Arrays, settings: objective.Settings) -> dict[str, Rule]:
    """What the methods of full batches have in common."""
    position = found["position"]
    diverged = position[objective.STATUS] == problem.DIVERGED
    return {
        "cost": anything if diverged else parts((1, finite)),
        "costs": finite,
        "base": finite,
        "gradient": anything,
        "activations": anything,
        "seconds": within(0, np.inf),
        **_of_metrics(found, int(position[objective.EPOCH])),
    }


def _full_batch_places(position: Array, settings: objective.Settings) -> dict[int, Any]:
    """The places of their positions that they have in common."""
    epochs = settings.epochs
    reached: dict[int, Any] = {
        **dict.fromkeys(UNFINISHED, range(max(epochs, 1))),
        problem.FINISHED: (epochs,),
        problem.DIVERGED: (0,),
        objective.GRADIENT_VANISHED: range(epochs + 1),
        objective.COST_SETTLED: range(1, epochs + 1),
        objective.STALLED: range(epochs + 1),
    }
    return {
        objective.STATUS: tuple(reached),
        objective.EPOCH: reached.get(int(position[objective.STATUS]), ()),
        objective.BLOCK: range(-(-settings.n // settings.lanes)),
        objective.EVALUATIONS: range(_MOST_STEPS),
    }
