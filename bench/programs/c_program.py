"""exercise.c, called in this process."""

from __future__ import annotations

import ctypes
from typing import Any

from ..problems.problem import Problem, coefficients
from ..problems.workload import Result, Run
from .c_compiler import FLAGS, compiled

# gcc keeps to 256-bit vectors on most machines that have 512: 0.277 µs an epoch against 0.245.
WIDE_FLAGS = (*FLAGS, "-mprefer-vector-width=512")
_TYPES: dict[str, tuple[str, Any]] = {
    "float64": ("double", ctypes.c_double),
    "float32": ("float", ctypes.c_float),
}


def descent(problem: Problem, dtype: str, flags: tuple[str, ...] = FLAGS) -> Run:
    """The exercise in C; raises `UnavailableError` without a gcc that takes the flags."""
    X, y = problem.X[:, 0].astype(dtype), problem.y[:, 0].astype(dtype)
    name, real = _TYPES[dtype]
    # Sizes are known when it is compiled.
    function = compiled("exercise.c", (*flags, f"-DREAL={name}", f"-DPOINTS={len(X)}"))
    function.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_long, real]
    function.restype = real

    def run(epochs: int) -> Result:
        a = coefficients(problem.flat_start).astype(dtype)
        cost = function(a.ctypes.data, X.ctypes.data, y.ctypes.data, epochs, problem.rate)
        return Result(coefficients(a), cost)

    return run


def descent_wide(problem: Problem, dtype: str) -> Run:
    """The same with 512-bit vectors."""
    return descent(problem, dtype, WIDE_FLAGS)
