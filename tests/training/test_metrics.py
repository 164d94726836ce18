"""Metrics of a descent: their values, what they decide, and what does not fit."""

from __future__ import annotations

import builtins
import sys

import numpy as np
import pytest

import nnlib
from nnlib.model.metrics import Judged, measured, metrics_from
from nnlib.model.task import Task
from nnlib.training.epoch_metrics import EpochMetrics, Monitor
from tests.devices import amount

N = amount(40, 12)
EPOCHS = amount(12, 3)


def classifier(**settings):
    arguments = {"seed": 1, **settings}
    return nnlib.Network([2, 4, 3], ["tanh", "softmax"], "softmax_cross_entropy", **arguments)


def regression():
    return nnlib.Network([2, 4, 1], ["tanh", "identity"], seed=1)


@pytest.fixture
def X(rng):
    return rng.normal(size=(N, 2))


@pytest.fixture
def labels(X):
    return np.array(["a", "b", "c"])[(X[:, 0] > 0).astype(int) + (X[:, 1] > 0)]


def error_rate_loss(y, prediction):
    """A function of the user's own: the share of wrong labels."""
    return np.mean(y != prediction)


@pytest.mark.parametrize("options", [{}, {"batch_size": 5}, {"optimizer": "adam"}], ids=str)
def test_values_are_those_of_the_network_after_each_epoch(options, X, labels):
    given = X[::2], labels[::2]
    held_out = X[1::2], labels[1::2]
    net, seen = classifier(), []

    def look(report):
        seen.append((net.score(*given), net.score(*held_out)))
        assert report.metrics["accuracy"] == seen[-1][0]
        assert report.validation_metrics["accuracy"] == seen[-1][1]
        assert report.metrics["error_rate_loss"] == pytest.approx(1 - seen[-1][0])

    history = net.descent(
        *given, validation=held_out, epochs=EPOCHS, callback=look, learning_rate=0.3,
        metrics=["accuracy", error_rate_loss], **options,
    )  # fmt: skip
    np.testing.assert_array_equal(history.metrics["accuracy"], [own for own, _ in seen])
    np.testing.assert_array_equal(history.validation_metrics["accuracy"], [own for _, own in seen])
    # They change no bit.
    other = classifier()
    without = other.descent(
        *given, validation=held_out, epochs=EPOCHS, learning_rate=0.3, **options
    )
    np.testing.assert_array_equal(net.parameters, other.parameters)
    np.testing.assert_array_equal(history.validation_J, without.validation_J)
    assert (history.best_epoch, without.metrics, without.validation_metrics) == (
        without.best_epoch, {}, None,
    )  # fmt: skip


def test_the_metric_that_decides(X, labels):
    net, reached = classifier(), []
    history = net.descent(
        X, labels, validation=0.3, epochs=EPOCHS, learning_rate=1.0, metrics=["accuracy"],
        monitor="accuracy", callback=lambda report: reached.append(net.parameters.copy()),
    )  # fmt: skip
    assert history.best_epoch == history.validation_metrics["accuracy"].argmax()
    np.testing.assert_array_equal(net.parameters, reached[history.best_epoch])
    np.testing.assert_array_equal(net._memory.last, reached[-1])


def test_going_on_from_the_last_epoch_not_the_best(X, labels):
    options = {"validation": 0.3, "learning_rate": 0.5, "metrics": ["accuracy"]}
    net, other = classifier(), classifier()
    net.descent(X, labels, epochs=3, monitor="accuracy", **options)
    net.descent(X, labels, epochs=3, partial=True, **options)
    other.descent(X, labels, epochs=6, **options)
    np.testing.assert_array_equal(net._memory.last, other._memory.last)


class TestPatience:
    """The rules of `kernels.training.stopping`, for a metric."""

    def metrics(self, values, monitor, validation=None):
        rows = iter([([value], validation) for value in values])
        return EpochMetrics(["m"], lambda: next(rows), monitor, np.zeros(1), len(values), False)

    @pytest.mark.parametrize(
        ("values", "sign", "tolerance", "epochs", "best"),
        [
            ([1, 2, 3, 3, 3, 9], -1, 0, 5, 2),
            ([3, 2, 1, 1, 1, 0], 1, 0, 5, 2),
            ([1, 1.1, 1.2, 9], -1, 0.3, 3, 2),
            ([1, np.nan, np.nan, 9], -1, 0, 3, 0),
            ([np.nan, np.nan, 1], -1, 0, 2, None),
        ],
    )
    def test_ends_after_epochs_without_progress(self, values, sign, tolerance, epochs, best):
        metrics = self.metrics(values, Monitor(0, sign, 2, tolerance))
        while not metrics.is_out_of_patience:
            metrics.take()
        assert (metrics.measured, metrics.best_epoch) == (epochs, best)

    def test_parameters_that_are_not_finite_have_no_value(self):
        metrics = EpochMetrics(["m"], lambda: 1 / 0, None, np.full(1, np.nan), 1, False)
        metrics.take()
        assert np.isnan(metrics.latest()[0]["m"])

    def test_of_a_descent(self, X, labels):
        constant = lambda y, prediction: 1.0  # noqa: E731
        history = classifier().descent(
            X, labels, metrics=[constant], monitor="<lambda>", patience=2, epochs=9
        )
        assert (history.stopped, history.epochs) == ("patience", 3)
        # The cost goes on falling, and does not decide.
        assert (np.diff(history.J) < 0).all()


