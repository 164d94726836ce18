"""Rows from whatever gives chunks, one after the other: a generator, a data base, a simulation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..checks.names import hinted
from ..checks.values import shown
from .source import Rows, Source, described_parts


@hinted
def chunks(give: Callable[[], Iterable[Any]] | Iterable[Any]) -> Source:
    """A source of chunks (X, y) or (X, y, sample_weight), which come in their own order.

    They are gone through once at the start, to count their rows, and once for each epoch. A chunk
    is a part: shuffled descents put the rows within it in another order, not the chunks.

    Parameters
    ----------
    give : callable, or iterable
        A function whose result is gone through, as a generator function; or what can be gone
        through many times, as a list.

    Raises
    ------
    TypeError
        If it is a generator, which ends for good after one time, or gives no such tuples.
    ValueError
        If there is no chunk, or some have weights and others not.

    Examples
    --------
    >>> import numpy as np, nnlib
    >>> def days():
    ...     for day in range(3):
    ...         hours = np.arange(24.0)
    ...         yield hours / 24, np.sin(hours + day)
    >>> nnlib.data.chunks(days).parts
    (24, 24, 24)
    """
    if isinstance(give, Iterator):
        raise TypeError(
            f"give is {shown(give)}, which can be gone through once: a descent goes through its "
            "data in every epoch. Give the function that makes it, without its parentheses"
        )
    if not callable(give) and not isinstance(give, Iterable):
        raise TypeError(f"give is {shown(give)}, wanted a function, or an iterable of (X, y)")
    return _Chunks(give)


class _Chunks(Source):
    """Chunks, counted when the source is made."""

    any_order = False

    def __init__(self, give: Any) -> None:
        self.name = getattr(give, "__name__", "chunks")
        self._give = give
        counts, weighted = [], set()
        for rows in self._all():
            counts.append(len(rows.y))
            weighted.add(rows.weights is not None)
        if not counts:
            raise ValueError(f"{self.name} gave no chunk")
        if len(weighted) > 1:
            raise ValueError(f"some chunks of {self.name} have weights and others not")
        self.parts, self.weighted = tuple(counts), weighted.pop()

    def read(self, part: int) -> Rows:
        """The chunk of this number, after all before it."""
        return next(self.walk([part]))

    def walk(self, order: Sequence[int]) -> Iterator[Rows]:
        """The chunks of these numbers, which ascend."""
        wanted, number = iter(order), -1
        source = self._all()
        for part in wanted:
            rows = None
            while number < part:
                rows = next(source, None)
                if rows is None:
                    raise ValueError(
                        f"{self.name} gave {len(self.parts)} chunks at first and now ended after "
                        f"{number + 1}: give the same every time"
                    )
                number += 1
            assert rows is not None
            if len(rows.y) != self.parts[part]:
                raise ValueError(
                    f"chunk {part} of {self.name} had {self.parts[part]} rows at first and now "
                    f"{len(rows.y)}: give the same every time"
                )
            yield rows

    def identity(self) -> str:
        """The name and the parts; that the numbers are the same, nobody can know."""
        return f"chunks of {self.name}, {described_parts(self.parts)}"

    def _all(self) -> Iterator[Rows]:
        given = self._give() if callable(self._give) else self._give
        for number, chunk in enumerate(given):
            if not isinstance(chunk, tuple) or len(chunk) not in (2, 3):
                raise TypeError(
                    f"chunk {number} of {self.name} is of type {type(chunk).__name__}, wanted a "
                    "tuple (X, y) or (X, y, sample_weight)"
                )
            rows = Rows(*(None if value is None else np.asarray(value) for value in chunk))
            if rows.X.ndim == 0 or rows.y.ndim == 0 or len(rows.X) != len(rows.y):
                raise ValueError(
                    f"chunk {number} of {self.name} has X of shape {rows.X.shape} and y of "
                    f"{rows.y.shape}, wanted as many rows"
                )
            yield rows
