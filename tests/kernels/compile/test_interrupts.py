"""Ctrl-C while kernels compile: the caller gets it, and the compilation gets to its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from numba.core import event

from nnlib.kernels.compile import cache, interrupts, jit
from nnlib.kernels.compile.internals import PLAIN

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows sends no signals to a thread that waits"
)


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def entry(tmp_path, monkeypatch):
    """An entry that is not compiled yet, with an empty cache."""
    folder = cache.Folder(tmp_path / "cache")
    folder.create()
    monkeypatch.setattr(cache, "FOLDER", folder)

    @jit.entry
    def triple(values):
        for i in range(values.size):
            values[i] *= 3

    return triple


def check_after_interrupt(entry):
    """The entry was compiled once, is kept, and works."""
    interrupts.finish()
    assert len(entry.overloads) == 1
    assert len(list(cache.FOLDER.path.iterdir())) == 1
    values = np.arange(4.0)
    entry(values)
    np.testing.assert_array_equal(values, 3 * np.arange(4.0))


class InterruptAt(event.Listener):
    """Ctrl-C at the start of the pass of this number, as Numba counts its compiler's passes."""

    def __init__(self, number):
        self.number, self.passes = number, 0

    def on_start(self, _):
        self.passes += 1
        if self.passes == self.number:
            interrupt()

    def on_end(self, _):
        pass


@pytest.mark.parametrize("number", [1, 2, 5, 10, 15, 20])
def test_an_interrupt_in_any_pass_reaches_the_caller_alone(number, entry):
    with event.install_listener("numba:run_pass", InterruptAt(number)):
        with pytest.raises(KeyboardInterrupt):
            entry(np.ones(3))
        interrupts.finish()
    check_after_interrupt(entry)


@pytest.mark.skipif(PLAIN, reason="our own compiler is left out")
def test_an_interrupt_in_llvms_callback_is_not_swallowed(entry, monkeypatch):
    # LLVM calls a function of Numba with the object code, which is kept between these two.
    def set_compiled(library, value):
        if value:
            interrupt()
        vars(library)["_compiled"] = value

    attribute = property(lambda library: vars(library)["_compiled"], set_compiled)
    library = "nnlib.kernels.compile.compiler._EntryLibrary"
    monkeypatch.setattr(f"{library}._compiled", attribute, raising=False)
    with pytest.raises(KeyboardInterrupt):
        entry(np.ones(3))
    check_after_interrupt(entry)


def test_many_interrupts_do_not_end_the_wait():
    begun, may_end = threading.Event(), threading.Event()
    ended = []

    def compilation():
        begun.set()
        interrupt()
        may_end.wait()
        ended.append(True)

    with pytest.raises(KeyboardInterrupt):
        interrupts.uninterrupted(compilation)()
    assert begun.is_set()
    assert not ended
    timers = [threading.Timer(0.05 * turn, interrupt) for turn in (1, 2)]
    timers.append(threading.Timer(0.2, may_end.set))
    for timer in timers:
        timer.start()
    interrupts.finish()
    assert ended == [True]
    for timer in timers:
        timer.join()


def test_results_and_errors_pass_through():
    assert interrupts.uninterrupted(divmod)(7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        interrupts.uninterrupted(divmod)(7, 0)


def test_without_memory_for_a_thread_the_caller_compiles(monkeypatch):
    def start(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert interrupts.uninterrupted(threading.current_thread)() is threading.current_thread()


def test_a_thread_of_a_team_compiles_itself():
    threads = []
    compilation = interrupts.uninterrupted(lambda: threads.append(threading.current_thread()))
    thread = threading.Thread(target=compilation)
    thread.start()
    thread.join()
    assert threads == [thread]


# An interrupted compilation, then a fork, then the end: each waits for the compilation before it.
AT_THE_END = """
import os, signal, threading, time
from nnlib.kernels.compile.interrupts import uninterrupted
def compilation(text):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.2)
    print(text, flush=True)
compilation = uninterrupted(compilation)
try:
    compilation("first")
except KeyboardInterrupt:
    child = os.fork()
    if child == 0:
        print("child", flush=True)
        os._exit(0)
    os.waitpid(child, 0)
threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
compilation("last")
"""


def test_a_fork_and_the_end_of_the_process_wait():
    result = subprocess.run([sys.executable, "-c", AT_THE_END], capture_output=True, text=True)
    assert result.stdout.split() == ["first", "child", "last"], result.stderr
    assert result.returncode == -signal.SIGINT, result.stderr
