"""The decorators: what may be called from Python, and a cache that never runs old code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nnlib
from nnlib.kernels.compile import jit
from nnlib.kernels.compile.internals import PLAIN
from nnlib.kernels.layers import dense

# Where the copy under test lies, what a network computes, and whether it came from the cache.
SCRIPT = """
import nnlib
from nnlib.kernels.compile import cache
from nnlib.kernels.network import evaluate
print(nnlib.__file__)
print(nnlib.Network([1, 1], "relu", initializer=[([[1.0]], [0.0])]).F(2.0))
print(cache.FOLDER is not None, sum(evaluate.outputs.stats.cache_hits.values()))
"""


class Copy:
    """A copy of the package in a folder of its own, for subprocesses that import it."""

    def __init__(self, folder):
        self.folder = folder
        self.package = folder / "nnlib"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(Path(nnlib.__file__).parent, self.package, ignore=ignored)
        self.environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        self.environment.pop("NUMBA_CACHE_DIR", None)

    def run(self):
        """F(2) of a relu network, whether there is a cache folder, and how often it was used."""
        result = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        where, output, has_cache, hits = result.stdout.split()
        assert Path(where).parent == self.package
        return float(output), has_cache == "True", int(hits)


@pytest.fixture
def copy(tmp_path):
    """A fresh copy without any caches."""
    return Copy(tmp_path.resolve())


def test_an_edited_kernel_takes_effect_although_caches_exist(copy):
    assert copy.run() == (2.0, True, 0)
    assert copy.run() == (2.0, True, 1)
    # The formula lies two files away from the entry that Python calls and that is cached.
    path = copy.package / "kernels" / "formulas" / "activations.py"
    source = path.read_text(encoding="utf-8")
    edited = source.replace("return like(z, 0) if z < like(z, 0) else abs(z)", "return like(z, 7)")
    assert edited != source, "relu is written differently now: adapt the edit"
    path.write_text(edited, encoding="utf-8")
    assert copy.run() == (7.0, True, 0)
    path.write_text(source, encoding="utf-8")
    assert copy.run() == (2.0, True, 1)


@pytest.mark.parametrize("named", [True, False], ids=["NUMBA_CACHE_DIR", "default folders"])
def test_works_with_no_writable_cache_folder(copy, named):
    # Below a regular file not even root can make a folder.
    (copy.folder / "file").touch()
    nowhere = str(copy.folder / "file" / "cache")
    if named:
        copy.environment["NUMBA_CACHE_DIR"] = nowhere
    (copy.package / "kernels" / "__pycache__").touch()
    for name in ("HOME", "USERPROFILE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        copy.environment[name] = nowhere
    assert copy.run() == (2.0, False, 0)


def test_the_digest_covers_every_kernel_file(copy):
    def digest():
        code = "from nnlib.kernels.compile.cache import sources_digest; print(sources_digest())"
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=copy.folder, env=copy.environment, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    before = digest()
    assert digest() == before
    with (copy.package / "kernels" / "compile" / "memory.py").open("a", encoding="utf-8") as file:
        file.write("# an edit\n")
    assert digest() != before


def test_a_kernel_is_not_for_python():
    empty = np.zeros(1)
    with pytest.raises((TypeError, ValueError)):
        dense.forward(empty, empty, empty, np.zeros(10, np.int64))


def test_only_jit_and_compiler_name_numba_options():
    folder = Path(jit.__file__).parents[1]
    option = re.compile(r"\b(njit|fastmath|forceinline|error_model|pipeline_class|boundscheck)\b")
    offenders = [
        path.name
        for path in folder.rglob("*.py")
        if path.name not in ("jit.py", "compiler.py") and option.search(path.read_text("utf-8"))
    ]
    assert offenders == []


@jit.routine
def doubled(values):
    for i in range(values.size):
        values[i] *= 2


@jit.kernel
def tripled(values):
    for i in range(values.size):
        values[i] *= 3


@jit.entry
def six_times(values):
    doubled(values)
    tripled(values)


@pytest.mark.skipif(PLAIN, reason="LLVM alone decides what it inlines")
def test_a_routine_is_called_and_a_kernel_inlined():
    values = np.arange(20.0)
    six_times(values)
    np.testing.assert_array_equal(values, 6 * np.arange(20.0))
    six_times.recompile()  # code that comes from the cache cannot be shown
    (code,) = six_times.inspect_llvm().values()
    calls = re.findall(r"call .*@[^(]*?(doubled|tripled)", code)
    assert set(calls) == {"doubled"}