def test_built_in_metrics_are_those_of_scikit_learn(rng):
    sklearn = pytest.importorskip("sklearn.metrics")
    outputs, targets = rng.normal(size=(9, 2)), rng.normal(size=(9, 2))
    task = Task("numbers", 2, "numbers")
    names = ["r2", "mean_absolute_error", "root_mean_squared_error"]
    values = measured(metrics_from(names, task, None), Judged(task, None, targets), outputs)
    expected = [getattr(sklearn, f"{name}{'_score' * (name == 'r2')}") for name in names]
    np.testing.assert_allclose(values, [measure(targets, outputs) for measure in expected])
    for task, y in [
        (Task("classes", 3, "logits"), np.eye(3)[rng.integers(3, size=9)]),
        (Task("two classes", 1, "logits"), rng.integers(2, size=(9, 1)).astype(float)),
    ]:
        outputs = rng.normal(size=(9, task.width))
        metrics = metrics_from(["accuracy", "log_loss", "neg_log_loss"], task, None)
        own, loss, theirs = measured(metrics, Judged(task, None, y), outputs)
        assert own == sklearn.accuracy_score(task.numbers_of_targets(y), task.numbers(outputs))
        assert loss == pytest.approx(-theirs)


@pytest.mark.parametrize("gives", ["margin", "probabilities"])
def test_names_of_scikit_learn(gives, rng):
    sklearn = pytest.importorskip("sklearn.metrics")
    task, classes = Task("two classes", 1, gives), np.array(["no", "yes"])
    outputs = rng.uniform(-1, 1, size=(20, 1)) if gives == "margin" else rng.uniform(size=(20, 1))
    numbers = rng.integers(2, size=(20, 1))
    judged = Judged(task, classes, task.targets(numbers).astype(float))
    values = measured(metrics_from(["roc_auc", "f1_macro"], task, classes), judged, outputs)
    expected = sklearn.roc_auc_score(numbers[:, 0], outputs[:, 0])
    macro = sklearn.f1_score(numbers[:, 0], task.numbers(outputs), average="macro")
    np.testing.assert_allclose(values, [expected, macro])


@pytest.mark.parametrize(
    ("make", "options", "error", "words"),
    [
        (classifier, {"metrics": ["r2"]}, ValueError, r"metrics\[0\] is 'r2', which is of netw"),
        (regression, {"metrics": ["accuracy"]}, ValueError, "'accuracy', which is of networks w"),
        (regression, {"metrics": ["rmse"]}, ValueError, "did you mean 'root_mean_squared_error'"),
        (classifier, {"metrics": ["acuracy"]}, ValueError, "did you mean 'accuracy'"),
        (classifier, {"metrics": "accuracy"}, TypeError, "must be a list of names and functions"),
        (classifier, {"metrics": []}, TypeError, "must be a list of names and functions"),
        (classifier, {"metrics": [3]}, TypeError, "must be a list of names and functions"),
        (classifier, {"metrics": ["accuracy"] * 2}, ValueError, "holds 'accuracy' twice"),
        (classifier, {"metrics": ["f1"]}, ValueError, "'f1' does not fit the network or its data"),
        (classifier, {"metrics": [lambda y, p: "x"]}, TypeError, "returned 'x', wanted a number"),
        (
            classifier, {"metrics": ["accuracy"], "monitor": "acuracy", "patience": 1}, ValueError,
            "monitor is 'acuracy', wanted one of accuracy; did you mean 'accuracy'",
        ),
        (classifier, {"metrics": ["accuracy"], "monitor": "accuracy"}, ValueError, "nothing to de"),
        (classifier, {"metrics": ["accuracy"], "monitor": 3}, TypeError, "the name of a metric"),
        (classifier, {"monitor": "accuracy", "patience": 1}, ValueError, "but metrics is None"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_before_any_work(make, options, error, words, X, labels):
    if "f1" in str(options) or "rmse" in str(options):
        pytest.importorskip("sklearn")
    net = make()
    before = net.parameters.copy()
    y = labels if make is classifier else X[:, 0]
    with pytest.raises(error, match=words):
        net.descent(X, y, **options)
    np.testing.assert_array_equal(net.parameters, before)
    assert net.classes is None


def test_without_scikit_learn_its_names_are_refused(monkeypatch, X, labels):
    imported = builtins.__import__

    def no_sklearn(name, *others, **named):
        if name.partition(".")[0] == "sklearn":
            raise ImportError(name)
        return imported(name, *others, **named)

    for name in [name for name in sys.modules if name.partition(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", no_sklearn)
    with pytest.raises(ValueError, match="a name of scikit-learn's, which is not installed"):
        classifier().descent(X, labels, metrics=["f1_macro"])


def test_several_outputs_have_no_metrics(X):
    x = nnlib.layers.Input(2)
    net = nnlib.Network(inputs=x, outputs=[nnlib.layers.Dense(1)(x), nnlib.layers.Dense(1)(x)])
    with pytest.raises(ValueError, match="metrics are for networks with one output"):
        net.descent(X, [X[:, 0], X[:, 1]], metrics=["r2"])


def test_an_error_of_a_function_leaves_the_last_epoch(X, labels):
    calls = []

    def fails(y, prediction):
        calls.append(len(y))
        if len(calls) == 4:
            raise KeyError("mine")
        return 0.0

    net, other = classifier(), classifier()
    with pytest.raises(KeyError, match="mine"):
        net.descent(X, labels, metrics=[fails], epochs=9)
    other.descent(X, labels, epochs=3)
    np.testing.assert_array_equal(net.parameters, other.parameters)
