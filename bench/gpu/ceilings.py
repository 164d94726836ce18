"""What the GPU itself can do, measured: memory bandwidth and products of float32 matrices."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nnlib.kernels.cuda.compile.jit import SIMULATED, cuda

from .measure.clock import Clock, nnlib_clock, torch_clock
from .measure.rows import CHECKED, Row
from .programs.pytorch_steps import products

SECTION, BANDWIDTH = "ceilings", "memory bandwidth, a copy"
PRODUCTS = {"float32": "product of matrices, float32", "tf32": "product of matrices, TF32"}
COPIED, TINY_COPIED = 2**28, 2**6  # float32 numbers
SIDE, TINY_SIDE = 8192, 8
REPEATS, ROUNDS = 10, 5


def copies(tiny: bool) -> Iterator[Row]:
    """A copy on the GPU by its driver; bytes read and bytes written count."""
    size = TINY_COPIED if tiny else COPIED
    source = cuda.to_device(np.random.default_rng(0).random(size, np.float32))
    out = cuda.device_array(size, np.float32)

    def copy() -> None:
        for _ in range(REPEATS):
            out.copy_to_device(source)

    seconds = median(copy, nnlib_clock)
    if not np.array_equal(out[:TINY_COPIED].copy_to_host(), source[:TINY_COPIED].copy_to_host()):
        raise ValueError("the copy differs from its source")
    yield _rate(BANDWIDTH, "driver", 2 * 4 * size * REPEATS / seconds, "B/s")


def matrices(device: str) -> Iterator[Row]:
    """PyTorch's product of two large matrices of random numbers, and its copy of one."""
    import torch

    tiny = device == "cpu"
    side, size = (TINY_SIDE, TINY_COPIED) if tiny else (SIDE, COPIED)
    clock = torch_clock(device)
    source = torch.rand(size, device=device)
    out = torch.empty_like(source)
    seconds = median(lambda: [out.copy_(source) for _ in range(REPEATS)], clock)
    yield _rate(BANDWIDTH, "PyTorch", 2 * 4 * size * REPEATS / seconds, "B/s")
    left, right = (torch.randn(side, side, device=device) for _ in "ab")
    for precision, workload in PRODUCTS.items():
        with products(precision):
            seconds = median(lambda: [left @ right for _ in range(REPEATS)], clock)
        yield _rate(workload, "PyTorch", 2 * side**3 * REPEATS / seconds, "FLOP/s")


def median(once: Callable[[], Any], clock: Clock) -> float:
    """Seconds of a call, of several after one to warm up."""
    once()
    return max(statistics.median(clock(once).whole for _ in range(ROUNDS)), 1e-9)


def _rate(workload: str, program: str, rate: float, unit: str) -> Row:
    if SIMULATED:
        return Row(SECTION, workload, program, CHECKED, unit=unit)
    return Row(SECTION, workload, program, rate=rate, unit=unit)
