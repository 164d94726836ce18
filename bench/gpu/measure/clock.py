"""Clocks of a GPU: events on its own stream of work, not the processor's time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from nnlib.cuda import launch as cuda_launch
from nnlib.kernels.cuda.compile.jit import SIMULATED, cuda


class Seconds(NamedTuple):
    """What a call took.

    Attributes
    ----------
    device
        On the GPU, without transfers where the clock can tell them apart.
    whole
        From the beginning to the end.
    """

    device: float
    whole: float


Clock = Callable[[Callable[[], Any]], Seconds]


def host_clock(once: Callable[[], Any]) -> Seconds:
    """The processor's clock, for calls that wait until all is done."""
    begin = time.perf_counter()
    once()
    seconds = time.perf_counter() - begin
    return Seconds(seconds, seconds)


def nnlib_clock(once: Callable[[], Any]) -> Seconds:
    """Events around every call that launches a descent's kernels, and around the whole."""
    if SIMULATED:  # its events record nothing
        return host_clock(once)
    begin, end = cuda.event(), cuda.event()
    with _launches() as pairs:
        cuda.synchronize()
        begin.record()
        once()
        end.record()
        end.synchronize()
    device = sum(first.elapsed_time(last) for first, last in pairs)
    return Seconds(device / 1000, begin.elapsed_time(end) / 1000)


@contextmanager
def _launches() -> Iterator[list[tuple[Any, Any]]]:
    """Pairs of events, before and after the launches of each slice of every descent in here."""
    pairs: list[tuple[Any, Any]] = []

    def timed(make: Callable[..., Callable[[int], None]]) -> Callable[..., Any]:
        def made(*arguments: Any, **options: Any) -> Callable[[int], None]:
            launch = make(*arguments, **options)

            def run(rounds: int) -> None:
                pair = cuda.event(), cuda.event()
                pair[0].record()
                launch(rounds)
                pair[1].record()
                pairs.append(pair)

            return run

        return made

    before = {name: getattr(cuda_launch, name) for name in ("alone", "together")}
    try:
        for name, make in before.items():
            setattr(cuda_launch, name, timed(make))
        yield pairs
    finally:
        for name, make in before.items():
            setattr(cuda_launch, name, make)


def torch_clock(device: str) -> Clock:
    """PyTorch's events; the processor's clock for PyTorch on the processor."""
    if device == "cpu":
        return host_clock
    import torch

    gpu: Any = torch.cuda

    def clock(once: Callable[[], Any]) -> Seconds:
        begin, end = (gpu.Event(enable_timing=True) for _ in range(2))
        gpu.synchronize()
        begin.record()
        once()
        end.record()
        end.synchronize()
        seconds = begin.elapsed_time(end) / 1000
        return Seconds(seconds, seconds)

    return clock
