"""The parts of a source as checked examples, one after the other, made ahead by a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any, TypeVar

from .ahead import ReadAhead
from .source import Rows, Source

Made = TypeVar("Made")


class Turn:
    """Who reads a source at present: one thread at a time. A copy in another process has its own.

    >>> with Turn():
    ...     pass
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def __reduce__(self) -> Any:
        return Turn, ()


def converted_parts(
    source: Source,
    order: Iterable[int],
    convert: Callable[[Rows], Made],
    turn: Turn | None = None,
) -> Iterator[Made]:
    """What `convert` makes of the parts of these numbers; read in turn with whoever has the same.

    Raises
    ------
    Exception
        What reading or converting raised, with a note which part it was.

    Examples
    --------
    >>> import nnlib
    >>> data = nnlib.data.arrays([1, 2, 3], [1, 4, 9], part_rows=2)
    >>> [int(sum(own)) for own in converted_parts(data, [1, 0], lambda rows: rows.y)]
    [9, 5]
    """
    order, turn = list(order), turn or Turn()
    rows = source.walk(order)
    for part in order:
        wanted = source.parts[part]
        try:
            with turn:
                read = next(rows)
            if not isinstance(read, Rows):
                raise TypeError(f"read gave a {type(read).__name__}, wanted nnlib.data.Rows(X, y)")
            if len(read.y) != wanted:
                raise ValueError(f"it has {len(read.y)} rows and had {wanted} at first")
            made = convert(read)
        except Exception as error:
            error.add_note(f"In part {part} of {source.name}.")
            raise
        yield made


def all_ahead(
    source: Source, convert: Callable[[Rows], Made], turn: Turn | None = None
) -> Iterator[Made]:
    """The same of all parts, made by a thread that ends with the iterator.

    >>> import nnlib
    >>> list(all_ahead(nnlib.data.arrays([1, 2, 3], [1, 4, 9]), lambda rows: len(rows.y)))
    [3]
    """
    items: Any = converted_parts(source, range(len(source.parts)), convert, turn)
    with closing(ReadAhead(items)) as ahead:
        yield from ahead
