"""Python's collector of garbage, paused while an entry is compiled.

Numba makes millions of small objects, hardly one of which is garbage before the end. To look
through them again and again took 0.6 s of the 7.6 s of a first descent.
"""

from __future__ import annotations

import functools
import gc
import threading
from collections.abc import Callable
from typing import Any


class _Pause:
    """A pause that several threads may ask for at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._was_enabled = False

    def __enter__(self) -> None:
        with self._lock:
            if not self._users:
                self._was_enabled = gc.isenabled()
                gc.disable()
            self._users += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users and self._was_enabled:
                gc.enable()


_pause = _Pause()


def without_collector(compilation: Callable[..., Any]) -> Callable[..., Any]:
    """The same compilation, in a pause of the collector."""

    @functools.wraps(compilation)
    def run(*arguments: Any) -> Any:
        with _pause:
            return compilation(*arguments)

    return run
