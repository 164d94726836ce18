"""exercise.c, compiled with gcc and called in this process."""

from __future__ import annotations

import ctypes
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..problem import Problem, coefficients
from ..workload import Result, Run, UnavailableError

FLAGS = ("-O3", "-march=native", "-ffast-math")
# gcc keeps to 256-bit vectors on most machines that have 512: 0.277 µs an epoch against 0.245.
WIDE_FLAGS = (*FLAGS, "-mprefer-vector-width=512")
_TYPES: dict[str, tuple[str, Any]] = {
    "float64": ("double", ctypes.c_double),
    "float32": ("float", ctypes.c_float),
}


def descent(problem: Problem, dtype: str, flags: tuple[str, ...] = FLAGS) -> Run:
    """The exercise in C; raises `UnavailableError` without a gcc that takes the flags."""
    X, y = problem.X[:, 0].astype(dtype), problem.y[:, 0].astype(dtype)
    start = np.concatenate([part.ravel() for layer in problem.start for part in layer])
    function = _compiled(dtype, len(X), flags)

    def run(epochs: int) -> Result:
        a = coefficients(start).astype(dtype)
        cost = function(a.ctypes.data, X.ctypes.data, y.ctypes.data, epochs, problem.rate)
        return Result(coefficients(a), cost)

    return run


def descent_wide(problem: Problem, dtype: str) -> Run:
    """The same with 512-bit vectors."""
    return descent(problem, dtype, WIDE_FLAGS)


@functools.cache
def _compiled(dtype: str, points: int, flags: tuple[str, ...]) -> Any:
    """The function ``descent`` of exercise.c, loaded from a shared library that is then deleted."""
    gcc = shutil.which("gcc")
    if gcc is None:
        raise UnavailableError("gcc is not on the PATH")
    name, real = _TYPES[dtype]
    source = Path(__file__).with_name("exercise.c")
    with tempfile.TemporaryDirectory() as folder:
        program, library = f"{folder}/exercise.o", f"{folder}/exercise.so"
        sizes = (f"-DREAL={name}", f"-DPOINTS={points}")
        _run(gcc, *flags, *sizes, "-fPIC", "-c", str(source), "-o", program)
        # Linked without -ffast-math: with it gcc adds start-up code that switches the whole
        # process to treating subnormal numbers as 0.
        _run(gcc, "-shared", program, "-o", library, "-lm")
        function = ctypes.CDLL(library).descent
    function.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_long, real]
    function.restype = real
    return function


def _run(*command: str) -> None:
    completed = subprocess.run(command, capture_output=True, text=True)
    if completed.returncode:
        raise UnavailableError(f"{' '.join(command)} failed: {completed.stderr.strip()}")
