"""CUDA graphs: launches that are recorded once, and given to the GPU again by one call.

A launch from Python costs the time of some hundred of its lines, a launch in a graph none of it.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from .jit import SIMULATED, bindings, checked, cuda, new_stream

# A launch with its arguments, on the default stream or on `stream=`; what `jit.launcher` returns,
# made partial.
Launch = Callable[..., None]


def graph(launches: Sequence[Launch]) -> Callable[[], None]:
    """What makes these launches again, one after the other, on the default stream.

    All of them have to have been made before: to record may not load a kernel. Their arguments
    are kept, numbers as they are and arrays by their places.

    Raises
    ------
    RuntimeError
        If the driver refuses to record them; nothing has been launched then.
    """
    return functools.partial(_replay, launches) if SIMULATED else Graph(launches)


def _replay(launches: Sequence[Launch]) -> None:
    for launch in launches:
        launch()


class Graph:
    """The launches, recorded by the driver."""

    def __init__(self, launches: Sequence[Launch]) -> None:
        driver = bindings()
        # Not on a stream that waits for the default one: while it records, nothing in the process
        # could use the default stream.
        stream = new_stream()
        try:
            with cuda.defer_cleanup():  # to free memory would break it off
                recorded = _record(driver, stream, launches)
        finally:
            checked(driver.cuStreamDestroy, stream)
        try:
            self._executable = checked(driver.cuGraphInstantiate, recorded, 0)
        finally:
            checked(driver.cuGraphDestroy, recorded)
        self._launch, self._launches = driver.cuGraphLaunch, launches  # which hold their arrays
        # The driver waits with that till the last call is done; at Python's end it does so itself.
        weakref.finalize(self, driver.cuGraphExecDestroy, self._executable).atexit = False

    def __call__(self) -> None:
        checked(self._launch, self._executable, 0)


def _record(driver: Any, stream: Any, launches: Sequence[Launch]) -> Any:
    """The driver's handle of the launches, made on a stream that takes them down instead."""
    mode = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
    checked(driver.cuStreamBeginCapture, stream, mode)
    try:
        named = cuda.external_stream(int(stream))
        for launch in launches:
            launch(stream=named)
    except BaseException as error:
        status, unfinished = driver.cuStreamEndCapture(stream)
        if status == driver.CUresult.CUDA_SUCCESS:
            checked(driver.cuGraphDestroy, unfinished)
        if isinstance(error, Exception):
            raise RuntimeError(f"a launch cannot be recorded: {error}") from error
        raise
    return checked(driver.cuStreamEndCapture, stream)
