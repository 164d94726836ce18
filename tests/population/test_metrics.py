"""Metrics of populations: their values, the order by one of them, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from tests.devices import amount
from tests.population.cases import N, data

SIZES, EPOCHS = [3, 4, 2], amount(20, 3)
METRICS = ["r2", "mean_absolute_error"]


def train(**options):
    X, y = data()
    settings = {"epochs": EPOCHS, "learning_rate": 0.3, "metrics": METRICS, **options}
    return nnlib.train_many(SIZES, X, y, **settings)


def halves():
    return np.arange(N) % 2


@pytest.mark.parametrize(
    "options",
    [{}, {"batch_size": 7, "optimizer": "adam"}, {"validation": (data()[0][:5], data()[1][:5])}],
    ids=["lanes", "one by one", "validation"],
)
def test_values_are_those_of_the_members(options):
    X, y = data()
    population = train(n=3, **options)
    validation = options.get("validation")
    for member, network in enumerate(population):
        assert population.metrics["r2"][member] == pytest.approx(network.score(X, y), rel=1e-12)
        error = abs(network.F(X) - y).mean()
        assert population.metrics["mean_absolute_error"][member] == pytest.approx(error, rel=1e-12)
        if validation:
            held_out = population.validation_metrics["r2"][member]
            assert held_out == pytest.approx(network.score(*validation), rel=1e-12)
    assert (population.validation_metrics is None) == (validation is None)


def test_with_folds_each_member_is_measured_on_both_sides():
    X, y = data()
    population = train(n=2, folds=halves())
    for member, network in enumerate(population):
        own = halves() != population.fold[member]
        assert population.metrics["r2"][member] == pytest.approx(network.score(X[own], y[own]))
        held_out = population.validation_metrics["r2"][member]
        assert held_out == pytest.approx(network.score(X[~own], y[~own]))


def test_examples_of_weight_0_are_left_out():
    X, y = data()
    weights = np.ones((2, N))
    weights[0, : N // 2] = 0
    of_each = train(grid={"learning_rate": [0.1, 0.2]}, sample_weight=weights)
    half = of_each[0].score(X[N // 2 :], y[N // 2 :])
    assert of_each.metrics["r2"] == pytest.approx([half, of_each[1].score(X, y)])
    shared = train(n=1, sample_weight=weights[0])
    assert shared.metrics["r2"][0] == pytest.approx(shared[0].score(X[N // 2 :], y[N // 2 :]))
    history = nnlib.Network(SIZES).descent(
        X, y, metrics=METRICS, epochs=EPOCHS, learning_rate=0.3, sample_weight=weights[0]
    )
    assert history.metrics["r2"][-1] == pytest.approx(shared.metrics["r2"][0])


@pytest.mark.parametrize(("rank_by", "sign"), [("r2", -1), ("mean_absolute_error", 1)])
def test_members_are_compared_by_the_metric(rank_by, sign):
    population = train(n=8, rank_by=rank_by, validation=0.3)
    values = population.validation_metrics[rank_by]
    assert len(set(values.tolist())) == 8
    assert population.order.tolist() == np.argsort(sign * values).tolist()
    assert population.top(2).validation_metrics[rank_by].tolist() == (
        values[np.argsort(sign * values)[:2]].tolist()
    )
    assert population.by_choice()[0]["lowest"] == min(sign * values)
    assert f"{rank_by} {values[population.order[0]]:.6g} at best" in repr(population)
    without = train(n=8, validation=0.3)
    np.testing.assert_array_equal(without.parameters, population.parameters)
    assert without.order.tolist() == np.argsort(without.validation_cost).tolist()


@pytest.mark.cpu("kernels")
def test_members_that_diverge_have_no_value_and_come_last():
    population = train(grid={"learning_rate": [0.1, 1e200]}, n=2, rank_by="r2", activation="relu")
    assert population.diverged.tolist() == [False, False, True, True]
    assert np.isnan(population.metrics["r2"]).tolist() == population.diverged.tolist()
    assert set(population.order[:2].tolist()) == {0, 1}


def test_a_row_for_each_member():
    pytest.importorskip("pandas")
    population = train(n=2, folds=2)
    frame = population.to_frame()
    np.testing.assert_array_equal(frame["r2"], population.metrics["r2"])
    np.testing.assert_array_equal(frame["validation_r2"], population.validation_metrics["r2"])


def test_labels_and_full_batches():
    X, _ = data()
    y = np.where(X[:, 0] > 0, "high", "low")
    population = nnlib.train_many(
        [3, 1], X, y, n=2, activation="sigmoid", loss="binary_cross_entropy", epochs=EPOCHS,
        optimizer="lbfgs" if amount(1, 0) else "adam", metrics=["accuracy", "log_loss"],
        rank_by="log_loss",
    )  # fmt: skip
    for member, network in enumerate(population):
        assert population.metrics["accuracy"][member] == network.score(X, y)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"metrics": ["accuracy"]}, ValueError, "'accuracy', which is of networks whose loss"),
        ({"metrics": ["rsquared"]}, ValueError, r"metrics\[0\] is 'rsquared'.*did you mean 'r2'"),
        ({"metrics": "r2"}, TypeError, "metrics must be a list of names"),
        ({"rank_by": "r"}, ValueError, "rank_by is 'r', wanted one of r2, mean_absolute_error"),
        ({"rank_by": "r2", "metrics": None}, ValueError, "rank_by is 'r2' but metrics is None"),
        ({"rank_by": 3}, TypeError, "rank_by must be one of r2, mean_absolute_error; got 3"),
        ({"rank_by": "r2", "halving": 2}, ValueError, "rank_by and halving contradict"),
        ({"monitor": "r2"}, ValueError, "rank_by compares them by a metric"),
    ],
)
def test_what_does_not_fit_is_refused(options, error, words, monkeypatch):
    monkeypatch.setattr("nnlib.population.plan.Work", None)  # before any work
    with pytest.raises(error, match=words):
        train(n=4, **options)


def test_a_figure_shows_costs_whatever_members_are_compared_by():
    pytest.importorskip("matplotlib").use("Agg")
    figure = train(n=4, rank_by="r2", validation=0.3).plot()
    assert figure.axes[1].get_xlabel() == "validation J"
