"""Checkpoints: whatever ends a descent, it goes on from its file with the same bits."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nnlib
from nnlib import optimizers, schedules
from nnlib.files.arrays import read_arrays
from nnlib.machine import threads
from nnlib.training import descent

from ..devices import amount
from ..second_order import full_batches
from ..second_order.full_batches import METHODS
from .checkpointed import (
    EPOCHS,
    WEIGHTS,
    X,
    Y,
    assert_same,
    interrupted_after,
    network,
    optimize,
    train,
)
from .killed_descents import CASES


@pytest.fixture
def path(tmp_path):
    return tmp_path / "descent"


@pytest.mark.cpu("kernels")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks children")
def test_killed_at_random_moments(tmp_path):
    """SIGKILL, 51 times; every descent that ends is compared with one never interrupted."""
    kills = 17
    run = subprocess.run(
        [sys.executable, "-m", "tests.training.killed_descents", tmp_path, str(kills)],
        capture_output=True, text=True, cwd=Path(__file__).parents[2], timeout=300,
    )  # fmt: skip
    print(run.stderr)
    assert run.returncode == 0, run.stderr
    seen = json.loads(run.stdout)
    tiny, batches, wide = (seen[name] for name in CASES)
    assert [case["kills"] for case in seen.values()] == [kills] * 3
    # Otherwise nothing was interrupted.
    assert tiny["after an epoch"]
    assert batches["inside an epoch"]
    assert wide["inside a batch"]


@pytest.mark.parametrize("calls", amount([0, 1, 7, 13, 14, 31], [0, 7, 14]))
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimizer": "adam", "dropout": 0.3, "validation": 0.2, "patience": 9, "seed": 3},
        {"learning_rate": schedules.ReduceOnPlateau(0.9, patience=1), "sample_weight": WEIGHTS},
        {"learning_rate": schedules.Cosine(0.1), "shuffle": False, "clip_norm": 0.1},
    ],
    ids=["plain", "adam, dropout, validation", "plateau, weights", "cosine, clipping"],
)
def test_ctrl_c_and_on(calls, options, path, monkeypatch):
    """Five blocks an epoch, or four and one of validation; in the same process and in another."""
    uninterrupted = train(**options)
    net, completed = network(), network()
    with interrupted_after(calls, monkeypatch):
        train(net, checkpoint=path, **options)
    if "validation" not in options:  # ends with the best epoch, not the last
        schedule = options.get("learning_rate", 0.05)
        if not isinstance(schedule, schedules.Cosine):  # whose rates know of all epochs
            train(completed, **{**options, "epochs": calls // 5})
            np.testing.assert_array_equal(net.parameters, completed.parameters)
    copied = path.with_name("copy")
    shutil.copy(path, copied)
    assert_same(train(net, checkpoint=path, resume=True, **options), uninterrupted)
    assert_same(train(checkpoint=copied, resume=True, **options), uninterrupted)


@pytest.mark.parametrize(
    "optimizer", [name for name in optimizers.OPTIMIZERS if name not in full_batches.RUN] + METHODS
)
def test_optimizers_go_on(optimizer, path, monkeypatch):
    """Also in the middle of a line search or of a factorisation."""
    run = train
    options = {"optimizer": optimizer}
    if optimizer == "rprop":
        options.update(batch_size=None, epochs=20)
    if issubclass(optimizers.OPTIMIZERS[optimizer], optimizers.FullBatch):
        run = optimize
    uninterrupted = run(**options)
    for calls in amount((1, 2, 9, 15), (2, 9)):
        with interrupted_after(calls, monkeypatch):
            run(checkpoint=path, **options)
        resumed = run(network(seed=5), checkpoint=path, resume=True, **options)
        assert_same(resumed, uninterrupted)
        if run is optimize:
            assert resumed[1].evaluations == uninterrupted[1].evaluations


def test_interrupted_twice_in_one_epoch(path, monkeypatch):
    """The second time, the network has to go back to where the first process began the epoch."""
    options = {"checkpoint": path, "resume": True}
    with interrupted_after(12, monkeypatch):
        train(**options)
    net = network(seed=5)
    with interrupted_after(1, monkeypatch):
        train(net, **options)
    np.testing.assert_array_equal(net.parameters, train(epochs=2)[0].parameters)
    assert_same(train(**options), train())


@pytest.mark.cpu("levenberg_marquardt")
@pytest.mark.parametrize("calls", range(1, 32))
def test_levenberg_marquardt_in_tiles(calls, path, monkeypatch):
    """Two outputs, and JᵀJ larger than a tile: stopped between any two units of its work."""
    options = {"y": np.column_stack([Y, Y**2]), "optimizer": "levenberg_marquardt", "epochs": 3}
    sizes, settings = [2, 40, 2], {"batch_size": None, "learning_rate": None, **options}
    with interrupted_after(calls, monkeypatch):
        train(network(sizes), checkpoint=path, **settings)
    resumed = train(network(sizes, seed=5), checkpoint=path, resume=True, **settings)
    assert_same(resumed, train(network(sizes), **settings))


@pytest.mark.cpu("threads")
def test_the_number_of_threads_may_change(path, monkeypatch):
    """Two blocks a batch in each of four chunks; slices of one block, by 2, 1, 3 … threads."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2500, 60))
    settings = {"x": x, "y": x[:, :5], "epochs": 5, "batch_size": 2000, "optimizer": "momentum"}
    sizes = [60, 350, 5]
    uninterrupted = train(network(sizes), **settings)
    try:
        for count in (2, 1, 3, 2):
            threads.set_threads(count)
            with interrupted_after(3, monkeypatch):
                train(network(sizes), checkpoint=path, resume=True, **settings)
            assert read_arrays(path)[0]["position"].any()
        resumed = train(network(sizes), checkpoint=path, resume=True, **settings)
    finally:
        threads.set_threads(None)
    assert_same(resumed, uninterrupted)


