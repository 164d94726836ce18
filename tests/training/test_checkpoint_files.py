"""Checkpoints that cannot be read, belong to another descent, or cannot be written."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress

import numpy as np
import pytest

import nnlib
from nnlib import schedules
from nnlib.files.arrays import read_arrays, write_arrays
from nnlib.kernels.network import problem

from ..files.test_writing import tiny_disk  # noqa: F401  a fixture
from ..second_order.full_batches import METHODS
from .checkpointed import (
    BATCH,
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

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX only")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "descent"


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
        (lambda arrays: arrays["marked_position"].fill(-1), "marked_position is of the epochs"),
        (lambda arrays: arrays["marked_position"].fill(10**12), "position"),
        (lambda arrays: arrays["marked_generator"].fill(0), "marked_generator is all 0"),
        (lambda arrays: arrays.pop("marked_numbers"), "it holds"),
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
