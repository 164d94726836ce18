"""The pool of threads: kept between teams, never in the way, and no more than the system gives."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import numpy as np
import pytest

import nnlib
from nnlib.kernels.threads.team import disband
from nnlib.machine.threads import Team
from nnlib.population import engine
from nnlib.training.descent import Descent
from tests.machine.teams import fail_to_start, force, short_slices

pytestmark = pytest.mark.cpu("threads")

HERE = Path(__file__).parents[2]


def train(n=300, **options):
    """A descent in two chunks, each a block."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n, 60)), rng.uniform(size=(n, 5))
    net = nnlib.Network([60, 350, 5], "tanh")
    net.descent(X, y, learning_rate=0.05, epochs=6, batch_size=100, **options)
    return net.parameters


def many():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3)), rng.uniform(size=(20, 2))
    return nnlib.train_many([3, 4, 2], X, y, n=40, epochs=5, batch_size=7).parameters


def outputs():
    rng = np.random.default_rng(0)
    return nnlib.Network([200, 150, 5], "tanh").F(rng.normal(size=(1500, 200)))


def who(team, helpers):
    """The threads that work for a team, which still holds them."""
    seen, go_on = [], threading.Event()

    def work(member):
        seen.append(threading.get_ident())
        go_on.wait(60)

    team.hire(helpers, work)
    while len(seen) < helpers:
        time.sleep(0.001)
    return set(seen), go_on


def test_threads_are_kept_between_teams():
    found = []
    for _ in range(5):
        team = Team()
        try:
            seen, go_on = who(team, 2)
            go_on.set()
        finally:
            disband(team.board)
        found.append(seen)
    assert len(set.union(*found)) <= 3, "of two just left, one may not have come back yet"


def test_two_teams_at_once_have_different_threads():
    one, other = Team(), Team()
    try:
        first, go_on = who(one, 2)
        second, also = who(other, 2)
        go_on.set()
        also.set()
    finally:
        disband(one.board)
        disband(other.board)
    assert not first & second


def test_a_thread_that_waits_keeps_nothing_alive():
    class Something:
        pass

    something = Something()
    reference = weakref.ref(something)
    team = Team()
    try:
        team.hire(1, lambda member, kept=something: None)
        assert team.wait(60)
    finally:
        disband(team.board)
    del team, something
    deadline = time.monotonic() + 60
    while reference() is not None and time.monotonic() < deadline:
        time.sleep(0.001)
    assert reference() is None


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize("error", [RuntimeError("no thread"), MemoryError(), None])
def test_a_team_goes_on_with_the_threads_there_are(after, error, monkeypatch):
    expected, expected_outputs = train(), outputs()
    force(monkeypatch, 4)
    fail_to_start(monkeypatch, after, error)
    np.testing.assert_array_equal(train(), expected)
    fail_to_start(monkeypatch, after, error)
    np.testing.assert_array_equal(outputs(), expected_outputs)


@pytest.mark.parametrize("error", [RuntimeError("no thread"), MemoryError(), None])
def test_a_population_needs_one(error, monkeypatch):
    expected = many()
    force(monkeypatch, 3)
    fail_to_start(monkeypatch, 1, error)
    # Training and costs; the thread of the first waits for the second.
    np.testing.assert_array_equal(many(), expected)
    fail_to_start(monkeypatch, 0, error)
    with pytest.raises(RuntimeError, match="can't start a thread"):
        many()


def test_a_helper_without_memory_changes_nothing(monkeypatch):
    expected, run = train(), Descent._slice

    def no_memory(self, board, member, *rest):
        if member:
            raise MemoryError
        return run(self, board, member, *rest)

    force(monkeypatch, 3)
    short_slices(monkeypatch)
    monkeypatch.setattr(Descent, "_slice", no_memory)
    np.testing.assert_array_equal(train(), expected)


def test_what_is_wrong_in_a_helper_is_not_hidden(monkeypatch):
    run = Descent._slice

    def wrong(self, board, member, *rest):
        if member:
            raise TypeError("wrong")
        return run(self, board, member, *rest)

    force(monkeypatch, 2)
    short_slices(monkeypatch)
    monkeypatch.setattr(Descent, "_slice", wrong)
    with pytest.raises(TypeError, match="wrong"):
        train()


def test_a_population_without_memory_says_so(monkeypatch):
    def no_memory(*_):
        raise MemoryError("of a thread")

    many()
    monkeypatch.setattr(engine, "Scratch", no_memory)
    with pytest.raises(MemoryError, match="of a thread"):
        many()


def run_child(script, **environment):
    return subprocess.run(
        [sys.executable, "-c", script], cwd=HERE, env={**os.environ, **environment},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip


SCRIPT = """
import numpy as np, os, sys
import nnlib
from nnlib.training import descent
from nnlib.model import evaluation
from nnlib.machine import team_size
from tests.machine.teams import FixedSize
from tests.machine.test_pool import many, outputs, train
team_size.take = lambda kind, most: FixedSize(2)
for module in (descent, evaluation):
    module.usable_threads = lambda tasks: 2
"""


def test_the_process_ends_though_the_pool_waits():
    child = run_child(SCRIPT + "train(); outputs(); print('done')")
    assert (child.returncode, child.stdout) == (0, "done\n"), child.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_inside_a_callback_leaves_both_with_a_whole_descent():
    """The child has none of the threads that its team counts on, nor any of the pool."""
    fork = """
seen = []
def fork(report):
    if report.epoch == 3:
        seen.append(os.fork())
parameters = train(callback=fork, callback_epochs=1)
again = train()
status = 0
if seen[0]:
    status = os.waitstatus_to_exitcode(os.waitpid(seen[0], 0)[1])
same = np.array_equal(parameters, again)
print("same" if same else "different", flush=True)
os._exit(status if same else 1)
"""
    child = run_child(SCRIPT + fork)
    assert (child.returncode, child.stdout) == (0, "same\nsame\n"), child.stderr


LIMITED = """
import resource
from nnlib.machine import threads
train(), outputs(), many()
threads._idle.clear()  # all threads have to be started again
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + EXTRA, size + EXTRA))
for call in (CALLS):
    try:
        call()
        print("ok")
    except (MemoryError, RuntimeError) as error:
        print(type(error).__name__)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits as Linux has them")
@pytest.mark.parametrize(
    ("extra", "calls"),
    [
        (0, "train, outputs, many"), (2**20, "train, outputs, many"),
        # Just one more thread starts, and has nothing left for what a population's threads
        # allocate: NumPy's own reductions then end in a SystemError, or crash.
        (2**23 + 2**20, "train, outputs"), (2**25, "train, outputs, many"),
    ],
)  # fmt: skip
def test_little_memory_ends_in_an_error_and_not_in_an_abort(extra, calls):
    """A thread's stack takes 8 MiB of addresses."""
    eight = SCRIPT.replace("FixedSize(2)", "FixedSize(8)").replace("tasks: 2", "tasks: 8")
    child = run_child(eight + LIMITED.replace("EXTRA", str(extra)).replace("CALLS", calls))
    assert child.returncode == 0, child.stderr
    assert len(child.stdout.split()) == len(calls.split())
