"""Locks: one descent a checkpoint, whoever runs it, and none for the dead."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import nnlib
from nnlib.files import locks
from nnlib.files.locks import FileLock

from ..training.checkpointed import EPOCHS, assert_same, network, optimize, train
from .test_writing import ordinary_user, private_folder  # noqa: F401  fixtures

pytestmark = pytest.mark.cpu("host")

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX only")

HOLDER = """
import os, sys, time
from nnlib.files.locks import FileLock
lock = FileLock(sys.argv[1])
child = os.fork() if sys.argv[2:] else os.getpid()
# A forked child is ready once it runs, not when its parent knows its number.
if not child or not sys.argv[2:]:
    print(os.getpid(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "descent"


def held_elsewhere(path, *more):
    """A process that holds the lock, and what it printed."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path, *more], stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    return holder, int(holder.stdout.readline())


def kill(holder):
    holder.kill()
    holder.wait()
    holder.stdout.close()


@pytest.mark.parametrize("run", [train, optimize])
@pytest.mark.parametrize("resume", [False, True])
def test_two_descents_cannot_share_a_checkpoint(run, resume, path):
    """The second is refused before any work, the first goes on as if nothing had been."""
    options = {} if run is train else {"optimizer": "lbfgs"}
    other, errors = network(seed=7), []
    before = other.parameters.copy()

    def callback(report):
        with pytest.raises(BlockingIOError, match=f"process {os.getpid()} on ") as caught:
            run(other, checkpoint=path, resume=resume, callback=pytest.fail, **options)
        errors.append(caught.value)

    ended = run(checkpoint=path, callback=callback, **options)
    assert errors
    assert errors[0].filename == str(path)
    assert (other.parameters == before).all()
    assert_same(ended, run(**options))
    assert list(path.parent.iterdir()) == [path]
    assert_same(run(other, checkpoint=path, resume=True, **options), ended)


def test_through_a_link(path):
    link = path.with_name("link")
    link.symlink_to(path)
    lock = FileLock(path)
    with pytest.raises(BlockingIOError):
        FileLock(link)
    lock.release()


def test_two_files_of_a_folder(path):
    for lock in [FileLock(path), FileLock(path.with_name("other"))]:
        lock.release()
    assert not list(path.parent.iterdir())


def test_threads_exclude_each_other(path):
    lock, errors = FileLock(path), []

    def acquire():
        try:
            FileLock(path)
        except BlockingIOError as error:
            errors.append(error)

    thread = threading.Thread(target=acquire)
    thread.start()
    thread.join()
    assert len(errors) == 1
    lock.release()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_whatever_ends_a_descent_frees_its_checkpoint(error, path):
    def callback(report):
        raise error

    for _ in range(2):
        with pytest.raises(error):
            train(checkpoint=path, callback=callback)
    path.write_bytes(b"damaged")
    for _ in range(2):
        with pytest.raises(nnlib.FormatError):
            train(checkpoint=path, resume=True)
    with pytest.raises(nnlib.DivergenceError):
        train(network(activation="identity"), checkpoint=path, batch_size=None, learning_rate=1e200)
    assert list(path.parent.iterdir()) == [path]
    assert_same(train(checkpoint=path), train())


def test_a_dead_process_holds_no_lock(path):
    holder, _ = held_elsewhere(path)
    try:
        with pytest.raises(BlockingIOError, match=f"process {holder.pid} on "):
            train(checkpoint=path)
    finally:
        kill(holder)
    assert list(path.parent.iterdir())  # what it left is no lock
    train(checkpoint=path)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork")
def test_a_forked_child_does_not_keep_the_lock(path):
    holder, child = held_elsewhere(path, "fork")
    try:
        with pytest.raises(BlockingIOError):
            FileLock(path)
        kill(holder)
        FileLock(path).release()
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork")
def test_a_forked_child_does_not_release_its_parents_lock(path):
    script = (
        "import os, sys\n"
        "from nnlib.files.locks import FileLock\n"
        "lock = FileLock(sys.argv[1])\n"
        "if not os.fork(): lock.release(); os._exit(0)\n"
        "os.wait()\n"
        "try: FileLock(sys.argv[1])\n"
        "except BlockingIOError: print('held')\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", script, path], capture_output=True, text=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert child.stdout == "held\n", child.stderr


def test_a_lock_file_that_is_removed_meanwhile(path, monkeypatch):
    """Its holder ends between our opening and our locking it; we hold the new file of the name."""
    first, try_lock = FileLock(path), locks.try_lock

    def late(descriptor):
        first.release()
        return try_lock(descriptor)

    monkeypatch.setattr(locks, "try_lock", late)
    lock = FileLock(path)
    with pytest.raises(BlockingIOError):
        FileLock(path)
    lock.release()
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL])
def test_file_systems_without_locks(error, path, monkeypatch):
    def fail(descriptor):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(locks, "try_lock", fail)
    monkeypatch.setattr("nnlib.files.writing.try_lock", fail)
    assert_same(train(checkpoint=path), train())
    assert list(path.parent.iterdir()) == [path]


@posix
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("nowhere")])
def test_something_else_of_the_locks_name(make, path):
    lock = FileLock(path)
    name = lock._path
    lock.release()
    make(name)
    before = name.lstat()
    train(checkpoint=path)
    assert os.path.samestat(name.lstat(), before)


@posix
def test_an_ended_descent_in_a_read_only_folder(request):
    folder = request.getfixturevalue("private_folder")
    ended = train(checkpoint=folder / "descent")
    folder.chmod(0o555)
    request.getfixturevalue("ordinary_user")
    assert_same(train(checkpoint=folder / "descent", resume=True), ended)
    with pytest.raises(PermissionError):
        train(checkpoint=folder / "descent", epochs=EPOCHS + 1)
