"""What came of a population, as tables: a row for each choice, a column for each array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .sweep import Choice

if TYPE_CHECKING:
    from .result import Population

Array = NDArray[Any]


def choice_rows(choices: Sequence[Choice], choice: Array, scores: Array) -> list[dict[str, Any]]:
    """The rows of `Population.by_choice`: each choice with its scores, the best mean first.

    >>> choice_rows([{"l1": 0.1}, {"l1": 0.2}], np.array([0, 1, 1]), np.array([3.0, 1.0, 2.0]))[0]
    {'l1': 0.2, 'mean': 1.5, 'spread': 0.5, 'lowest': 1.0, 'members': 2}
    """
    rows = []
    for number, own_choice in enumerate(choices):
        own = scores[choice == number]
        score = own[~np.isnan(own)]
        if own.size:
            finite = bool(np.isfinite(score).all() and score.size)
            rows.append(
                {
                    **own_choice,
                    "mean": float(score.mean()) if score.size else np.nan,
                    "spread": float(score.std()) if finite else np.nan,
                    "lowest": float(score.min()) if score.size else np.nan,
                    "members": int(own.size),
                }
            )
    return sorted(rows, key=lambda row: row["mean"] if np.isfinite(row["mean"]) else np.inf)


def member_columns(population: Population) -> dict[str, Any]:
    """The columns of `Population.to_frame`.

    >>> import nnlib
    >>> X, y = nnlib.course.exercise_data()
    >>> list(member_columns(nnlib.train_many([1, 2, 1], X, y, n=2, epochs=1)))
    ['seed', 'cost', 'epochs', 'ended']
    """
    names = list(dict.fromkeys(name for choice in population.choices for name in choice))
    columns: dict[str, Any] = {
        name: [population.choices[number].get(name) for number in population.choice]
        for name in names
    }
    if population.grouping is not None:
        columns["group"] = population.groups
    columns["seed"] = population.seed
    if population.fold is not None:
        columns["fold"] = population.fold
    columns["cost"] = population.cost
    if population.validation_cost is not None:
        columns["validation_cost"] = population.validation_cost
    held_out: Mapping[str, Array] = population.validation_metrics or {}
    columns.update(population.metrics)
    columns.update({f"validation_{name}": values for name, values in held_out.items()})
    columns["epochs"], columns["ended"] = population.epochs, population.ended
    return columns


def summary(population: Population) -> str:
    """A population in a line, as `repr` gives it."""
    parts = [f"{len(population)} networks"]
    if population.grouping is not None and population.group is not None:
        groups, skipped = len(np.unique(population.group)), len(population.grouping.skipped)
        parts.append(f"{groups} groups" + (f", {skipped} skipped" if skipped else ""))
    if len(population):
        finite = population.score[np.isfinite(population.score)]
        of_cost = "cost" if population.validation_cost is None else "validation cost", 1.0
        kind, sign = population.ranking or of_cost
        if finite.size:
            best, middle = sign * finite.min(), sign * float(np.median(finite))
            parts.append(f"{kind} {best:.6g} at best, {middle:.6g} in the middle")
        if population.diverged.any():
            parts.append(f"{int(population.diverged.sum())} diverged")
    if population.stopped is not None:
        parts.append(population.stopped)
    parts.append(f"{population.seconds:.3g} s")
    return f"Population({', '.join(parts)})"
