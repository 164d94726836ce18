"""Populations on Ray: real workers, killed for real."""

from __future__ import annotations

import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import nnlib
from nnlib.cluster import schedule, worker
from nnlib.cluster.engine import Losses
from nnlib.cluster.on_ray import OnRay
from nnlib.cluster.schedule import run
from tests.cluster.jobs import (
    EXERCISE,
    GROUPED,
    Squares,
    X,
    Y,
    assert_same_bits,
    die,
    fail_from_5_on,
)

pytest.importorskip("ray")
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="no /proc, as on Windows")


def fields(process):
    """The parent and the command line of a process; of one that is gone -1 and nothing."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
        command = Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return -1, b""
    parent = next(line for line in status.splitlines() if line.startswith("PPid:"))
    return int(parent.split()[1]), command


def busy_workers(what=b"ray::work_on"):
    """Processes of Ray's that do a part now, of those that this process has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        parent, command = fields(path.name)
        if command.startswith(what):
            while parent > 1 and parent != os.getpid():
                parent, _ = fields(parent)
            if parent == os.getpid():
                found.append(int(path.name))
    return found


@pytest.fixture
def engine(ray):
    """The door to it."""
    return OnRay()


def test_the_same_bits(ray):
    alone = nnlib.train_many([1, 2, 1], X, Y, **EXERCISE)
    assert_same_bits(nnlib.train_many([1, 2, 1], X, Y, cluster="ray", **EXERCISE), alone)


def test_mini_batches(ray):
    # Rows of X are gathered from the object store, which Ray hands out read-only.
    options = {"n": 40, "epochs": 20, "batch_size": 7, "optimizer": "adam", "validation": 0.2}
    alone = nnlib.train_many([1, 3, 1], X, Y, **options)
    assert_same_bits(nnlib.train_many([1, 3, 1], X, Y, cluster="ray", **options), alone)


def test_groups(ray):
    alone = nnlib.train_many([1, 3, 1], X, Y, **GROUPED)
    assert_same_bits(nnlib.train_many([1, 3, 1], X, Y, cluster="ray", **GROUPED), alone)


@on_linux
def test_workers_that_are_killed_change_no_bit(ray, monkeypatch):
    monkeypatch.setattr(schedule, "PART_SECONDS", 0.1)
    options = {"epochs": 300, "batch_size": 7, "optimizer": "adam", "n": 600}
    alone = nnlib.train_many([1, 3, 1], X, Y, **options)
    killed = []

    def kill(report):
        busy = busy_workers()
        if report.ended > 50 * len(killed) and len(killed) < 2 and busy:
            os.kill(busy[0], signal.SIGKILL)
            killed.append(busy[0])

    population = nnlib.train_many([1, 3, 1], X, Y, cluster="ray", callback=kill, **options)
    assert len(set(killed)) == 2
    assert_same_bits(population, alone)


def test_the_error_of_a_part(engine):
    with pytest.raises(ValueError, match=r"^five is too many") as raised:
        run(engine, Squares(300, fail_from_5_on), [range(300)])
    assert "In the part from" in raised.value.__notes__[-1]


def test_a_part_that_kills_all_its_workers(ray, engine, monkeypatch):
    monkeypatch.setattr(Losses, "most", 3)
    with pytest.raises(RuntimeError, match=r"3 parts in a row were lost.*from . to .*of memory"):
        run(engine, Squares(4, die), [range(4)])


def test_too_little_object_store(engine, monkeypatch):
    monkeypatch.setattr(
        engine._ray, "cluster_resources", lambda: {"CPU": 2.0, "object_store_memory": 1000.0}
    )
    with pytest.raises(ValueError, match=r"Ray's object stores together hold 1000.*ray.init"):
        engine.share(np.zeros(1000))


def test_ctrl_c_returns_what_there_is(ray, monkeypatch):
    monkeypatch.setattr(schedule, "PART_SECONDS", 0.1)

    def press(report):
        if report.ended:
            raise KeyboardInterrupt

    options = {**EXERCISE, "n": 200_000, "callback": press}
    begin = time.perf_counter()
    population = nnlib.train_many([1, 2, 1], X, Y, cluster="ray", **options)
    assert time.perf_counter() - begin < 60
    assert population.stopped == "interrupted"
    assert 16 <= len(population) < 200_000
    assert (population.epochs == 100).all()


def test_a_search_on_the_cluster(ray):
    grid = {"alpha": [1e-4, 1.0], "hidden_layer_sizes": [(2,), (3,)]}
    model = nnlib.MLPRegressor(max_iter=20, random_state=0)
    alone = nnlib.MLPSearchCV(model, grid, cv=3, refit=False).fit(X[:, None], Y)
    search = nnlib.MLPSearchCV(model, grid, cv=3, refit=False, cluster="ray").fit(X[:, None], Y)
    for name in ("mean_test_score", "std_test_score", "rank_test_score"):
        np.testing.assert_array_equal(search.cv_results_[name], alone.cv_results_[name])


def test_workers_names_every_node(engine):
    (own,) = engine.workers()
    assert own.process != os.getpid()
    assert worker.differences(own, worker.own_versions()) == []


@on_linux
@pytest.mark.parametrize(
    "options",
    [{"optimizer": "lbfgs", "epochs": 12}, {"optimizer": "adam", "batch_size": 300, "epochs": 8}],
    ids=["lbfgs", "adam"],
)
def test_one_network_whose_workers_are_killed_has_the_same_bits(ray, monkeypatch, options):
    rows = np.random.default_rng(0).normal(size=(600, 2))
    data = nnlib.data.arrays(rows, np.sin(rows.sum(1)), part_rows=100)

    def trained(cluster):
        net = nnlib.Network([2, 8, 1], ["tanh", "identity"], seed=0)
        history = net.descent(data, cluster=cluster, **options)
        return net.parameters, history.J

    with ThreadPoolExecutor(1) as executor:
        alone = trained(executor)
    asked, killed = [], []
    submit_at = OnRay.submit_at

    def killing(self, seat, shared, call):
        asked.append(seat)
        if len(asked) in (9, 16):
            killed.append(busy_workers(b"ray::_Seat")[0])
            os.kill(killed[-1], signal.SIGKILL)
        return submit_at(self, seat, shared, call)

    monkeypatch.setattr(OnRay, "submit_at", killing)
    parameters, costs = trained("ray")
    assert len(set(killed)) == 2
    np.testing.assert_array_equal(parameters, alone[0])
    np.testing.assert_array_equal(costs, alone[1])
