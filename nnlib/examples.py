"""Examples as the kernels take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

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
