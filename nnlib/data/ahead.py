"""Reading ahead: a thread makes the next items while the last one is used."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")

# How long the thread sleeps before it looks whether it is still wanted.
_PATIENCE = 0.05


class ReadAhead(Generic[Item]):
    """An iterator whose items are made by a thread: one waits, one more is being made.

    The thread ends with the items, with an error in them, or with `close`.

    Parameters
    ----------
    items : iterator

    Examples
    --------
    >>> ahead = ReadAhead(iter("abc"))
    >>> next(ahead), next(ahead)
    ('a', 'b')
    >>> ahead.close()
    """

    def __init__(self, items: Iterator[Item]) -> None:
        self._items: queue.Queue[tuple[str, Any]] = queue.Queue(maxsize=1)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(items,), daemon=True)
        self._thread.start()

    def __iter__(self) -> ReadAhead[Item]:
        return self

    def __next__(self) -> Item:
        """The next item; the error of making it is raised here.

        Raises
        ------
        StopIteration
            If there is none.
        """
        kind, value = self._items.get()
        if kind == "item":
            item: Item = value
            return item
        self._items.put((kind, value))  # for whoever asks again
        if kind == "error":
            raise value
        raise StopIteration

    def close(self) -> None:
        """End the thread, and wait for it: afterwards nothing is read."""
        self._closed.set()
        self._thread.join()

    def _read(self, items: Iterator[Item]) -> None:
        try:
            for item in items:
                if not self._give("item", item):
                    return
            self._give("end", None)
        except BaseException as error:
            self._give("error", error)

    def _give(self, kind: str, value: Any) -> bool:
        """Hand an item over; False if nobody wants it any more."""
        while not self._closed.is_set():
            try:
                self._items.put((kind, value), timeout=_PATIENCE)
            except queue.Full:
                continue
            return True
        return False
