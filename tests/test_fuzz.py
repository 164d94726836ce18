"""A short run of the fuzzers, the same files every time, and what they do with a wrong outcome."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .fuzz import __main__ as fuzz

pytestmark = [
    pytest.mark.cpu("host"),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGALRM"),
]


def run(*arguments):
    """What the command printed for each kind; it has to end well."""
    child = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *map(str, arguments)],
        capture_output=True, text=True, timeout=300,
        cwd=Path(__file__).parents[1], env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    assert child.returncode == 0, child.stdout + child.stderr[-3000:]
    return [json.loads(line) for line in child.stdout.splitlines()]


@pytest.mark.skipif(sys.platform != "linux", reason="bounds memory as Linux does; Windows cannot")
def test_mutated_files(tmp_path):
    """More than 10 000 of them: the same network or a FormatError, within 64 MiB."""
    [result] = run("--only", "networks", "--seed", 6, "--tries", 4000, "--folder", tmp_path)
    tried = result["loaded"] + result["refused"]
    assert tried > 10_000
    # Both outcomes occur: spaces and escapes in a header do not matter, all else does.
    assert 0 < result["loaded"] < 0.01 * tried


@pytest.mark.parametrize("kind", [kind for kind in fuzz.KINDS if kind != "networks"])
def test_hostile_checkpoints(kind, tmp_path):
    [result] = run(
        "--only", kind, "--seed", 6, "--tries", 150, "--random-only", "--folder", tmp_path
    )
    assert result["refused"] > 10
    assert result["ended"] > 10


class Wrong:
    """A kind of file whose third one has an outcome that is not allowed."""

    spare_bytes = None

    def __init__(self, folder):
        pass

    def systematic(self):
        yield from [("name", b"file %d" % number) for number in range(5)]

    def mutated(self, rng):
        raise AssertionError

    def attempt(self, name, path):
        if path.read_bytes() == b"file 2":
            raise AssertionError("wrong")
        return "fine"


def test_a_wrong_outcome_keeps_its_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(fuzz.KINDS, "networks", Wrong)
    monkeypatch.setattr(os, "fsync", os.fsync)  # the command replaces it
    command = ["--only", "networks", "--tries", "0", "--folder", str(tmp_path)]
    assert fuzz.main(command) == 1
    printed = capsys.readouterr().out
    assert "AssertionError('wrong')" in printed
    reproducer = tmp_path / "under test name"
    assert repr(str(reproducer)) in printed
    assert reproducer.read_bytes() == b"file 2"
    assert fuzz.main([*command, "--reproduce", str(reproducer)]) == 1
