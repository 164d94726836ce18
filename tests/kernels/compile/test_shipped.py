"""Machine code that a package brings along: nothing is compiled, and nothing wrong is loaded."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nnlib.commands import machine_code
from nnlib.kernels.compile import cache, shipped

pytestmark = pytest.mark.cpu("host")

ROOT = Path(__file__).parents[3]
DESCENT = (
    "import nnlib; net = nnlib.Network([1, 2, 1]); "
    "net.descent([0, 0.5, 1], [0.2, 0.8, 0.2], epochs=50); print(*net.parameters)"
)
needs_level = pytest.mark.skipif(not shipped.levels_here(), reason="no level for this processor")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A copy of the package, with the code of one level for one descent."""
    folder = tmp_path_factory.mktemp("package")
    leave_out = shutil.ignore_patterns("__pycache__", "machine_code")
    shutil.copytree(ROOT / "nnlib", folder / "nnlib", ignore=leave_out)
    whole, machine_code._WARM_UP = machine_code._WARM_UP, DESCENT
    try:
        machine_code.make_machine_code(
            folder / "nnlib" / "kernels" / "machine_code", shipped.levels_here()[:1], ()
        )
    finally:
        machine_code._WARM_UP = whole
    return folder


def run(package, own, **variables):
    """What a descent of the copied package prints, and how many entries it compiled."""
    taken_out = ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NNLIB_MACHINE_CODE")
    surroundings = {name: value for name, value in os.environ.items() if name not in taken_out}
    own.mkdir(mode=0o700)
    surroundings |= {"NUMBA_CACHE_DIR": str(own), "PYTHONPATH": str(package), **variables}
    ended = subprocess.run(
        [sys.executable, "-c", DESCENT], cwd=own, env=surroundings, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    return [float(word) for word in ended.stdout.split()], len(list(own.rglob("*.code")))


@needs_level
def test_nothing_is_compiled_and_the_result_is_that_of_compiled_code(package, tmp_path):
    with_code, compiled = run(package, tmp_path / "one")
    assert compiled == 0
    without, compiled = run(package, tmp_path / "two", NNLIB_MACHINE_CODE="0")
    assert compiled > 0
    assert with_code == pytest.approx(without, rel=1e-12)


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
    assert (found, compiled) == (pytest.approx(wanted, rel=1e-12), 1)


@needs_level
def test_another_processor_than_this_one_compiles(package, tmp_path):
    _, compiled = run(package, tmp_path / "own", NUMBA_CPU_NAME="generic")
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


def test_a_level_that_this_processor_does_not_know_is_refused(tmp_path):
    with pytest.raises(ValueError, match="level is 'x86-64-v5', wanted one that this processor"):
        machine_code.make_machine_code(tmp_path / "code", ["x86-64-v5"])
    assert not (tmp_path / "code").exists()
