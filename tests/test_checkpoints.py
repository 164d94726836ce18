"""Checkpoints: whatever ends a descent, it goes on from its file with the same bits."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

import nnlib
from nnlib import optimizers, schedules, threads
from nnlib.descent import Descent
from nnlib.files import read_arrays, write_arrays
from nnlib.kernels import problem

from . import full_batches
from .devices import amount
from .full_batches import METHODS
from .interruptions import interrupt_after
from .killed_descents import CASES
from .test_files import tiny_disk  # noqa: F401  a fixture

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX only")

# Five batches an epoch.
N, BATCH, EPOCHS = amount((45, 10, 20), (15, 3, 4))
ITERATIONS = amount(30, 12)
X = np.linspace(-1, 1, 2 * N).reshape(N, 2)
Y = np.sin(3 * X.sum(axis=1))
WEIGHTS = np.linspace(1, 2, N)


SIZES = (2, amount(6, 3), 1)


def network(sizes=SIZES, activation="tanh", seed=0, **settings):
    return nnlib.Network(list(sizes), activation, seed=seed, **settings)


def train(net=None, x=X, y=Y, **options):
    """The network and its history after a short descent in shuffled mini-batches."""
    net = net or network()
    settings = {"epochs": EPOCHS, "batch_size": BATCH, "learning_rate": 0.05}
    return net, net.descent(x, y, **{**settings, **options})


def optimize(net=None, **options):
    """The same for optimizers of full batches."""
    net = net or network()
    return net, net.descent(X, Y, **{"epochs": ITERATIONS, **options})


def assert_same(one, other):
    """Two pairs of network and history."""
    (net, history), (other_net, other_history) = one, other
    np.testing.assert_array_equal(net.parameters, other_net.parameters)
    for name in ("J", "learning_rate", "validation_J", "best_epoch", "stopped"):
        np.testing.assert_array_equal(getattr(history, name), getattr(other_history, name), name)


@contextmanager
def interrupted_after(calls, monkeypatch):
    """Descents run one block a slice, and after so many slices comes Ctrl-C."""
    with monkeypatch.context() as patch:
        interrupt_after(calls, patch)
        with pytest.raises(KeyboardInterrupt):
            yield


@pytest.fixture
def path(tmp_path):
    return tmp_path / "descent"


@pytest.mark.cpu("kernels")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks children")
def test_killed_at_random_moments(tmp_path):
    """SIGKILL, 51 times; every descent that ends is compared with one never interrupted."""
    kills = 17
    run = subprocess.run(
        [sys.executable, "-m", "tests.killed_descents", tmp_path, str(kills)],
        capture_output=True, text=True, cwd=Path(__file__).parents[1], timeout=300,
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


@pytest.mark.parametrize(
    "options", [{}, {"validation": (X, Y)}, {"target_cost": 0.2}, {"epochs": 0}]
)
def test_what_has_ended_returns_at_once(options, path, monkeypatch):
    ended = train(checkpoint=path, **options)
    monkeypatch.setattr(Descent, "_run_slices", lambda *_: pytest.fail("it runs"))
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": EPOCHS + 1}, f"epochs was {EPOCHS}, is {EPOCHS + 1}"),
        ({"optimizer": "adam"}, r"optimizer was SGD\(\), is Adam\("),
        ({"learning_rate": 0.2}, r"learning_rate was Constant\(rate=0.05\), is .*0\.2"),
        ({"batch_size": BATCH - 1}, f"batch_size was {BATCH}, is {BATCH - 1}"),
        ({"shuffle": False}, "shuffle was True, is False"),
        ({"seed": 1}, "seed was None, is 1"),
        ({"reduction": "sum"}, "reduction was mean, is sum"),
        ({"weight_decay": 0.1}, "weight_decay was 0.0, is 0.1"),
        ({"clip_norm": 2}, "clip_norm was None, is 2.0"),
        ({"dropout": 0.5}, r"dropout was None, is \(0.5,\)"),
        ({"target_cost": 0.1}, "target_cost was None"),
        ({"sample_weight": WEIGHTS}, "sample_weight differs"),
        ({"validation": (X, Y)}, "validation differs"),
        ({"x": X + 1e-15}, "descent: X differs"),
        ({"y": Y / 2}, "y differs"),
        ({"x": X[1:], "y": Y[1:]}, "X differs; y differs"),
        ({"net": network([2, 7, 1])}, "network differs"),
        ({"net": network(activation="sigmoid")}, "network differs"),
        ({"net": network(loss="huber")}, "network differs"),
        ({"net": network(dtype="float32")}, "X differs"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_another_descent_is_refused_by_name(change, message, path):
    train(checkpoint=path)
    content = path.read_bytes()
    net = change.setdefault("net", network(seed=4))
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=message) as caught:
        train(checkpoint=path, resume=True, **change)
    assert not isinstance(caught.value, nnlib.FormatError)
    assert str(path) in str(caught.value)
    assert "resume=False to start afresh" in str(caught.value)
    np.testing.assert_array_equal(net.parameters, before)
    assert path.read_bytes() == content


def test_schedules_of_ones_own_count_by_their_rates(path):
    class Linear(schedules.Schedule):
        def __init__(self, last):
            self.last = last

        def rates(self, epochs):
            return np.linspace(0.1, self.last, epochs)

    ended = train(checkpoint=path, learning_rate=Linear(0.01))
    assert_same(train(checkpoint=path, resume=True, learning_rate=Linear(0.01)), ended)
    with pytest.raises(ValueError, match="learning_rate differs"):
        train(checkpoint=path, resume=True, learning_rate=Linear(0.02))


@pytest.mark.parametrize("size", [0, 7, 100, -1])
def test_a_damaged_file(size, path):
    train(checkpoint=path)
    path.write_bytes(path.read_bytes()[:size])
    assert_refused(path, "truncated|damaged")


def assert_refused(path, message, **options):
    net = network(seed=4)
    before = net.parameters.copy()
    with pytest.raises(nnlib.FormatError, match=message):
        train(net, checkpoint=path, resume=True, **options)
    np.testing.assert_array_equal(net.parameters, before)


def test_a_saved_network_is_no_checkpoint(path):
    network().save(path)
    assert_refused(path, "is no checkpoint: its kind is 'network'")


def position(place, value):
    def change(arrays):
        arrays["position"][place] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (position(problem.EPOCH, 10**15), "position"),
        (position(problem.EPOCH, -1), "position"),
        (position(problem.BATCH, 5), "position"),
        (position(problem.ROUND, 1), "position"),
        (position(problem.VALIDATING, 1), "position"),
        (position(problem.STATUS, problem.RUNNING), "position"),
        (lambda arrays: arrays["order"].fill(10**9), "no permutation"),
        (lambda arrays: arrays["generator"].fill(0), "generator is all 0"),
        (lambda arrays: arrays.pop("first"), "it holds"),
        (lambda arrays: arrays.update(costs=np.zeros(3)), "costs is float64 of shape"),
        (lambda arrays: arrays.update(best=np.zeros(0, "float32")), "best is float32"),
    ],
)
def test_a_file_made_to_do_harm(change, message, path):
    """Its digest is right, and its values would make the driver leave its arrays."""
    train(checkpoint=path)
    arrays, metadata = read_arrays(path)
    change(arrays)
    write_arrays(path, arrays, metadata)
    assert_refused(path, message)


@pytest.mark.parametrize("place", range(7))
@pytest.mark.parametrize("optimizer", METHODS)
def test_a_file_made_to_do_harm_to_full_batches(optimizer, place, path, monkeypatch):
    with interrupted_after(2, monkeypatch):
        optimize(checkpoint=path, optimizer=optimizer)
    arrays, metadata = read_arrays(path)
    if place >= arrays["position"].size or place == 3 or (optimizer, place) == ("lbfgs", 5):
        return  # numbers that are only counted
    arrays["position"][place] = 10**12
    write_arrays(path, arrays, metadata)
    with pytest.raises(nnlib.FormatError, match="position"):
        optimize(checkpoint=path, resume=True, optimizer=optimizer)


@pytest.mark.parametrize("run", [train, optimize])
def test_a_missing_folder_before_any_work(run, tmp_path):
    net = network()
    path = tmp_path / "nowhere" / "descent"
    options = {} if run is train else {"optimizer": "lbfgs"}
    with pytest.raises(FileNotFoundError, match="No such file") as caught:
        run(net, checkpoint=path, callback=pytest.fail, **options)
    assert caught.value.filename == str(path)
    np.testing.assert_array_equal(net.parameters, network().parameters)


def fail_after_three_epochs(change, path, error=OSError, **options):
    """The error of a descent in which `change` makes writing fail; the network holds an epoch."""
    net, seen = network(), []

    def callback(report):
        seen.append(report.epoch)
        if report.epoch == 3:
            change()

    with pytest.raises(error) as caught:
        train(
            net, checkpoint=path, callback=callback, callback_epochs=1,
            **{"checkpoint_seconds": 1e-9, **options},
        )  # fmt: skip
    np.testing.assert_array_equal(net.parameters, train(epochs=seen[-1])[0].parameters)
    return caught.value


def test_a_folder_that_goes_away(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    error = fail_after_three_epochs(lambda: folder.rename(tmp_path / "kept"), folder / "descent")
    assert isinstance(error, FileNotFoundError)
    assert error.filename == str(folder / "descent")
    kept = tmp_path / "kept" / "descent"
    assert_same(train(checkpoint=kept, resume=True), train())


@contextmanager
def no_longer_files_than(size):
    """As on a full disk, for this process."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@posix
