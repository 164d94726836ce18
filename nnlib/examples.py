"""Examples as the kernels take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .validation import real_number

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


def split_off(given: Examples, validation: Any, seed: int | None) -> tuple[Examples, Examples]:
    """Training and validation examples, the latter a fraction drawn at random."""
    n = len(given.X)
    fraction = real_number("validation", validation, above=0)
    held_out = round(fraction * n)
    if not 0 < held_out < n:
        raise ValueError(
            f"validation is {fraction:g}, wanted a pair (X, y) or a fraction that leaves at "
            f"least one of {n} examples on either side"
        )
    order = np.random.default_rng(seed).permutation(n)
    return given.part(np.sort(order[held_out:])), given.part(np.sort(order[:held_out]))
