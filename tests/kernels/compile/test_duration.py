"""How long threads wait for kernels, and what they say meanwhile."""

from __future__ import annotations

import io
import threading
import time

import numpy as np
import pytest

import nnlib
from nnlib.kernels.compile import duration


def slow(seconds):
    time.sleep(seconds)
    return seconds


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_compilation_counts_once_for_its_own_thread():
    inner = duration.counted(slow)
    outer = duration.counted(lambda seconds: inner(seconds) + slow(seconds))
    own, all_of_them = duration.compile_seconds(), duration.compile_seconds_of_all()
    clock = duration.working_time()
    threads = [threading.Thread(target=inner, args=(0.1,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    outer(0.1)
    for thread in threads:
        thread.join()
    assert 0.2 <= duration.compile_seconds() - own < 0.3
    assert 0.2 <= duration.compile_seconds_of_all() - all_of_them < 0.3
    assert duration.working_time() - clock < 0.1


def test_an_error_counts_too():
    def fail():
        time.sleep(0.05)
        raise ZeroDivisionError

    before = duration.compile_seconds()
    with pytest.raises(ZeroDivisionError):
        duration.counted(fail)()
    assert duration.compile_seconds() - before >= 0.05
    duration.counted(slow)(0.05)
    assert duration.compile_seconds() - before >= 0.1


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
@pytest.mark.parametrize("seconds", [0.0, 0.3])
def test_a_long_one_is_announced_on_a_terminal(stream, seconds, monkeypatch):
    written = stream()
    monkeypatch.setattr(duration, "LONG", 0.1)
    monkeypatch.setattr("sys.stderr", written)
    duration.counted(slow)(seconds)
    told = stream is Terminal and seconds > 0
    assert (duration.MESSAGE in written.getvalue()) == told
    if told:
        assert written.getvalue().endswith("\r" + " " * len(duration.MESSAGE) + "\r")


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_no_terminal_is_no_error(stream, monkeypatch):
    if stream is not None:
        stream.close()
    monkeypatch.setattr("sys.stderr", stream)
    assert duration.counted(slow)(0.0) == 0.0


@pytest.mark.parametrize("optimizer", ["sgd", "lbfgs"])
def test_histories_tell_the_wait_apart(optimizer, monkeypatch):
    """A clock that stands still while kernels are compiled: the wait is no part of the seconds."""
    X, y = np.linspace(0, 1, 20), np.linspace(0.2, 0.8, 20)
    net = nnlib.Network([1, 2, 1])
    net.descent(X, y, epochs=3, optimizer=optimizer)
    waited = []

    def callback(report):
        if not waited:
            waited.append(duration.counted(slow)(0.5))

    history = net.descent(X, y, epochs=3, optimizer=optimizer, callback=callback)
    assert waited
    assert history.compile_seconds >= 0.5
    assert history.seconds < 0.5


def test_populations_tell_the_wait_apart(monkeypatch):
    X, y = np.linspace(0, 1, 20), np.linspace(0.2, 0.8, 20)
    waited = []

    def callback(report):
        if not waited:
            waited.append(duration.counted(slow)(0.5))

    begin = time.perf_counter()
    population = nnlib.train_many(
        [1, 2, 1], X, y, n=3, epochs=100_000, batch_size=5, callback=callback
    )
    wall = time.perf_counter() - begin
    assert waited
    assert population.compile_seconds >= 0.5
    assert population.seconds <= wall - population.compile_seconds + 0.01
    assert population.top(1).compile_seconds == population.compile_seconds
