"""What it takes to bring data to the GPU and back, and a descent on more than it has room for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

import nnlib
from nnlib.cuda import streaming as cuda_streaming
from nnlib.kernels.cuda.compile.jit import SIMULATED, cuda

from .ceilings import median
from .measure import cases
from .measure.clock import nnlib_clock
from .measure.program import timing
from .measure.rows import CHECKED, Row

STREAMED, STREAMED_BATCH = 2**20, 2**14
SIZE, TINY_SIZE = 2**27, 2**6  # float32 numbers: half a GB, as the narrow network's largest batch


def transfers(tiny: bool) -> Iterator[Row]:
    """Each way, from and to ordinary memory of the host and pinned memory."""
    size = TINY_SIZE if tiny else SIZE
    ordinary = np.random.default_rng(0).random(size, np.float32)
    pinned = cuda.pinned_array(size, np.float32)
    pinned[:] = ordinary
    there = cuda.device_array(size, np.float32)
    for name, host in (("ordinary", ordinary), ("pinned", pinned)):
        yield _row(f"{name} memory to the GPU", size, partial(there.copy_to_device, host))
        yield _row(f"the GPU to {name} memory", size, partial(there.copy_to_host, host))
        if not np.array_equal(host, ordinary):
            raise ValueError(f"what came back to {name} memory differs from what went")


def _row(name: str, size: int, once: Callable[[], Any]) -> Row:
    seconds = median(once, nnlib_clock)
    if SIMULATED:
        return Row("transfers", name, "nnlib", CHECKED, unit="B/s")
    return Row("transfers", name, "nnlib", rate=4 * size / seconds, unit="B/s")


def streaming(tiny: bool, seconds: float) -> Iterator[Row]:
    """Mini-batches of data on the host, by a descent that has room for them and one that has not.

    Both leave the same bits.
    """
    (case,) = cases.narrow((STREAMED,), tiny)
    problem = case.network
    n, batch = len(problem.X), 2 if tiny else STREAMED_BATCH
    X, y = (part.astype(np.float32) for part in (problem.X, problem.y))
    net = nnlib.Network(
        problem.sizes, problem.activations, problem.loss, "float32",
        initializer=list(problem.start), device="cuda",
    )  # fmt: skip
    start = net.parameters.copy()

    def run(epochs: int) -> None:
        net.parameters = start
        net.descent(
            X, y, optimizer=problem.optimizer, batch_size=batch, epochs=epochs, seed=1,
            progress=False,
        )  # fmt: skip

    run(2)
    expected = net.parameters.copy()
    workload = f"64 wide, batches of {batch} of {n} examples"
    yield _descent(workload, "nnlib, all on the GPU", run, n, seconds)
    with little_room(0.75 * (X.nbytes + y.nbytes)):
        run(2)
        if not np.array_equal(net.parameters, expected):
            raise ValueError("streamed data leaves other bits than data that fits")
        yield _descent(workload, "nnlib, streamed", run, n, seconds)


@contextmanager
def little_room(size: float) -> Iterator[None]:
    """Descents in here find room for so many bytes of examples on the GPU."""
    before = cuda_streaming.room
    try:
        cuda_streaming.room = lambda others: size
        yield
    finally:
        cuda_streaming.room = before


def _descent(workload: str, name: str, run: Callable[[int], Any], n: int, seconds: float) -> Row:
    """Examples per second, with the whole of each epoch."""
    if SIMULATED:
        return Row("streaming", workload, name, CHECKED, unit="examples/s")
    taken = timing(run, nnlib_clock, time.monotonic() + seconds / 2)
    return Row(
        "streaming", workload, name, rate=n / taken.device, unit="examples/s",
        whole=n / taken.whole, once=taken.once, spread=taken.spread,
    )  # fmt: skip
