"""Descents and populations under many Ctrl-C a few milliseconds apart, in a process of their own.

``python -m tests.training.interrupted_descents FOLDER STORMS`` interrupts a two-threaded descent
that often, resumes it each time from its checkpoint, and prints what it saw as JSON. Ctrl-C comes
from the system's timer; the handler stops it after some.
"""

from __future__ import annotations

import json
import random
import signal
import sys
from collections import Counter
from pathlib import Path

import numpy as np

import nnlib
from nnlib.files.arrays import read_arrays
from nnlib.machine import team_size
from nnlib.training import descent, slices
from tests.machine.teams import FixedSize
from tests.training.killed_descents import CASES, train

CASE = {**CASES["wide, chunks, threads"], "epochs": 20}


class Storm:
    """Some interrupts, the first after a while and then one every few milliseconds."""

    def __init__(self):
        self.left, self.armed = 0, False

    def press(self, *_):
        self.left -= 1
        if self.left <= 0:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if self.armed:
            raise KeyboardInterrupt

    def over(self, call, first, spacing, count):
        """Whether call() was interrupted, by the first or by any of the others."""
        self.left, before = count, signal.signal(signal.SIGALRM, self.press)
        try:
            self.armed = True
            signal.setitimer(signal.ITIMER_REAL, first, spacing)
            call()
        except KeyboardInterrupt:
            self.armed = False
            return True
        finally:
            self.armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        return False


def interrupt_descents(folder, storms):
    """Every resumed descent that ends must end with the bits of one that nobody interrupted."""
    path, moments, seen = folder / "descent", random.Random(5), Counter()
    expected, expected_history = train(**CASE)
    case = {**CASE, "checkpoint": path, "checkpoint_seconds": 0.004, "resume": True}
    storm = Storm()
    while seen["storms"] < storms:
        seen["storms"] += 1
        spacing = moments.uniform(0.001, 0.005)
        first, count = moments.uniform(0.02, 0.2), moments.choice([2, 2, 3, 8])
        if not storm.over(lambda: train(**case), first, spacing, count):
            seen["ended"] += 1
        if path.exists():
            seen["resumed"] += bool(read_arrays(path)[0]["position"].any())
        if seen["storms"] % 4 == 0:
            net, history = train(**case)
            np.testing.assert_array_equal(net.parameters, expected.parameters)
            np.testing.assert_array_equal(history.J, expected_history.J)
            seen["same bits"] += 1
            path.unlink()
    return seen


def interrupt_populations(storms):
    """What comes back after several interrupts is at rest: nobody writes into it any more."""
    rng, moments, seen = np.random.default_rng(0), random.Random(6), Counter()
    X, y = rng.normal(size=(200, 3)), rng.uniform(size=(200, 2))
    storm, result = Storm(), []

    def many():
        result[:] = [nnlib.train_many([3, 4, 2], X, y, n=200, epochs=5000, batch_size=20)]

    for _ in range(storms):
        result.clear()
        storm.over(many, 0.05, moments.uniform(0.001, 0.005), moments.choice([1, 2, 3]))
        seen["storms"] += 1
        if result:
            seen[str(result[0].stopped)] += 1
            before = result[0].parameters.copy()
            for _ in range(20):
                np.sort(rng.uniform(size=20_000))
            np.testing.assert_array_equal(result[0].parameters, before)
    return seen


def main(folder, storms):
    # Members who have begun a slice compute for long after the first interrupt.
    slices.SLICE_SECONDS = 0.05
    descent.usable_threads = lambda tasks: 3
    team_size.take = lambda kind, most: FixedSize(2, 3)
    team_size.keep = lambda kind, most, size: None
    seen = {"descents": interrupt_descents(folder, storms)}
    seen["populations"] = interrupt_populations(max(2, storms // 4))
    print(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
