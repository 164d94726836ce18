"""Examples as the kernels take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .validation import holds_several, real_number

Array = NDArray[Any]


@dataclass(frozen=True)
class Examples:
    """Checked examples, contiguous and of the network's dtype.

    X is (n, d_1), y (n, d_L), weights (n,) or empty: all 1.
    """

    X: Array
    y: Array
    weights: Array

    def part(self, chosen: Array) -> Examples:
        """The examples with the chosen numbers."""
        weights = self.weights[chosen] if self.weights.size else self.weights
        return Examples(self.X[chosen], self.y[chosen], weights)


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


def split_off(given: Examples, validation: Any, seed: int | None) -> tuple[Examples, Examples]:
    """Training and validation examples, the latter a fraction drawn at random."""
    n = len(given.X)
    fraction = real_number("validation", validation, above=0)
    held_out = round(min(fraction, 1.0) * n)
    if not 0 < held_out < n:
        raise ValueError(
            f"validation is {fraction:g}, wanted a pair (X, y) or a fraction that leaves at "
            f"least one of {n} examples on either side"
        )
    order = np.random.default_rng(seed).permutation(n)
    return given.part(np.sort(order[held_out:])), given.part(np.sort(order[:held_out]))
