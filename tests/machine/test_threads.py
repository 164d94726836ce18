"""The team: the same bits for any number of threads, and nothing that hangs."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import nnlib
from nnlib.kernels.compile.jit import entry
from nnlib.kernels.network.cut import chunk_count
from nnlib.kernels.threads.team import share
from nnlib.machine import threads
from nnlib.model import evaluation
from tests.machine.teams import force, short_slices

pytestmark = pytest.mark.cpu("threads")

CASES = {
    "wide, mini-batches": {"sizes": [200, 100, 5], "n": 1000, "batch_size": 256},
    "wide, full batch, adam": {"sizes": [50, 60, 3], "n": 900, "optimizer": "adam"},
    "narrow, full batch": {"sizes": [4, 32, 16, 4], "n": 5000},
    "narrow, all the extras": {
        "sizes": [4, 20, 4], "n": 8000, "optimizer": "momentum", "weight_decay": 1e-3,
        "l1": 1e-4, "clip_norm": 0.1, "clip_value": 0.05, "max_norm": 1.0, "validation": 0.25,
        "patience": 50,
    },
    "short last batch": {"sizes": [100, 80, 2], "n": 700, "batch_size": 300, "optimizer": "adamw"},
}  # fmt: skip


@pytest.fixture
def thread_count(monkeypatch):
    """A function that makes teams of so many members, whatever the machine is worth."""
    return lambda members: force(monkeypatch, members)


def train(sizes, n, dtype="float64", **options):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n, sizes[0])), rng.uniform(size=(n, sizes[-1]))
    net = nnlib.Network(sizes, "tanh", dtype=dtype)
    history = net.descent(X, y, learning_rate=0.05, epochs=4, **options)
    return net.parameters, history.J, history.validation_J


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", CASES)
def test_same_bits_for_any_number_of_threads(case, dtype, thread_count):
    options = CASES[case]
    size = sum((a + 1) * b for a, b in zip(options["sizes"], options["sizes"][1:], strict=False))
    assert chunk_count(options.get("batch_size", options["n"]), size, size) > 1, (
        "one chunk tests nothing"
    )
    thread_count(1)
    one = train(dtype=dtype, **options)
    for members in (2, 3, 5):
        thread_count(members)
        for expected, found in zip(one, train(dtype=dtype, **options), strict=True):
            np.testing.assert_array_equal(expected, found)


@pytest.mark.parametrize("members", [16, 64])
def test_same_bits_for_more_members_than_chunks(members, thread_count, monkeypatch):
    """16 chunks are the most that there are; 64 members take turns at them, a round a slice."""
    options = {"sizes": [2, 3, 1], "n": 60_000, "optimizer": "adam"}
    assert chunk_count(options["n"], 13, 13) == 16
    thread_count(1)
    one = train(**options)
    thread_count(members)
    short_slices(monkeypatch)
    for expected, found in zip(one, train(**options), strict=True):
        np.testing.assert_array_equal(expected, found)


@pytest.mark.parametrize("case", CASES)
def test_same_bits_whatever_the_team_does_between_slices(case, thread_count, monkeypatch):
    """It shrinks and grows after every round."""
    thread_count(1)
    one = train(**CASES[case])
    force(monkeypatch, 1, 3, 2, 1, 2, 3)
    short_slices(monkeypatch)
    for expected, found in zip(one, train(**CASES[case]), strict=True):
        np.testing.assert_array_equal(expected, found)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("sizes", [[200, 150, 5], [3, 4, 2]])
def test_outputs_have_the_same_bits_for_any_number_of_threads(sizes, dtype, thread_count, rng):
    net = nnlib.Network(sizes, "tanh", dtype=dtype)
    X = rng.normal(size=(120_000 if sizes[0] == 3 else 1500, sizes[0]))
    work = len(X) * (net.parameters.size + evaluation.UNIT_WORK * sum(sizes[1:]))
    assert work > evaluation.TEAM_WORK, "no team"
    thread_count(1)
    one = net.F(X)
    for members in (2, 3, 5, 64):
        thread_count(members)
        np.testing.assert_array_equal(net.F(X), one)


def test_a_team_refuses_what_one_thread_refuses(thread_count, rng):
    thread_count(3)
    net = nnlib.Network([200, 150, 5])
    X = rng.normal(size=(1500, 200))
    X[1400, 7] = np.nan
    with pytest.raises(ValueError, match=r"X holds nan at index \(1400, 7\)"):
        net.F(X)
    net.weights[1][2, 3] = np.inf
    with pytest.raises(ValueError, match="parameters holds inf"):
        net.F(np.nan_to_num(X))


def test_two_descents_at_once_are_two_after_another():
    alone = train(**CASES["wide, mini-batches"])
    results = [None, None]

    def work(place):
        results[place] = train(**CASES["wide, mini-batches"])

    workers = [threading.Thread(target=work, args=(place,)) for place in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    for result in results:
        np.testing.assert_array_equal(result[0], alone[0])


def _train_in_child(queue):
    queue.put(train(**CASES["wide, mini-batches"])[0])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork.*:RuntimeWarning")  # JAX's, once it is imported
def test_a_forked_child_trains():
    alone = train(**CASES["wide, mini-batches"])[0]
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_train_in_child, args=(queue,))
    child.start()
    found = queue.get(timeout=60)
    child.join(timeout=60)
    assert child.exitcode == 0
    np.testing.assert_array_equal(found, alone)


@entry
def share_of(size, member, members):
    return share(size, member, members)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 1000, 4097])
@pytest.mark.parametrize("members", [1, 2, 3, 8])
def test_shares_cover_everything_once(size, members):
    shares = [share_of(size, member, members) for member in range(members)]
    covered = [k for first, last in shares for k in range(first, last)]
    assert covered == list(range(size))
    assert all(first % 64 == 0 or first == size for first, _ in shares)


def test_number_of_threads_from_the_environment():
    script = "import nnlib.machine.threads as t; print(t.get_threads())"
    environment = {**os.environ, "NNLIB_THREADS": "3"}
    found = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "3"
    environment["NNLIB_THREADS"] = "many"
    found = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True
    )
    assert "NNLIB_THREADS is 'many', wanted a whole number" in found.stderr


@pytest.mark.parametrize("threads_wanted", [0, -1, 1.5, "two", True])
def test_bad_numbers_of_threads(threads_wanted):
    with pytest.raises((TypeError, ValueError), match="threads"):
        threads.set_threads(threads_wanted)
