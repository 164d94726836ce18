"""Which GPU, driver and packages a result belongs to."""

from __future__ import annotations

import csv
import io
import platform
import re
import shutil
import subprocess
from typing import Any

from nnlib.kernels.cuda.compile.jit import SIMULATED, cuda

from ..measure.machine import versions

_PACKAGES = (
    "numba", "numba-cuda", "numpy", "torch", "triton", "jax", "jaxlib", "cuda-toolkit",
    "nvidia-cublas", "nvidia-cuda-nvcc",
)  # fmt: skip
_ASKED = "name", "driver_version", "memory.total", "clocks.max.sm", "clocks.max.mem"


def facts() -> dict[str, Any]:
    """For the JSON and the head of the table."""
    return {
        "gpu": gpu_name(),
        "capability": None if SIMULATED else list(cuda.get_current_device().compute_capability),
        "processors": None if SIMULATED else int(cuda.get_current_device().MULTIPROCESSOR_COUNT),
        "nvidia-smi": _smi(),
        "python": platform.python_version(),
        "versions": versions(_PACKAGES),
    }


def gpu_name() -> str:
    """The name that the driver gives it."""
    return "simulator" if SIMULATED else str(cuda.get_current_device().name)


def file_name(name: str) -> str:
    """The name as a part of a file's.

    >>> file_name("NVIDIA H200")
    'nvidia-h200'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _smi() -> dict[str, str] | None:
    """What nvidia-smi says of the first GPU; None without it."""
    program = shutil.which("nvidia-smi")
    if SIMULATED or program is None:
        return None
    command = [program, f"--query-gpu={','.join(_ASKED)}", "--format=csv,noheader", "--id=0"]
    report = subprocess.run(command, capture_output=True, text=True).stdout
    values = next(csv.reader(io.StringIO(report), skipinitialspace=True), [])
    return dict(zip(_ASKED, values, strict=False))