def test_no_room_for_a_checkpoint(path):
    """The last good one stays, and once there is room again the descent goes on from it."""
    with no_longer_files_than(100) as fill:
        error = fail_after_three_epochs(fill, path)
    assert "too large" in str(error)
    assert error.filename == str(path)
    assert "stays as it was written before" in error.__notes__[0]
    assert list(path.parent.iterdir()) == [path]
    assert 0 < read_arrays(path)[0]["position"][problem.EPOCH] <= 3
    assert_same(train(checkpoint=path, resume=True), train())


@posix
def test_no_room_for_the_last_checkpoint(path):
    with no_longer_files_than(100) as fill:
        fail_after_three_epochs(fill, path, checkpoint_seconds=60)
    assert_same(train(checkpoint=path, resume=True), train())


@posix
def test_ctrl_c_with_no_room_stays_ctrl_c(path):
    def interrupt():
        fill()
        raise KeyboardInterrupt

    with no_longer_files_than(100) as fill:
        error = fail_after_three_epochs(interrupt, path, KeyboardInterrupt)
    assert "File too large" in error.__notes__[0]
    assert_same(train(checkpoint=path, resume=True), train())


@pytest.mark.cpu("host")
def test_a_full_disk(request):
    disk = request.getfixturevalue("tiny_disk")
    path = disk / "descent"

    def fill():
        with suppress(OSError), open(disk / "rest", "wb", buffering=0) as file:
            while True:
                file.write(bytes(1024))

    error = fail_after_three_epochs(fill, path)
    assert error.filename == str(path)
    assert "No space left on device" in str(error)
    (disk / "rest").unlink()
    assert_same(train(checkpoint=path, resume=True), train())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"resume": True}, ValueError, "resume is True but checkpoint is None"),
        ({"checkpoint": 7}, TypeError, "checkpoint must be the path of a file; got 7"),
        ({"checkpoint_seconds": 0}, ValueError, "checkpoint_seconds is 0.0, wanted .* greater"),
        ({"checkpoint": "a", "resume": 1}, TypeError, "resume must be True or False; got 1"),
    ],
)
def test_options_are_checked(options, error, message):
    with pytest.raises(error, match=message):
        train(**options)


@pytest.mark.parametrize("drawn", [{"validation": 0.2}, {"dropout": 0.5}])
def test_what_is_drawn_needs_a_seed(drawn, path):
    with pytest.raises(ValueError, match=f"checkpoint with {next(iter(drawn))}=.* needs a seed"):
        train(network(seed=None), checkpoint=path, **drawn)
    train(network(seed=None), checkpoint=path, seed=1, **drawn)
