"""Machine code that a package brings along: nothing is compiled, and nothing wrong is loaded."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nnlib.commands import machine_code
from nnlib.kernels.compile import cache, shipped
from nnlib.kernels.compile.internals import PLAIN
from tests.tolerances import assert_close

pytestmark = pytest.mark.cpu("host")

ROOT = Path(__file__).parents[3]
DESCENT = (
    "import nnlib; net = nnlib.Network([1, 2, 1]); "
    "net.descent([0, 0.5, 1], [0.2, 0.8, 0.2], epochs=50); print(*net.parameters)"
)
STEPS = 50 * 3  # epochs, and examples of each
needs_level = pytest.mark.skipif(not shipped.levels_here(), reason="no level for this processor")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A copy of the package, with the code of one level for one descent."""
    if PLAIN:
        pytest.skip("plain mode makes no code for a package")
    folder = tmp_path_factory.mktemp("package")
    leave_out = shutil.ignore_patterns("__pycache__", "machine_code")
    shutil.copytree(ROOT / "nnlib", folder / "nnlib", ignore=leave_out)
    add_code(folder, shipped.levels_here()[:1])
    return folder


def add_code(folder, levels):
    """Code of the levels for one descent, in the place of what the package has."""
    whole, machine_code._WARM_UP = machine_code._WARM_UP, DESCENT
    try:
        machine_code.make_machine_code(folder / "nnlib" / "kernels" / "machine_code", levels, ())
    finally:
        machine_code._WARM_UP = whole


def run(package, own, **variables):
    """What a descent of the copied package prints, and how many entries it compiled."""
    taken_out = ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NNLIB_MACHINE_CODE", "NUMBA_ENABLE_AVX")
    surroundings = {name: value for name, value in os.environ.items() if name not in taken_out}
    own.mkdir(mode=0o700)
    surroundings |= {"NUMBA_CACHE_DIR": str(own), "PYTHONPATH": str(package), **variables}
    ended = subprocess.run(
        [sys.executable, "-c", DESCENT], cwd=own, env=surroundings, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    return np.array(ended.stdout.split(), float), len(list(own.rglob("*.code")))


@needs_level
def test_nothing_is_compiled_and_the_result_is_that_of_compiled_code(package, tmp_path):
    with_code, compiled = run(package, tmp_path / "one")
    assert compiled == 0
    without, compiled = run(package, tmp_path / "two", NNLIB_MACHINE_CODE="0")
    assert compiled > 0
    assert_close(with_code, without, terms=STEPS)


@needs_level
def test_the_lowest_level(package, tmp_path):
    copy = tmp_path / "package"
    shutil.copytree(package, copy)
    add_code(copy, shipped.levels_here()[-1:])
    found, compiled = run(copy, tmp_path / "own")
    assert compiled == 0
    wanted, _ = run(package, tmp_path / "other")
    assert_close(found, wanted, terms=STEPS)


@needs_level
def test_a_flipped_bit_is_compiled_again(package, tmp_path):
    files = sorted((package / "nnlib" / "kernels" / "machine_code").rglob("*.code"))
    wanted, _ = run(package, tmp_path / "one")
    kept = files[0].read_bytes()
    try:
        files[0].write_bytes(kept[:-100] + bytes([kept[-100] ^ 1]) + kept[-99:])
        found, compiled = run(package, tmp_path / "two")
    finally:
        files[0].write_bytes(kept)
    assert compiled == 1
    assert_close(found, wanted, terms=STEPS)


@needs_level
@pytest.mark.parametrize("asked", [{"NUMBA_CPU_NAME": "generic"}, {"NUMBA_ENABLE_AVX": "0"}])
def test_another_processor_than_this_one_compiles(asked, package, tmp_path):
    _, compiled = run(package, tmp_path / "own", **asked)
    assert compiled > 0


@needs_level
def test_code_of_other_sources_is_not_looked_at(package, tmp_path):
    (folder,) = (package / "nnlib" / "kernels" / "machine_code").iterdir()
    other = folder.with_name("0123456789abcdef")
    folder.rename(other)
    try:
        _, compiled = run(package, tmp_path / "own")
    finally:
        other.rename(folder)
    assert compiled > 0


@pytest.mark.parametrize(
    ("missing", "expected"),
    [(set(), ["x86-64-v4", "x86-64-v3"]), ({"avx512vl"}, ["x86-64-v3"]), ({"fma"}, [])],
)
def test_levels_of_a_processor(missing, expected, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    names = set(shipped.LEVELS["x86-64-v4"]) - missing
    monkeypatch.setattr(
        shipped.binding, "get_host_cpu_features", lambda: dict.fromkeys(names, True)
    )
    assert shipped.levels_here() == expected


@pytest.mark.parametrize(("system", "machine"), [("darwin", "arm64"), ("win32", "AMD64")])
def test_other_systems_have_no_level(system, machine, monkeypatch):
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert shipped.levels_here() == []


def test_a_folder_without_this_processors_level_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    monkeypatch.setattr(shipped, "is_wanted", lambda: True)
    digest = cache.sources_digest()
    assert shipped.shipped_folder(digest) is None
    (tmp_path / digest / "x86-64-v9").mkdir(parents=True)
    assert shipped.shipped_folder(digest) is None
    monkeypatch.setattr(shipped, "levels_here", lambda: ["x86-64-v9"])
    assert shipped.shipped_folder(digest) == (tmp_path / digest / "x86-64-v9", "x86-64-v9")


def test_the_switch(monkeypatch):
    monkeypatch.setattr(shipped.config, "CPU_NAME", None)
    monkeypatch.setattr(shipped.config, "CPU_FEATURES", None)
    for value, wanted in (("1", True), ("0", False)):
        monkeypatch.setenv("NNLIB_MACHINE_CODE", value)
        assert shipped.is_wanted() is wanted
    monkeypatch.setenv("NNLIB_MACHINE_CODE", "no")
    with pytest.raises(ValueError, match="NNLIB_MACHINE_CODE is 'no', wanted 0 or 1"):
        shipped.is_wanted()


def test_a_failed_build_leaves_what_was_there(tmp_path, monkeypatch):
    kept = tmp_path / "code" / "kept"
    kept.mkdir(parents=True)
    monkeypatch.setattr(machine_code, "_WARM_UP", "raise SystemExit(1)")
    monkeypatch.setattr(shipped, "levels_here", lambda: ["x86-64-v3"])
    monkeypatch.setattr(machine_code, "PLAIN", False)
    with pytest.raises(subprocess.CalledProcessError):
        machine_code.make_machine_code(tmp_path / "code")
    monkeypatch.setattr(machine_code, "_WARM_UP", "pass")
    with pytest.raises(RuntimeError, match="another nnlib than this one was compiled"):
        machine_code.make_machine_code(tmp_path / "code")
    monkeypatch.setattr(machine_code, "PLAIN", True)
    with pytest.raises(RuntimeError, match="this is plain mode"):
        machine_code.make_machine_code(tmp_path / "code")
    assert list((tmp_path / "code").iterdir()) == [kept]
    assert list(tmp_path.iterdir()) == [tmp_path / "code"]


def test_a_level_that_this_processor_does_not_know_is_refused(tmp_path):
    with pytest.raises(ValueError, match="level is 'x86-64-v5', wanted one that this processor"):
        machine_code.make_machine_code(tmp_path / "code", ["x86-64-v5"])
    assert not (tmp_path / "code").exists()
