"""Examples as the kernels take them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .values import holds_several, mean_of_one, real_number

Array = NDArray[Any]


@dataclass(frozen=True)
class Examples:
    """Checked examples, contiguous and of the network's dtype.

    X is (n, d_1), y (n, d_L), weights (n,) or empty: all 1.
    """

    X: Array
    y: Array
    weights: Array

    def part(self, chosen: Array | slice) -> Examples:
        """The examples with the chosen numbers."""
        weights = self.weights[chosen] if self.weights.size else self.weights
        return Examples(self.X[chosen], self.y[chosen], weights)


def scaled(given: Examples, mean: bool, which: str = "") -> Examples:
    """The examples with weights as a cost takes them: for the mean with a mean of 1.

    which says what examples these are, if all of their weights are 0.
    """
    weights = given.weights
    if weights.size and not weights.any():
        raise ValueError(f"sample_weight is 0 for every example {which}, wanted one above 0")
    return replace(given, weights=mean_of_one(weights)) if weights.size and mean else given


def counted(given: Examples, left_out: Array | None = None) -> Examples:
    """The examples, those of weight 0 with the numbers of one that counts.

    v = 0 leaves a cost and a δ out of every sum, but 0 · ∞ is NaN: an activation that overflowed in
    an example of weight 0 would spoil the gradient. A repeated example overflows only where one
    that counts does. Arrays on a GPU stay as they are. left_out (n,) may say otherwise which
    examples have weight 0.
    """
    out = given.weights == 0 if left_out is None else left_out
    if not out.any() or not isinstance(given.X, np.ndarray):
        return given
    first = np.argmin(out)
    X, y = given.X.copy(), given.y.copy()
    X[out], y[out] = X[first], y[first]
    return Examples(X, y, given.weights)


def is_fraction(validation: Any) -> bool:
    """Whether `validation` is no data, but the fraction of the examples to split off as such."""
    return not holds_several(validation)


def as_data(validation: Any) -> tuple[Any, Any]:
    """X and y of validation data: of a tuple (X, y), else a sequence of (x, y) pairs and None.

    >>> as_data([(0, 1), (1, 3)])
    ([(0, 1), (1, 3)], None)
    """
    if isinstance(validation, tuple) and len(validation) == 2:
        return validation
    return validation, None


def split_off(
    given: Examples, validation: Any, seed: int | None, shuffle: bool
) -> tuple[Examples, Examples]:
    """Training and validation examples: a fraction drawn at random, or the last ones."""
    n = len(given.X)
    fraction = real_number("validation", validation, above=0)
    held_out = round(min(fraction, 1.0) * n)
    if not 0 < held_out < n:
        raise ValueError(
            f"validation is {fraction:g}, wanted a pair (X, y) or a fraction that leaves at "
            f"least one of {n} examples on either side"
        )
    if not shuffle:
        return given.part(slice(n - held_out)), given.part(slice(n - held_out, n))
    order = np.random.default_rng(seed).permutation(n)
    return given.part(np.sort(order[held_out:])), given.part(np.sort(order[:held_out]))
