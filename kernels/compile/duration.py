"""How long a thread has waited for compilations, and a word on the terminal about a long one."""

from __future__ import annotations

import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

MESSAGE = "nnlib: compiling kernels, once on this machine …"
# A compilation that takes longer is announced.
LONG = 0.5


class _Thread(threading.local):
    """What one thread has waited, and whether it is inside a compilation."""

    seconds = 0.0
    inside = False


_thread = _Thread()


class _Process:
    """The time in which any thread of the process has waited, each moment counted once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting, self._since, self._before = 0, 0.0, 0.0

    def __enter__(self) -> None:
        with self._lock:
            if not self._waiting:
                self._since = time.perf_counter()
            self._waiting += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._waiting -= 1
            if not self._waiting:
                self._before += time.perf_counter() - self._since

    def seconds(self) -> float:
        """All of it up to now."""
        with self._lock:
            going_on = time.perf_counter() - self._since if self._waiting else 0.0
            return self._before + going_on


_process = _Process()


def _forget() -> None:
    """A forked child waits for nothing: its parent's other threads are not there."""
    _process.__init__()  # type: ignore[misc]
    _thread.inside = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def compile_seconds() -> float:
    """Seconds that this thread has waited for kernels, compiled or loaded from the disk."""
    return _thread.seconds


def compile_seconds_of_all() -> float:
    """Seconds in which any thread of this process has waited for kernels."""
    return _process.seconds()


def working_time() -> float:
    """A clock in seconds that stands still while this thread waits for kernels."""
    return time.perf_counter() - _thread.seconds


def counted(compilation: Callable[..., Any]) -> Callable[..., Any]:
    """The same compilation, its time added to what the thread has waited."""

    @functools.wraps(compilation)
    def run(*arguments: Any) -> Any:
        if _thread.inside:  # an entry that is compiled for another one
            return compilation(*arguments)
        begin, _thread.inside = time.perf_counter(), True
        try:
            with _process, _announced():
                return compilation(*arguments)
        finally:
            _thread.seconds += time.perf_counter() - begin
            _thread.inside = False

    return run


@contextmanager
def _announced() -> Iterator[None]:
    """A word on the terminal, if standard error is one and the block takes long; erased after."""
    if not _is_terminal():
        yield
        return
    told = threading.Event()

    def tell() -> None:
        told.set()
        _write(MESSAGE)

    timer = threading.Timer(LONG, tell)
    timer.daemon = True
    try:
        timer.start()
    except RuntimeError:  # no memory for a thread: no message then
        yield
        return
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        if told.is_set():
            _write("\r" + " " * len(MESSAGE) + "\r")


def _is_terminal() -> bool:
    try:
        return bool(sys.stderr.isatty())
    except (AttributeError, ValueError):  # none, or closed
        return False


def _write(text: str) -> None:
    with suppress(OSError, ValueError, AttributeError, UnicodeEncodeError):
        sys.stderr.write(text)
        sys.stderr.flush()
