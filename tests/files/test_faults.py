"""Every call that saving, loading and descents make fails once: nothing is lost, nothing left."""

from __future__ import annotations

import os

import numpy as np
import pytest

import nnlib
from nnlib.files.arrays import read_arrays

from ..training.checkpointed import X, Y, assert_same, network
from .faults import Faults

pytestmark = pytest.mark.cpu("host")

EPOCHS = 2


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


def every_failure(prepare, run, lasting=False):
    """Each call that fails once, what was prepared for that run, and its error, if there was one.

    What prepare returns, run is called with; nothing fails in prepare. If lasting, all calls after
    the one fail too.
    """
    prepared = prepare()
    with Faults().in_force() as clean:
        run(prepared)
    for number, call in enumerate(clean.calls):
        prepared, caught = prepare(), None
        with Faults(number, lasting).in_force() as faults:
            try:
                run(prepared)
            except (OSError, MemoryError) as error:
                caught = error
        assert faults.calls[number] == call, "another run makes other calls"
        yield call, prepared, caught


def test_save(path):
    """The old file or the new one is there, as a whole, and nothing else."""
    old, new = network(seed=1), network(seed=2)
    old.save(path)
    calls = []
    for call, _, error in every_failure(lambda: old.save(path), lambda _: new.save(path)):
        found = nnlib.load(path).parameters
        expected = new if error is None else old
        np.testing.assert_array_equal(found, expected.parameters, call)
        assert list(path.parent.iterdir()) == [path], call
        calls.append((call.split(" in ")[0], error is None))
    assert {"open", "write", "fsync", "replace", "array", "save"} <= {name for name, _ in calls}
    assert {name for name, ignored in calls if ignored} <= {
        "scandir", "open", "close", "fsync", "fchmod", "fstat",
    }  # fmt: skip


def test_load(path):
    net = network()
    net.save(path)
    failures = [error for *_, error in every_failure(lambda: path, nnlib.load)]
    assert len(failures) > 5
    assert None not in failures
    np.testing.assert_array_equal(nnlib.load(path).parameters, net.parameters)


METHODS = {
    "plain": {},
    "adam": {"optimizer": "adam", "dropout": 0.3, "validation": 0.2, "patience": 9, "seed": 3},
    "lbfgs": {"optimizer": "lbfgs"},
    "levenberg_marquardt": {"optimizer": "levenberg_marquardt"},
}


def descend(method, net, **options):
    """Network and history; a slice is an epoch or, with a method of full batches, one evaluation.

    The batches divide the examples, all of them and those that validation leaves.
    """
    settings = {"epochs": EPOCHS, **METHODS[method], **options}
    if method in ("plain", "adam"):
        settings = {
            "learning_rate": 0.05, "batch_size": len(X) // 5, "callback_epochs": 1,
            "callback": lambda report: None, **settings,
        }  # fmt: skip
    return net, net.descent(X, Y, **settings)


def completed_epochs(method):
    """The parameters after each number of epochs."""
    net, seen = network(), []
    seen.append(net.parameters.copy())
    if method in ("plain", "adam"):  # with validation it does not end with the last
        descend(method, net, callback=lambda report: seen.append(net.parameters.copy()))
        return seen
    for epochs in range(1, EPOCHS + 1):
        seen.append(descend(method, network(), epochs=epochs)[0].parameters)
    return seen


@pytest.mark.parametrize(
    ("method", "resume", "lasting"),
    [
        *((method, True, False) for method in METHODS),
        ("plain", False, False),
        ("adam", True, True),
        ("lbfgs", False, True),
    ],
)
def test_descents(method, resume, lasting, path, monkeypatch):
    """The file is the old one or a checkpoint, the network holds an epoch, the next call goes on.

    What a failure may leave is the file of a lock that nobody has or, where it lasts, a temporary
    one that could not be removed; the next call removes them.
    """
    monkeypatch.setattr("nnlib.training.slices.SLICE_SECONDS", 1e-12)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # nobody pulls the plug here
    uninterrupted, epochs = descend(method, network()), completed_epochs(method)
    settings = {"checkpoint": path, "checkpoint_seconds": 1e-9}
    with pytest.raises(RuntimeError):
        descend(method, network(), callback=failing, **settings)
    old = path.read_bytes()
    ended = []

    def prepare():
        path.write_bytes(old)
        return network()

    def run(net):
        ended.append(descend(method, net, resume=resume, **settings))

    failed = set()
    for call, net, error in every_failure(prepare, run, lasting):
        left = {file.suffix for file in path.parent.iterdir() if file != path}
        if not lasting:
            assert left <= ({".lock"} if "nnlib.files.locks" in call else set()), call
        if path.read_bytes() != old:
            read_arrays(path)
        if error is None:
            assert_same(ended[-1], uninterrupted)
            continue
        failed.add(call.split(" in ")[0])
        assert any((net.parameters == epoch).all() for epoch in epochs), call
        assert_same(descend(method, network(), resume=True, **settings), uninterrupted)
        assert list(path.parent.iterdir()) == [path], call
    assert {"open", "write", "fsync", "replace", "zeros", "array", "save"} <= failed


def failing(report):
    raise RuntimeError
