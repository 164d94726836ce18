"""Metrics of descents that go on from a checkpoint, and of optimizers of full batches."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib import FormatError
from nnlib.files.arrays import read_arrays, write_arrays

from .checkpointed import BATCH, EPOCHS, ITERATIONS, X, Y, assert_same, interrupted_after, network

METRICS = ["r2", "mean_absolute_error"]
CASES = {
    "mini-batches": {"batch_size": BATCH, "learning_rate": 0.05, "epochs": EPOCHS},
    "decided by a metric": {
        "batch_size": BATCH, "learning_rate": 0.05, "epochs": EPOCHS, "validation": 0.2, "seed": 3,
        "monitor": "mean_absolute_error", "patience": 3, "tolerance": 0.01,
    },
    "lbfgs": {"optimizer": "lbfgs", "epochs": ITERATIONS},
    "levenberg_marquardt": {"optimizer": "levenberg_marquardt", "epochs": ITERATIONS},
}  # fmt: skip
FULL_BATCHES = [
    pytest.param("lbfgs", marks=pytest.mark.cpu("lbfgs bits")),
    pytest.param("levenberg_marquardt", marks=pytest.mark.cpu("levenberg_marquardt")),
]


def trained(case, **options):
    net = network()
    return net, net.descent(X, Y, **{"metrics": METRICS, **CASES[case], **options})


def assert_same_metrics(history, other):
    for name in ("metrics", "validation_metrics"):
        own, others = getattr(history, name), getattr(other, name)
        assert (own is None) == (others is None)
        for metric in own or {}:
            np.testing.assert_array_equal(own[metric], others[metric])


@pytest.mark.parametrize("slices", [1, 2, 6, 7])
@pytest.mark.parametrize("case", ["mini-batches", "decided by a metric", *FULL_BATCHES])
def test_a_resumed_descent_has_the_same_bits_and_metrics(case, slices, monkeypatch, tmp_path):
    whole = trained(case)
    options = {"checkpoint": tmp_path / "descent", "resume": True}
    with interrupted_after(slices, monkeypatch):
        trained(case, **options)
    resumed = trained(case, **options)
    assert_same(whole, resumed)
    assert_same_metrics(whole[1], resumed[1])
    assert len(resumed[1].metrics["r2"]) == resumed[1].epochs
    # What has ended returns at once.
    again = trained(case, **options)
    assert_same(whole, again)
    assert_same_metrics(whole[1], again[1])


def test_an_epoch_whose_metrics_failed_is_measured_by_the_descent_that_goes_on(tmp_path):
    calls = []

    def fails_once(y, prediction):
        calls.append(len(y))
        if len(calls) == 4:
            raise OSError("of the metric")
        return float(np.mean(prediction))

    options = {"checkpoint": tmp_path / "descent", "resume": True, "metrics": [fails_once]}
    with pytest.raises(OSError, match="of the metric"):
        trained("mini-batches", **options)
    resumed = trained("mini-batches", **options)
    calls.extend([0] * 4)
    whole = trained("mini-batches", metrics=[fails_once])
    assert_same(whole, resumed)
    assert_same_metrics(whole[1], resumed[1])


def test_a_checkpoint_wants_the_same_metrics(tmp_path):
    path = tmp_path / "descent"
    trained("decided by a metric", checkpoint=path)
    for other, words in [
        (
            {"metrics": ["r2", "mean_absolute_error", "root_mean_squared_error"]},
            "metrics was r2, me",
        ),
        ({"metrics": None, "monitor": None, "patience": None, "tolerance": 0.0}, "is absent"),
        ({"patience": 4}, "monitor was .*patience=3.*, is .*patience=4"),
    ]:
        with pytest.raises(ValueError, match=words):
            trained("decided by a metric", checkpoint=path, resume=True, **other)


@pytest.mark.parametrize(
    ("name", "change"),
    [("metric_places", [99, 0, 0]), ("metric_places", [2, 7, 0]), ("metric_best", np.nan)],
)
def test_metrics_that_no_descent_writes_are_refused(name, change, tmp_path):
    path = tmp_path / "descent"
    trained("decided by a metric", checkpoint=path)
    arrays, metadata = read_arrays(path)
    arrays[name][...] = change
    write_arrays(path, arrays, metadata)
    with pytest.raises(FormatError, match=name):
        trained("decided by a metric", checkpoint=path, resume=True)


@pytest.mark.parametrize("optimizer", FULL_BATCHES)
def test_full_batches_are_measured_after_every_iteration(optimizer):
    net, seen = network(), []

    def look(report):
        seen.append(net.score(X, Y))
        assert report.metrics["r2"] == seen[-1]

    options = {"optimizer": optimizer, "epochs": ITERATIONS}
    history = net.descent(X, Y, metrics=["r2"], callback=look, **options)
    np.testing.assert_array_equal(history.metrics["r2"], seen)
    assert len(seen) == history.epochs > 1
    assert seen[-1] == net.score(X, Y)
    assert history.validation_metrics is None
    # They change no bit.
    other = network()
    without = other.descent(X, Y, **options)
    np.testing.assert_array_equal(net.parameters, other.parameters)
    np.testing.assert_array_equal(history.J, without.J)
    assert without.metrics == {}


def test_full_batches_have_no_metric_that_decides():
    with pytest.raises(ValueError, match="'lbfgs' and monitor='r2' contradict each other"):
        nnlib.Network([2, 1]).descent(X, Y, optimizer="lbfgs", metrics=["r2"], monitor="r2")
