"""Metrics, weights of classes and validation rows of a descent that reads its data."""

import time

import numpy as np
import pytest

import nnlib
from nnlib.training import windows
from tests.tolerances import tolerance

pytestmark = pytest.mark.cpu("data")

N = 505
X = np.random.default_rng(0).normal(size=(N, 4))
V = np.random.default_rng(1).integers(0, 3, N).astype(float)
LABELS = np.where(X @ [1, -2, 0.5, 0] > 0.8, "high", "low")
OPTIONS = {"batch_size": 40, "epochs": 4, "shuffle": False, "optimizer": "adam"}


@pytest.fixture(autouse=True)
def small_windows(monkeypatch):
    """Windows of some hundred rows, so that an epoch has several."""
    monkeypatch.setattr(windows, "WINDOW_BYTES", 5000)


def network():
    return nnlib.Network([4, 6, 1], ["tanh", "sigmoid"], "binary_cross_entropy", seed=1)


def source(weighted=False, part_rows=70):
    weights = V if weighted else None
    return nnlib.data.arrays(X, LABELS, sample_weight=weights, part_rows=part_rows)


def median_error(y, prediction):
    return float(np.mean(y != prediction))


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize("weighted", [False, True])
def test_metrics_are_those_of_memory(optimizer, weighted):
    options = {**OPTIONS, "optimizer": optimizer, "metrics": ["accuracy", "log_loss", median_error]}
    if optimizer == "lbfgs":
        options = {name: options[name] for name in ("optimizer", "epochs", "metrics")}
    here, there = network(), network()
    wanted = here.descent(X, LABELS, sample_weight=V if weighted else None, **options)
    found = there.descent(source(weighted), **options)
    assert list(found.metrics) == ["accuracy", "log_loss", "median_error"]
    near = tolerance("float64", N, depth=4) * 100 * (1 if weighted else 0)
    for name, values in wanted.metrics.items():
        np.testing.assert_allclose(found.metrics[name], values, rtol=near)


def test_a_metric_decides():
    options = {**OPTIONS, "metrics": ["accuracy"], "monitor": "accuracy", "patience": 2}
    options |= {"validation": "last 25%", "epochs": 30}
    here, there = network(), network()
    wanted, found = here.descent(X, LABELS, **options), there.descent(source(), **options)
    assert found.best_epoch == wanted.best_epoch
    np.testing.assert_array_equal(there.parameters, here.parameters)


@pytest.mark.parametrize("share", ["last 25%", "last 80%", 0.1])
@pytest.mark.parametrize("part_rows", [70, 1000])
def test_the_last_rows_validate(share, part_rows):
    options = {**OPTIONS, "validation": share, "patience": 2}
    here, there = network(), network()
    wanted = here.descent(X, LABELS, **options)
    found = there.descent(source(part_rows=part_rows), **options)
    np.testing.assert_array_equal(there.parameters, here.parameters)
    np.testing.assert_array_equal(found.J, wanted.J)
    np.testing.assert_array_equal(found.validation_J, wanted.validation_J)


@pytest.mark.parametrize("share", [None, "last 30%"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("of_class", ["balanced", {"high": 3.0}, {"low": 0}])
def test_weights_of_classes_are_those_of_memory(share, weighted, reduction, of_class):
    options = {**OPTIONS, "validation": share, "class_weight": of_class, "reduction": reduction}
    here, there = network(), network()
    wanted = here.descent(X, LABELS, sample_weight=V if weighted else None, **options)
    found = there.descent(source(weighted), **options)
    near = tolerance("float64", N, depth=4) * 100
    np.testing.assert_allclose(there.parameters, here.parameters, rtol=near, atol=near)
    np.testing.assert_allclose(found.J, wanted.J, rtol=near)
    if share:
        np.testing.assert_allclose(found.validation_J, wanted.validation_J, rtol=near)


def test_a_checkpoint_knows_the_weights_of_classes(tmp_path):
    options = {**OPTIONS, "checkpoint": tmp_path / "checkpoint"}
    network().descent(source(), class_weight={"high": 3.0}, **options)
    with pytest.raises(ValueError, match="the checkpoint of another descent: class_weight was"):
        network().descent(source(), class_weight={"high": 2.0}, **options, resume=True)
    with pytest.raises(ValueError, match="the checkpoint of another descent"):
        network().descent(source(), **options, validation="last 10%", resume=True)


class OneAtATime(nnlib.data.Source):
    """The rows; fails if two threads read them at once."""

    name, parts = "one at a time", (101,) * 5

    def __init__(self):
        self._reading = False

    def read(self, part):
        assert not self._reading
        self._reading = True
        time.sleep(0.002)
        self._reading = False
        rows = slice(101 * part, 101 * part + 101)
        return nnlib.data.Rows(X[rows], LABELS[rows])

    def identity(self):
        return "one at a time"


def test_metrics_and_the_descent_read_in_turn():
    history = network().descent(OneAtATime(), metrics=["accuracy"], **OPTIONS)
    assert len(history.metrics["accuracy"]) == OPTIONS["epochs"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"class_weight": {"hihg": 2}}, "class_weight names the class 'hihg'"),
        ({"class_weight": {"high": 0, "low": 0}}, "leaves every example the weight 0"),
        ({"validation": 0.2, "shuffle": True}, "validation is 0.2, wanted 'last 20%'"),
        ({"validation": "last 99.99%"}, "leaves at least one of 505 examples"),
        ({"metrics": ["r2"]}, r"metrics\[0\] is 'r2'"),
        ({"metrics": ["accuracy"], "monitor": "r2", "patience": 1}, "monitor is 'r2'"),
        ({"validation": "last 50%", "batch_size": 400}, "batch_size .* is 400"),
    ],
)
def test_refused(options, said):
    net = network()
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=said):
        net.descent(source(), **{**OPTIONS, **options})
    np.testing.assert_array_equal(net.parameters, before)
