"""Compilation that an interrupt cannot tear.

Python runs signal handlers in the main thread, between any two of its instructions. Numba's
compiler is Python and is called back by LLVM: a KeyboardInterrupt raised in such a callback is
printed and lost, and one raised elsewhere may leave a half-built module that crashes later. So
what the main thread wants compiled is compiled in a thread of its own, while the main thread waits
for it. An interrupt reaches the caller at once, whatever its handler raises; the compilation goes
on to its end, and the next call finds its result. Holding the interrupt back until the end was the
other way: Ctrl-C would have no effect for up to ten seconds.

The process ends, and forks, after the compilation that is going on: a thread torn off inside LLVM
would crash the one, and leave the other with a lock that nobody opens.
"""

from __future__ import annotations

import atexit
import functools
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any

from .internals import compiles_here

_running: set[Future[Any]] = set()


def uninterrupted(compilation: Callable[..., Any]) -> Callable[..., Any]:
    """The same compilation, run to its end even if the main thread is interrupted."""

    @functools.wraps(compilation)
    def run(*arguments: Any) -> Any:
        in_main_thread = threading.current_thread() is threading.main_thread()
        # A compilation inside another one would wait for the lock that its own caller holds.
        if not in_main_thread or compiles_here():
            return compilation(*arguments)
        outcome: Future[Any] = Future()
        thread = threading.Thread(
            target=_settle, args=(outcome, compilation, arguments), name="nnlib-compiler"
        )
        try:
            thread.start()
        except RuntimeError:  # no memory for a thread
            _settle(outcome, compilation, arguments)
        return outcome.result()

    return run


def _settle(
    outcome: Future[Any], compilation: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    _running.add(outcome)
    outcome.add_done_callback(_running.discard)
    try:
        outcome.set_result(compilation(*arguments))
    except BaseException as error:
        outcome.set_exception(error)


def finish() -> None:
    """Wait for the compilations that are going on, however many interrupts come."""
    while running := set(_running):
        try:
            wait(running)
        except KeyboardInterrupt:
            continue


atexit.register(finish)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=finish)
