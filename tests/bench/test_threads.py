"""Rows with a number of threads of their own."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

import nnlib
from bench.problems.workload import Result, UnavailableError
from bench.programs.threads import on_threads


def test_a_row_on_two_threads_leaves_the_usual_number_behind(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1}, raising=False)
    before = nnlib.get_threads()
    nnlib.set_threads(3)
    try:
        seen = []
        prepare = on_threads(2, lambda problem, dtype: seen_by(seen))
        prepare(None, "float64")(1)
        assert seen == [2]
        assert nnlib.get_threads() == 3
    finally:
        nnlib.set_threads(before)


def seen_by(seen):
    """A run that notes how many threads it may use."""

    def run(count):
        seen.append(nnlib.get_threads())
        return Result(np.empty(0))

    return run


def test_two_threads_need_two_processors(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0}, raising=False)
    with pytest.raises(UnavailableError, match="2 threads on 1 processor"):
        on_threads(2, None)(None, "float64")


def test_pytorch_gets_as_many_threads_and_its_own_back(monkeypatch):
    torch = SimpleNamespace(threads=7, get_num_threads=lambda: torch.threads)
    torch.set_num_threads = lambda number: setattr(torch, "threads", number)
    monkeypatch.setitem(sys.modules, "torch", torch)
    seen = []

    def prepare(problem, dtype):
        def run(count):
            seen.append(torch.threads)
            return Result(np.empty(0))

        return run

    on_threads(1, prepare)(None, "float64")(1)
    assert (seen, torch.threads) == ([1], 7)
