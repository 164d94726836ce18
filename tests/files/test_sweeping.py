"""Temporary files: those of dead processes are removed, and no others."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import nnlib
from nnlib.files import writing
from nnlib.files.writing import sweep, write_atomically

from .test_writing import posix, raise_

pytestmark = pytest.mark.cpu("host")


def temporary(folder, host=None, age=0.0):
    """A temporary file as a dead process leaves it."""
    prefix = writing._prefix() if host is None else f".nnlib-{host}"
    path = folder / f"{prefix}0123456789abcdef.tmp"
    path.write_bytes(b"half a fi")
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_what_dead_processes_left_is_swept(tmp_path):
    gone = [
        temporary(tmp_path),
        temporary(tmp_path, "fedcba98-", age=25 * 3600),
        temporary(tmp_path, "", age=25 * 3600),
    ]
    sweep(tmp_path / "file")
    assert not [path for path in gone if path.exists()]


@posix
def test_what_may_still_be_in_use_is_not_swept(tmp_path):
    """Another host's, an older library's, and what is no file."""
    temporary(tmp_path, "fedcba98-", age=23 * 3600)
    temporary(tmp_path, "", age=23 * 3600)
    (tmp_path / f"{writing._prefix()}a.tmp").mkdir()
    (tmp_path / f"{writing._prefix()}b.tmp").symlink_to("nowhere")
    os.mkfifo(tmp_path / f"{writing._prefix()}c.tmp")
    before = sorted(tmp_path.iterdir())
    sweep(tmp_path / "file")
    assert sorted(tmp_path.iterdir()) == before


@posix
def test_a_file_that_is_being_written_is_not_swept(tmp_path, monkeypatch):
    """Not while it is written, and not between its making and its locking."""
    path, swept = tmp_path / "file", []

    def sweeping(function):
        def first(*arguments):
            sweep(path)
            swept.append(function)
            return function(*arguments)

        return first

    for name in ("write", "fsync", "replace"):
        monkeypatch.setattr(os, name, sweeping(getattr(os, name)))
    write_atomically(path, b"new")
    monkeypatch.undo()
    lock, calls = writing.try_lock, []

    def late(descriptor):
        calls.append(descriptor)
        if len(calls) == 1:  # the sweep's own call is the second
            sweep(path)
        return lock(descriptor)

    monkeypatch.setattr(writing, "try_lock", late)
    write_atomically(path, b"newer")
    assert len(swept) >= 3
    assert len(calls) == 3  # the writer's second file was not swept
    assert path.read_bytes() == b"newer"
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_without_locks_files_are_written_and_swept_after_a_day(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "try_lock", raise_(OSError(errno.ENOLCK, "No locks available")))
    write_atomically(tmp_path / "file", b"new")
    left = temporary(tmp_path)
    sweep(tmp_path / "file")
    assert left.exists()
    temporary(tmp_path, age=25 * 3600)
    sweep(tmp_path / "file")
    assert not left.exists()


@posix
def test_the_next_one_sweeps_what_a_killed_process_left(tmp_path):
    script = (
        "import os, signal, sys, nnlib\n"
        "os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)\n"
        "nnlib.Network([1, 2, 1]).save(sys.argv[1])\n"
    )
    path = tmp_path / "model"
    child = subprocess.run([sys.executable, "-c", script, path], cwd=Path(__file__).parents[2])
    assert child.returncode == -9
    assert len(list(tmp_path.glob(".nnlib-*.tmp"))) == 1
    nnlib.Network([1, 2, 1]).save(path)
    assert list(tmp_path.iterdir()) == [path]
