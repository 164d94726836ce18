"""What is private of Numba and llvmlite: all in one place, and as this project needs it.

Each test names what a new version has changed.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numba
import numpy as np
import pytest
from numba import types

from nnlib.kernels.compile import internals
from nnlib.kernels.compile.jit import elementwise, entry, kernel, routine

ROOT = Path(__file__).parents[3]
PRIVATE = ("numba.core", "numba.np", "numba.cpython", "llvmlite")
fast = pytest.mark.skipif(internals.PLAIN, reason="our own compiler is left out")


def imported(path):
    """The modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def test_no_other_file_imports_what_is_private():
    files = [*(ROOT / "kernels").rglob("*.py"), *(ROOT / "nnlib").rglob("*.py")]
    found = {
        str(path.relative_to(ROOT))
        for path in files
        if path.parts[len(ROOT.parts)] != "nnlib" or "kernels" not in path.parts
        for module in imported(path)
        if module.startswith(PRIVATE)
    }
    assert found == {"kernels/compile/internals.py"}


@elementwise
def twice(values):
    for k in range(values.size):
        values[k] = 2 * values[k]


@routine
def add_up(values):
    total = values.dtype.type(0)
    for k in range(values.size):
        total += values[k]
    return total


@kernel
def twice_and_add_up(values):
    twice(values)
    return add_up(values)


@entry
def run(values):
    return twice_and_add_up(values)


@pytest.fixture(scope="module")
def text():
    """LLVM's text of an entry that calls kernels, optimised."""
    assert run(np.ones(5)) == 10
    (text,) = run.inspect_llvm().values()
    return text


def bodies(text):
    """The functions that the text defines: name and body."""
    return re.findall(r"^define [^@]*@\"?([^\"(]+)\"?\((.*?)^}", text, re.M | re.S)


@fast
def test_kernels_are_inlined_and_routines_are_called(text):
    names = [name for name, _ in bodies(text)]
    assert any("add_up" in name and "twice" not in name for name in names)
    assert not any("twice_and_add_up" in name for name in names)
    calls = re.findall(r"call [^@]*@\"?([^\"(]+)", text)
    assert any("add_up" in name for name in calls)
    assert not any("twice" in name for name in calls)


@fast
def test_functions_ask_for_wide_vectors_and_entries_for_an_aligned_stack(text):
    assert '"prefer-vector-width"="512"' in text
    assert "stackrealign" in text


def test_nothing_counts_references(text):
    assert "NRT_incref" not in "".join(body for name, body in bodies(text) if "run" in name)


def test_nothing_needs_numbas_runtime(text):
    """Code from the disk is loaded without it, see `KeptEntry.load_overload`."""
    assert "declare" in text
    assert "NRT_" not in text


@kernel
def scaled(values, doubles, factor):
    if doubles:
        twice(values)
    for k in range(values.size):
        values[k] *= factor


@entry
def scale_often(values):
    scaled(values, True, 3)
    scaled(values, False, values.size)
    scaled(values, values.size > 5, 7)


@fast
def test_a_kernel_is_compiled_once_for_all_constants():
    values = np.ones(2)
    scale_often(values)
    np.testing.assert_array_equal(values, 2 * 3 * 2 * 7)
    assert len(scaled.overloads) == 1


def passes_of(function):
    """The names of the passes that compiled the function."""
    (signature,) = function.signatures
    times = function.get_metadata(signature)["pipeline_times"]["nopython"]
    return {name.split("_", 1)[1] for name in times}


@fast
def test_kernels_do_without_passes_for_what_they_do_not_have(text):
    """Numba's own pipeline has them, and does what it did for everybody else's functions."""
    needless = {"inline_closure_likes", "nopython_rewrites"}
    own = numba.njit(lambda x: x)
    own(1)
    assert needless <= passes_of(own)
    assert needless.isdisjoint(passes_of(add_up))
    assert needless.isdisjoint(passes_of(twice))


@fast
def test_llvm_is_not_asked_for_the_sizes_of_variables(monkeypatch):
    asked = []
    context = type(scaled.targetctx)
    monkeypatch.setattr(context, "get_abi_sizeof", lambda self, kind: asked.append(kind) or 8)
    scaled.compile((types.float32[::1], types.boolean, types.int64))
    assert not asked


@fast
def test_a_kernel_alone_has_no_code():
    with pytest.raises(TypeError, match="index expected"):
        twice(np.ones(3))


def test_the_bounds_of_the_package_are_the_versions_tested():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (bound,) = [text for text in project["dependencies"] if text.startswith("numba")]
    low, high = internals.TESTED
    assert bound == f"numba>={low[0]}.{low[1]},<{high[0]}.{high[1] + 1}"


def test_an_untested_version_is_compiled_the_plain_way(monkeypatch):
    monkeypatch.delenv("NNLIB_PLAIN", raising=False)
    with pytest.warns(RuntimeWarning, match=r"numba 9\.1\.0 is untested with nnlib"):
        assert internals.is_plain("9.1.0")
    assert not internals.is_plain("0.68.1")
    for odd in ("0.69rc1", "0+untagged.1.gabc"):
        with pytest.warns(RuntimeWarning, match="untested"):
            assert internals.is_plain(odd)
    assert not internals.is_plain("0.68rc1")
    monkeypatch.setenv("NNLIB_PLAIN", "0")
    assert not internals.is_plain("9.1.0")
    monkeypatch.setenv("NNLIB_PLAIN", "1")
    assert internals.is_plain("0.68.1")
    monkeypatch.setenv("NNLIB_PLAIN", "yes")
    with pytest.raises(ValueError, match="NNLIB_PLAIN is 'yes', wanted 0 or 1"):
        internals.is_plain("0.68.1")


PLAIN = """
import numpy as np, nnlib
net = nnlib.Network([1, 2, 1])
history = net.descent([0, 0.5, 1], [0.2, 0.8, 0.2], optimizer="adam", epochs=20)
print(history.epochs, float(net.J([0.5], [0.8])))
"""


def test_plain_mode_trains_the_same_network(tmp_path):
    found = []
    for plain in ("0", "1"):
        ended = subprocess.run(
            [sys.executable, "-c", PLAIN], cwd=ROOT, text=True, capture_output=True, check=True,
            env={**__import__("os").environ, "NNLIB_PLAIN": plain},
        )  # fmt: skip
        found.append([float(word) for word in ended.stdout.split()])
    np.testing.assert_allclose(*found, rtol=1e-9)


GONE = """
import importlib, sys, types
for module, names in (
    ("codegen", "JITCodeLibrary"), ("compiler", "CompilerBase DefaultPassBuilder"),
    ("compiler_machinery", "register_pass"), ("lowering", "Lower"),
    ("typed_passes", "NativeLowering"),
):
    whole = importlib.import_module(f"numba.core.{module}")
    without = types.ModuleType(whole.__name__)
    vars(without).update(vars(whole))
    for name in names.split():
        delattr(without, name)
    sys.modules[whole.__name__] = without
"""


@pytest.mark.parametrize("plain", ["0", "1"])
def test_plain_mode_does_without_what_only_our_compiler_uses(plain):
    """A Numba to come may have it elsewhere: then the fast way cannot even be imported."""
    ended = subprocess.run(
        [sys.executable, "-c", GONE + PLAIN], cwd=ROOT, text=True, capture_output=True,
        env={**__import__("os").environ, "NNLIB_PLAIN": plain},
    )  # fmt: skip
    assert (ended.returncode == 0) == (plain == "1"), ended.stderr
    if plain == "0":
        assert "JITCodeLibrary" in ended.stderr
