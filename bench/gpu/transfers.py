"""What it takes to bring data to the GPU and back, apart from all computing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from nnlib.kernels.cuda.jit import SIMULATED, cuda

from .ceilings import median
from .clock import nnlib_clock
from .rows import CHECKED, Row

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
