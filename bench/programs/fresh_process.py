"""Whole processes, from the start of Python to the end of the first descent."""

from __future__ import annotations

import atexit
import functools
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from ..problems.problem import Problem
from ..problems.workload import Result, Run, UnavailableError

_ROOT = Path(__file__).parents[2]

# What a first script does: the exercise's network and data, one descent.
FIRST_DESCENT = """
import json
import numpy as np
import nnlib

i = np.arange(20) / 10
X, y = np.concatenate([i, 6 + i, 3 + i]), np.repeat([0.2, 0.2, 1.0], 20)
start = [([[0.0], [0.0]], [1.0, -1.0]), ([[1.0, 1.0]], [-1.0])]
net = nnlib.Network([1, 2, 1], initializer=[(np.array(W), np.array(b)) for W, b in start])
history = net.descent(X, y, learning_rate=0.1, epochs=300, reduction="sum")
print(json.dumps([net.parameters.tolist(), float(history.J[-1])]))
"""


def cold(problem: Problem, dtype: str) -> Run:
    """An empty cache folder: every kernel that the script needs is compiled."""

    def run(processes: int) -> Result:
        result = Result(np.empty(0))
        for _ in range(processes):
            with tempfile.TemporaryDirectory() as cache:
                result = _first_descent(cache)
        return result

    return run


def warm(problem: Problem, dtype: str) -> Run:
    """A cache folder that an earlier process has filled."""
    cache = _filled_cache()

    def run(processes: int) -> Result:
        result = Result(np.empty(0))
        for _ in range(processes):
            result = _first_descent(cache)
        return result

    return run


def import_torch(problem: Problem, dtype: str) -> Run:
    """A process that imports torch and ends; raises `UnavailableError` without torch."""
    if importlib.util.find_spec("torch") is None:
        raise UnavailableError("torch is not installed")

    def run(processes: int) -> Result:
        for _ in range(processes):
            _python("import torch")
        return Result(np.empty(0))

    return run


@functools.cache
def _filled_cache() -> str:
    """Folder with the compiled kernels of the script; deleted when this process ends."""
    cache = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, cache)
    _first_descent(cache)
    return cache


def _first_descent(cache: str) -> Result:
    parameters, cost = json.loads(_python(FIRST_DESCENT, NUMBA_CACHE_DIR=cache))
    return Result(np.array(parameters), cost)


def _python(script: str, **environment: str) -> str:
    """Standard output of a fresh Python process."""
    return subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
        env={**os.environ, **environment},
    ).stdout
