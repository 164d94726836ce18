"""What tests do to teams: sizes that are not left to the machine, and threads that fail."""

from __future__ import annotations

import _thread
import itertools

from nnlib.machine import team_size, threads
from nnlib.model import evaluation
from nnlib.population import engine
from nnlib.training import descent, slices


class FixedSize(team_size.TeamSize):
    """As many members as it was told, one number a slice, again and again."""

    def __init__(self, *members):
        super().__init__(max(members))
        self._members = itertools.cycle(members)

    def plan(self, rounds, now):
        return [(next(self._members), rounds)]


def force(monkeypatch, *members):
    """From now on teams have so many members, one number a slice, whatever they are worth.

    Plain descents of one chunk know no team: all members would walk through the whole of them.
    """
    monkeypatch.setattr(team_size, "take", lambda kind, most: FixedSize(*members))
    monkeypatch.setattr(team_size, "keep", lambda kind, most, size: None)
    for module in (descent, evaluation, engine):
        monkeypatch.setattr(module, "usable_threads", lambda tasks: max(members))


def short_slices(monkeypatch):
    """A slice is a single round."""
    monkeypatch.setattr(slices, "SLICE_SECONDS", 1e-12)


def fail_to_start(monkeypatch, after, error):
    """From now on only so many threads can be started; error None: they die at once."""
    start, left = _thread.start_new_thread, iter(range(after))

    def fail(function, arguments):
        if next(left, None) is not None:
            return start(function, arguments)
        if error is not None:
            raise error
        return 0

    monkeypatch.setattr(threads, "_idle", [])
    monkeypatch.setattr(_thread, "start_new_thread", fail)
