"""Descents that are killed at random moments and resumed, in a process that may fork.

``python -m tests.training.killed_descents FOLDER KILLS`` kills that many children in every case and
prints what it saw as JSON. A life lasts a tenth of a second at most, so the children are forked
from a parent that has compiled everything.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

import numpy as np

import nnlib
from nnlib.files.arrays import read_arrays
from nnlib.kernels.network import problem
from nnlib.machine import threads
from nnlib.training import slices

CASES = {
    "full batch, tiny epochs": {"sizes": [1, 2, 1], "n": 60, "epochs": 100_000},
    "shuffled mini-batches, adam, validation": {
        "sizes": [4, 16, 1], "n": 3000, "epochs": 2000, "batch_size": 32, "optimizer": "adam",
        "validation": 0.2, "patience": 25, "seed": 4,
    },
    "wide, chunks, threads": {
        "sizes": [60, 350, 5], "n": 2500, "epochs": 30, "batch_size": 2000,
        "optimizer": "momentum",
    },
}  # fmt: skip
# Many short slices: a kill then falls into a slice, a writing, or between them. A slice that is
# longer than an epoch ends where an epoch does; those of the others are shorter.
SLICE_SECONDS = dict(zip(CASES, [0.004, 2e-5, 5e-4], strict=True))
LONGEST_LIFE = 0.12


def train(sizes, n, **options):
    """The network and its history; every call from the same start and on the same data."""
    rng = np.random.default_rng(1)
    X = rng.uniform(-1, 1, size=(n, sizes[0]))
    y = np.sin(3 * X.sum(axis=1, keepdims=True) + np.arange(sizes[-1]))
    net = nnlib.Network(sizes, "tanh", seed=2)
    history = net.descent(X, y, learning_rate=0.01, **options)
    return net, history


def live(case, count):
    """Fork a child that goes on with the descent; returns its process number."""
    child = os.fork()
    if child:
        return child
    try:
        threads.set_threads(count)
        train(**case)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def kill_and_resume(case, folder, kills):
    """Kill children until there were enough; every descent that ends must end with the same bits.

    Returns how many descents ended, and how many files stood after the first epoch, inside an
    epoch and inside a batch when a child had been killed; leftovers are of kills while writing.
    """
    path = folder / "descent"
    expected_net, expected = train(**case)
    case = {**case, "checkpoint": path, "checkpoint_seconds": 0.004, "resume": True}
    moments, seen = random.Random(3), Counter()
    while seen["kills"] < kills:
        child = live(case, moments.choice([1, 2, 3]))
        time.sleep(moments.uniform(0, LONGEST_LIFE))
        os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        if os.WIFSIGNALED(status):
            seen["kills"] += 1
            if path.exists():
                position = read_arrays(path)[0]["position"]
                seen["after an epoch"] += bool(position[problem.EPOCH])
                seen["inside an epoch"] += bool(position[problem.BATCH])
                seen["inside a batch"] += bool(position[problem.ROUND])
        seen["leftovers"] += bool(list(folder.glob(".nnlib-*.tmp")))
        if not os.WIFSIGNALED(status) or seen["kills"] == kills:
            assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
            for net, history in [train(**case), train(**case)]:  # to the end, and there at once
                np.testing.assert_array_equal(net.parameters, expected_net.parameters)
                np.testing.assert_array_equal(history.J, expected.J)
                np.testing.assert_array_equal(history.validation_J, expected.validation_J)
                assert history.best_epoch == expected.best_epoch
                assert history.stopped == expected.stopped
            seen["ended"] += 1
            path.unlink()
            assert not list(folder.iterdir())  # whatever the killed ones left was swept
    return seen


def main(folder, kills):
    seen = {}
    for name, case in CASES.items():
        start = time.perf_counter()
        slices.SLICE_SECONDS = SLICE_SECONDS[name]
        seen[name] = kill_and_resume(case, folder, kills)
        print(name, dict(seen[name]), f"{time.perf_counter() - start:.1f} s", file=sys.stderr)
    print(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
