"""How an entry is compiled: to its end, whatever interrupts, and with nothing in its way.

Numba compiles in the middle of a call. An exception that arrives there leaves a function half
made; in a callback of LLVM it is printed and lost, and the next use of the code may end the
process. So Ctrl-C is only noted while an entry compiles, and raised when it is compiled.
"""

from __future__ import annotations

import functools
import gc
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def interrupt_deferred() -> Iterator[None]:
    """Ctrl-C within the block takes effect at its end; of the main thread, where signals arrive."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    noted: list[FrameType | None] = []
    signal.signal(signal.SIGINT, lambda number, frame: noted.append(frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if noted:
            before(signal.SIGINT, noted[-1])


class _Paused:
    """The collector of garbage, paused while any thread compiles.

    Numba makes millions of small objects, of which hardly one is garbage before the end; to look
    through them again and again took 0.6 s of 7.6.
    """

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


_collector_paused = _Paused()


def to_its_end(dispatcher: Any) -> Any:
    """The same dispatcher, whose compilations, and loads from the disk, are never interrupted."""
    compile: Callable[..., Any] = dispatcher.compile

    @functools.wraps(compile)
    def compile_whole(signature: Any) -> Any:
        with interrupt_deferred(), _collector_paused:
            return compile(signature)

    dispatcher.compile = compile_whole
    return dispatcher
