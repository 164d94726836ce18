"""Checkpoints that version 0.1.0 wrote: the descents go on from them to their ends.

Each file was left by Ctrl-C, see `CASES`. Their data is exact in binary, since a file knows its
data by their bits.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import nnlib
from nnlib.files.arrays import read_arrays, write_arrays
from nnlib.kernels.network import problem
from tests.tolerances import assert_close
from tests.training.interruptions import interrupt_after

# The GPU's blocks are others, and so are its files.
pytestmark = pytest.mark.cpu("host")

FOLDER = Path(__file__).parents[1] / "checkpoints_0_1"
N, BATCH, EPOCHS = 15, 3, 6
X = np.arange(2 * N).reshape(N, 2) % 7 / 8 - 0.5
Y = np.arange(N) % 5 / 4
PLATEAU = nnlib.schedules.ReduceOnPlateau(0.9, patience=0)
# By the name of the file: the options, and the epoch and the batch at which it was written.
CASES = {
    "sgd_inside": ({}, 2, 2),
    "adam_after": ({"optimizer": "adam", "dropout": 0.25}, 3, 0),
    "adam_inside": ({"optimizer": "adam", "validation": (X[:4], Y[:4]), "patience": 9}, 2, 3),
    "plateau_inside": ({"optimizer": "momentum", "learning_rate": PLATEAU}, 2, 3),
}


def train(name, **options):
    """The network and its history."""
    net = nnlib.Network([2, 3, 1], "tanh", seed=1)
    settings = {"learning_rate": 0.0625, "epochs": EPOCHS, "batch_size": BATCH, "seed": 5}
    return net, net.descent(X, Y, **{**settings, **CASES[name][0], **options})


@pytest.fixture
def path(tmp_path, request):
    """A copy of the case's file."""
    copied = tmp_path / "descent"
    shutil.copy(FOLDER / f"{request.getfixturevalue('name')}.safetensors", copied)
    return copied


@pytest.mark.parametrize("name", CASES)
def test_it_goes_on_to_the_end(name, path):
    """Here with the very bits; where it was written, sums may have been rounded otherwise."""
    position = read_arrays(path)[0]["position"]
    assert tuple(position[[problem.EPOCH, problem.BATCH]]) == CASES[name][1:]
    (net, history), (twin, whole) = train(name, checkpoint=path, resume=True), train(name)
    steps = EPOCHS * N // BATCH
    assert_close(net.parameters, twin.parameters, terms=BATCH, depth=3 * steps)
    assert_close(history.J, whole.J, terms=BATCH, depth=3 * steps)
    np.testing.assert_array_equal(history.learning_rate, whole.learning_rate)
    assert (history.best_epoch, history.stopped) == (whole.best_epoch, whole.stopped)
    # The file is that of the end now, written anew.
    assert "snapshots" not in read_arrays(path)[0]
    train(name, checkpoint=path, resume=True)


@pytest.mark.parametrize("name", CASES)
def test_interrupted_again_it_holds_the_epochs_start(name, path, monkeypatch):
    interrupt_after(1, monkeypatch)
    net, twin = nnlib.Network([2, 3, 1], "tanh", seed=9), nnlib.Network([2, 3, 1], "tanh", seed=1)
    options, epoch, _ = CASES[name]
    settings = {"batch_size": BATCH, "seed": 5, **options}
    settings.setdefault("learning_rate", 0.0625)
    with pytest.raises(KeyboardInterrupt):
        net.descent(X, Y, epochs=EPOCHS, checkpoint=path, resume=True, **settings)
    monkeypatch.undo()
    seen = {}
    twin.descent(
        X, Y, epochs=EPOCHS, callback_epochs=1,
        callback=lambda report: seen.update({report.epoch: twin.parameters.copy()}), **settings,
    )  # fmt: skip
    assert_close(net.parameters, seen[epoch], terms=BATCH, depth=60)


@pytest.mark.parametrize("name", ["sgd_inside"])
@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.update(snapshots=np.zeros(7)),
        lambda arrays: arrays.update(position=np.zeros(3, np.int64)),
        lambda arrays: arrays.pop("numbers"),
        lambda arrays: arrays.update(numbers=np.zeros(1)),
        lambda arrays: arrays["position"].__setitem__(problem.EPOCH, 10**15),
    ],
)
def test_a_damaged_one_is_refused(name, change, path):
    arrays, metadata = read_arrays(path)
    change(arrays)
    write_arrays(path, arrays, metadata)
    with pytest.raises(nnlib.FormatError):
        train(name, checkpoint=path, resume=True)
