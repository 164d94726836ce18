"""Windows: which rows of the examples are a member's own, where members have rows of their own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Windows:
    """The rows of each window, side by side in examples that are sorted by window.

    Attributes
    ----------
    count : ndarray of int64, shape (windows,)
        How many rows of the training examples.
    held_count : ndarray of int64, shape (windows,), or of no elements
        How many of the validation examples, where there are some.
    of_member : ndarray of int64, shape (members,)
        The window of each member.

    Examples
    --------
    >>> windows = Windows(np.array([2, 3]), np.empty(0, np.int64), np.array([1, 0]))
    >>> windows.rows(0)
    slice(2, 5, None)
    """

    count: Array
    held_count: Array
    of_member: Array

    def rows(self, member: int) -> slice:
        """The member's rows of the training examples."""
        return self.rows_of(self.of_member[member])

    def held_rows(self, member: int) -> slice:
        """The member's rows of the validation examples."""
        return self.held_rows_of(self.of_member[member])

    def rows_of(self, number: int) -> slice:
        """The training examples of a window."""
        return slice(self._bounds[number], self._bounds[number + 1])

    def held_rows_of(self, number: int) -> slice:
        """The validation examples of a window."""
        return slice(self._held_bounds[number], self._held_bounds[number + 1])

    @cached_property
    def _bounds(self) -> list[int]:
        return [0, *np.cumsum(self.count).tolist()]

    @cached_property
    def _held_bounds(self) -> list[int]:
        return [0, *np.cumsum(self.held_count).tolist()]
