"""Which words of texts make a vocabulary: the most frequent, in enough texts, not in too many."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..checks.values import real_number, whole_number
from .counts import Counts


class Wanted(NamedTuple):
    """How many of the words of texts make a vocabulary, and in how many texts they are."""

    size: int | None
    min_df: int | float
    max_df: int | float

    def checked(self) -> Wanted:
        """The same as numbers of Python's.

        Raises
        ------
        TypeError, ValueError

        Examples
        --------
        >>> Wanted(np.int64(3), 2, 0.5).checked()
        Wanted(size=3, min_df=2, max_df=0.5)
        """
        return Wanted(
            None if self.size is None else whole_number("size", self.size, 1),
            _texts_limit("min_df", self.min_df),
            _texts_limit("max_df", self.max_df),
        )

    def columns(self, counts: Counts, words: int) -> NDArray[np.intp]:
        """The columns of the wanted words, the most frequent first.

        Raises
        ------
        ValueError
            If there is none.

        Examples
        --------
        >>> counts = Counts(np.array([0, 2, 3]), np.array([0, 1, 1], np.intc), np.ones(3))
        >>> Wanted(None, 1, 1.0).columns(counts, 2), Wanted(None, 1, 0.5).columns(counts, 2)
        (array([1, 0]), array([0]))
        """
        texts = len(counts.ends) - 1
        low, high = (
            limit * texts if isinstance(limit, float) else limit
            for limit in (self.min_df, self.max_df)
        )
        holding = np.bincount(counts.columns, minlength=words)
        total = np.bincount(counts.columns, counts.values, minlength=words)
        allowed = np.flatnonzero((holding >= low) & (holding <= high))
        if not allowed.size:
            raise ValueError(
                f"min_df={self.min_df} and max_df={self.max_df} leave none of {words} words over, "
                "wanted at least one"
            )
        return allowed[np.argsort(-total[allowed], kind="stable")][: self.size]


def _texts_limit(argument: str, value: Any) -> int | float:
    """min_df or max_df: a whole number of texts, or a part of them.

    Raises
    ------
    TypeError, ValueError
    """
    if isinstance(value, (float, np.floating)):
        part = real_number(argument, value)
        if part > 1:
            raise ValueError(
                f"{argument} is {part}, wanted a part of the texts from 0.0 to 1.0, or a whole "
                "number of texts"
            )
        return part
    return whole_number(argument, value, 0)