@pytest.mark.parametrize("run", [train, optimize])
def test_an_error_in_the_callback_and_on(run, path):
    def callback(report):
        raise RuntimeError("mine")

    options = {} if run is train else {"optimizer": "lbfgs"}
    with pytest.raises(RuntimeError, match="mine"):
        run(checkpoint=path, callback=callback, **options)
    assert_same(run(checkpoint=path, resume=True, **options), run(**options))


def test_a_stopped_descent_goes_on(path):
    """Stopped by its callback or the time limit, it holds its last epoch; seconds add up."""
    seen = []

    def callback(report):
        seen.append(report.epoch)
        return len(seen) < 4

    every = amount(3, 1)
    options = {"checkpoint": path, "resume": True, "callback": callback, "callback_epochs": every}
    seconds = 0
    for epoch in (every, 2 * every, 3 * every):
        net, history = train(**options)
        assert history.stopped == "callback"
        assert history.epochs == epoch
        assert history.seconds > seconds
        seconds = history.seconds
        assert_same((net, history), (train(epochs=epoch)[0], history))
    assert_same(train(**options), train())
    assert seen == [*range(every, EPOCHS, every), EPOCHS]


def test_the_time_limit_is_of_one_call(path):
    options = {
        "epochs": amount(10**6, 10**4),
        "batch_size": None,
        "checkpoint": path,
        "resume": True,
    }
    first, second = (train(max_seconds=0.1, **options)[1] for _ in range(2))
    assert first.stopped == second.stopped == "max_seconds"
    assert second.epochs > first.epochs
    assert second.seconds >= first.seconds + 0.1


@pytest.mark.parametrize(("run", "options"), [(train, {}), (optimize, {"optimizer": "lbfgs"})])
def test_the_file_stays_where_the_descent_began(run, options, tmp_path, monkeypatch):
    """A callback may change the working directory, which a relative path starts from."""
    there, elsewhere = tmp_path / "there", tmp_path / "elsewhere"
    there.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(there)
    often = {"checkpoint": "descent", "checkpoint_seconds": 1e-9, **options}
    ended = run(callback=lambda report: os.chdir(elsewhere), **often)
    assert [path.name for path in there.iterdir()] == ["descent"]
    assert not list(elsewhere.iterdir())
    again = run(network(seed=9), checkpoint=there / "descent", resume=True, **options)
    assert_same(again, ended)


@pytest.mark.parametrize(
    "options", [{}, {"validation": (X, Y)}, {"target_cost": 0.2}, {"epochs": 0}]
)
def test_what_has_ended_returns_at_once(options, path, monkeypatch):
    ended = train(checkpoint=path, **options)
    monkeypatch.setattr(descent, "run_slices", lambda *_: pytest.fail("it runs"))
    again = train(network(seed=9), checkpoint=path, resume=True, **options)
    if options.get("epochs") != 0:
        assert_same(again, ended)
    assert again[1].seconds == ended[1].seconds


def test_divergence_is_told_again(path):
    options = {"learning_rate": 1e200, "batch_size": None}
    nets, messages = [network(activation="identity") for _ in range(2)], []
    for net in nets:
        with pytest.raises(nnlib.DivergenceError) as caught:
            train(net, checkpoint=path, resume=True, **options)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    np.testing.assert_array_equal(nets[0].parameters, nets[1].parameters)


def test_without_resume_it_starts_afresh(path):
    train(checkpoint=path, epochs=3)
    assert_same(train(checkpoint=path), train())
    assert_same(train(network(seed=9), checkpoint=path, resume=True), train())


def test_what_only_watches_may_differ(path):
    ended = train(checkpoint=path)
    options = {"max_seconds": 9.0, "callback": print, "callback_epochs": 2, "progress": False}
    assert_same(train(checkpoint=path, resume=True, checkpoint_seconds=3, **options), ended)
