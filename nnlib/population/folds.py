"""Different examples for different members, as weights of the examples: k-fold and bootstrap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks.values import check_finite, example_weights, holds_several, numbers, whole_number

Array = NDArray[Any]


def fold_numbers(folds: Any, n: int, seed: int) -> Array:
    """Which fold each of n examples is left out in, shape (n,): drawn, of equal sizes, or given.

    >>> np.bincount(fold_numbers(3, 10, seed=0))
    array([4, 3, 3])
    """
    if not holds_several(folds):
        count = whole_number("folds", folds, 2, n)
        order = np.random.default_rng(seed).permutation(n)
        drawn = np.empty(n, np.int64)
        drawn[order] = np.arange(n) % count
        return drawn
    given = numbers("folds", folds, np.dtype(np.float64))
    if given.shape != (n,):
        raise ValueError(f"folds has shape {given.shape}, wanted a number of folds or ({n},)")
    check_finite("folds", given)
    # Numbers from n on leave one empty; they would not fit into whole numbers, perhaps.
    result: Array = given.clip(-1, n).astype(np.int64)
    count = int(result.max()) + 1 if result.min() >= 0 else 0
    if count < 2 or (result != given).any() or len(np.unique(result)) != count:
        raise ValueError("folds must number the folds from 0 on, two at least and none empty")
    return result


def fold_weights(number: Array, weights: Array, mean: bool) -> tuple[Array, Array]:
    """Weights of the examples trained with and of those held out, each (folds, n).

    weights (n,) are the examples' own, or empty. Of a fold in which they are all 0 nothing is held
    out; one outside which they are all 0 is refused.
    """
    own = weights if weights.size else np.ones(len(number), weights.dtype)
    out = number[None, :] == np.arange(number.max() + 1)[:, None]
    trained = np.where(out, 0, own)
    for fold in np.flatnonzero(~trained.any(axis=1)):
        raise ValueError(
            f"fold {fold} leaves nothing to train with: sample_weight is 0 for every example of "
            "the others"
        )
    return _scaled(trained, mean), _scaled(np.where(out, own, 0), mean)


def bootstrap_weights(
    seeds: Sequence[int], n: int, weights: Array, seed: int, mean: bool
) -> tuple[Array, Array]:
    """How often n draws with replacement took each example, and those never taken, (seeds, n).

    Every one of `seeds` has draws of its own. Where they took every example nothing is held out;
    draws of nothing but weight 0 are refused. Source: B. Efron, Ann. Statist. 7 (1979).
    """
    own = weights if weights.size else np.ones(n, weights.dtype)
    drawn = np.empty((len(seeds), n), own.dtype)
    for row, member in enumerate(seeds):
        drawn[row] = np.bincount(np.random.default_rng([seed, member]).integers(n, size=n), None, n)
    trained = drawn * own
    for place in np.flatnonzero(~trained.any(axis=1)):
        raise ValueError(
            f"bootstrap with seed {seeds[int(place)]} drew only examples of sample_weight 0: leave "
            "those out, or use another seed"
        )
    return _scaled(trained, mean), _scaled(np.where(drawn == 0, own, 0), mean)


def given_weights(values: Any, members: int, n: int, dtype: np.dtype[Any], mean: bool) -> Array:
    """sample_weight of shape (members, n), checked row by row."""
    array = numbers("sample_weight", values, dtype)
    if array.shape != (members, n):
        raise ValueError(
            f"sample_weight has shape {array.shape}, wanted ({n},), the same for all members, or "
            f"({members}, {n}), a row for each"
        )
    rows = np.empty_like(array)
    for member in range(members):
        rows[member] = _checked(array[member], member, n, dtype, mean)
    return rows


def _checked(row: Array, member: int, n: int, dtype: np.dtype[Any], mean: bool) -> Array:
    try:
        return example_weights(row, n, dtype, mean)
    except ValueError as error:
        raise ValueError(f"row {member} of sample_weight: {error}") from None


def _scaled(rows: Array, mean: bool) -> Array:
    """Each row as `example_weights` makes it; a row of zeros stays: nothing is held out."""
    for row in rows:
        if row.any():
            row[:] = example_weights(row, row.size, rows.dtype, mean)
    return rows
