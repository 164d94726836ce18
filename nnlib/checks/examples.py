"""Examples as the kernels take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .values import mean_of_one

Array = NDArray[Any]


@dataclass(frozen=True)
class Examples:
    """Checked examples, contiguous and of the network's dtype; X may be images of uint8.

    X is (n, d_1), y (n, d_L), weights (n,) or empty: all 1.
    """

    X: Array
    y: Array
    weights: Array

    @property
    def images(self) -> bool:
        """Whether X has uint8."""
        return bool(self.X.dtype == np.uint8)

    def part(self, chosen: Array | slice) -> Examples:
        """The examples with the chosen numbers."""
        weights = self.weights[chosen] if self.weights.size else self.weights
        return Examples(self.X[chosen], self.y[chosen], weights)


def joined(parts: Sequence[Examples]) -> Examples:
    """Examples one after the other.

    >>> one = Examples(np.ones((2, 3)), np.ones((2, 1)), np.empty(0))
    >>> joined([one, one]).X.shape
    (4, 3)
    """
    return Examples(*(
        np.concatenate([getattr(own, name) for own in parts]) for name in ("X", "y", "weights")
    ))  # fmt: skip


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
