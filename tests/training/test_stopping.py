"""Schedules inside the descent, stopping, validation, callbacks, going on."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import nnlib
from nnlib import schedules
from tests.devices import amount

# Examples.
N = amount(80, 16)


@pytest.fixture
def data(rng):
    X = rng.uniform(-1, 1, size=(N, 1))
    return X, np.sin(3 * X) + 0.1 * rng.normal(size=(N, 1))


def network(seed=0):
    return nnlib.Network([1, amount(8, 3), 1], ["tanh", "identity"], seed=seed)


def test_schedule_sets_every_epochs_rate(data):
    net, twin = network(), network()
    schedule = schedules.Step(0.2, every=2, factor=0.5)
    history = net.descent(*data, learning_rate=schedule, epochs=5)
    np.testing.assert_array_equal(history.learning_rate, schedule.rates(5))
    for rate in schedule.rates(5):
        twin.descent(*data, learning_rate=float(rate), epochs=1)
    np.testing.assert_array_equal(net.parameters, twin.parameters)


def test_reduce_on_plateau_follows_its_rule(data):
    net = network()
    start = amount(0.9, 2.0)
    schedule = schedules.ReduceOnPlateau(start, factor=0.5, patience=2)
    history = net.descent(*data, learning_rate=schedule, epochs=amount(400, 12))
    best, bad, rate, expected = np.inf, 0, start, []
    for cost in history.J:
        expected.append(rate)
        if cost < best * (1 - 1e-4):
            best, bad = cost, 0
        else:
            bad += 1
            if bad > 2:
                rate, bad = rate * 0.5, 0
    assert rate < start, "never on a plateau tests nothing"
    np.testing.assert_array_equal(history.learning_rate, expected)


def test_patience_stops_after_epochs_without_progress(data):
    tolerance = amount(1e-5, 1e-2)
    history = network().descent(*data, epochs=100_000, patience=5, tolerance=tolerance)
    assert history.stopped == "patience"
    assert history.epochs < 100_000
    best, wait = np.inf, 0
    for epoch, cost in enumerate(history.J):
        best, wait = (cost, 0) if cost < best - tolerance else (best, wait + 1)
        assert (wait >= 5) == (epoch == history.epochs - 1)


def test_target_cost_stops(data):
    target = amount(0.02, 0.3)
    history = network().descent(*data, epochs=100_000, target_cost=target)
    assert history.stopped == "target_cost"
    assert history.J[-1] <= target < history.J[-2]


def test_validation_keeps_the_best_parameters(data, rng):
    X_apart = rng.uniform(-1, 1, size=(amount(30, 6), 1))
    y_apart = np.sin(3 * X_apart) + 0.5 * rng.normal(size=X_apart.shape)
    net, patience = network(), amount(100, 2)
    history = net.descent(
        *data, optimizer="adam", learning_rate=0.05, epochs=3000, batch_size=amount(20, 8),
        validation=(X_apart, y_apart), patience=patience,
    )  # fmt: skip
    assert history.stopped == "patience"
    assert history.best_epoch == np.argmin(history.validation_J)
    assert history.epochs == history.best_epoch + patience + 1
    np.testing.assert_allclose(net.J(X_apart, y_apart), history.validation_J.min(), rtol=1e-12)


def test_the_best_parameters_are_kept_whatever_patience_tolerates(data):
    """Patience ignores lower costs within the tolerance; the network ends with the lowest."""
    apart = data[0][:6], data[1][:6]
    options = {"learning_rate": 0.3, "validation": apart, "patience": 4, "tolerance": 0.05}
    net = network()
    history = net.descent(*data, epochs=200, **options)
    assert history.stopped == "patience"
    best, last = np.inf, -1
    for epoch, cost in enumerate(history.validation_J):
        best, last = (cost, epoch) if cost < best - 0.05 else (best, last)
    assert history.epochs == last + 4 + 1
    assert history.best_epoch != last, "without lower costs within the tolerance nothing is tested"
    np.testing.assert_allclose(net.J(*apart), history.validation_J.min(), rtol=1e-12)
    population = nnlib.train_many(
        [1, amount(8, 3), 1], *data, n=2, epochs=200, **options, activation=["tanh", "identity"]
    )
    for k, member in enumerate(population):
        np.testing.assert_allclose(member.J(*apart), population.validation_cost[k], rtol=1e-12)


def test_validation_fraction_splits_at_random_and_by_the_seed(data):
    one = network().descent(*data, epochs=5, validation=0.25, seed=1)
    same = network().descent(*data, epochs=5, validation=0.25, seed=1)
    other = network().descent(*data, epochs=5, validation=0.25, seed=2)
    np.testing.assert_array_equal(one.validation_J, same.validation_J)
    assert (one.validation_J != other.validation_J).any()


def test_validation_examples_train_nothing(data):
    X, y = data
    net, twin = network(), network()
    net.descent(X, y, epochs=amount(10, 3), validation=(X[:1], y[:1] + 100))
    best = twin.descent(X, y, epochs=amount(10, 3), validation=(X[:1], y[:1] - 100)).best_epoch
    assert best is not None
    history = net.descent(X, y, epochs=1)
    assert np.isfinite(history.J).all()


def test_callback_sees_epochs_and_stops(data):
    reports = []

    def callback(report):
        reports.append(report)
        return report.epoch == 3 * every

    net, twin, every = network(), network(), amount(10, 2)
    history = net.descent(*data, epochs=1000, callback=callback, callback_epochs=every)
    assert [report.epoch for report in reports] == [every, 2 * every, 3 * every]
    assert history.stopped == "callback"
    assert history.epochs == 3 * every
    np.testing.assert_array_equal([r.J for r in reports], history.J[every - 1 :: every])
    assert reports[0].learning_rate == 0.1
    assert reports[0].validation_J is None
    assert 0 < reports[0].seconds < reports[2].seconds
    twin.descent(*data, epochs=3 * every)
    np.testing.assert_array_equal(net.parameters, twin.parameters)


def test_callback_without_a_number_is_called_now_and_then(data):
    reports, epochs_wanted = [], amount(200_000, 20)
    network().descent(*data, epochs=epochs_wanted, callback=reports.append)
    epochs = [report.epoch for report in reports]
    assert len(epochs) >= 2
    assert epochs == sorted(set(epochs))
    assert epochs[-1] == epochs_wanted


def test_an_error_in_the_callback_reaches_the_caller(data):
    net, twin = network(), network()

    def callback(report):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        net.descent(*data, epochs=100, callback=callback, callback_epochs=amount(7, 3))
    twin.descent(*data, epochs=amount(7, 3))
    np.testing.assert_array_equal(net.parameters, twin.parameters)


def test_time_limit_stops(data):
    history = network().descent(*data, epochs=amount(50_000_000, 10_000), max_seconds=0.2)
    assert history.stopped == "max_seconds"
    assert 0.2 <= history.seconds < 5


@pytest.mark.parametrize(
    ("optimizer", "batch_size"),
    [("rprop", None), *itertools.product(["sgd", "momentum", "adam"], [None, N // 5])],
)
def test_going_on_is_one_descent(data, optimizer, batch_size):
    net, twin, epochs = network(), network(), amount(10, 2)
    options = {"optimizer": optimizer, "learning_rate": 0.01, "batch_size": batch_size}
    net.descent(*data, epochs=3 * epochs, **options)
    for _ in range(3):
        twin.descent(*data, epochs=epochs, partial=True, **options)
    np.testing.assert_array_equal(net.parameters, twin.parameters)


def test_history_draws_itself(data):
    pytest.importorskip("matplotlib").use("agg")
    history = network().descent(*data, epochs=amount(20, 3), validation=0.2)
    axes = history.plot()
    assert [line.get_label() for line in axes.lines] == ["J", "validation J", "best epoch"]
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), history.J)
    assert axes.get_yscale() == "log"


def test_no_epoch_is_best_if_no_validation_cost_is_finite():
    """The network keeps the parameters that it began with, as no others were better."""
    net = nnlib.Network([1, 1], "identity")
    before = net.parameters.copy()
    far = np.array([1e200])
    with np.errstate(over="ignore"):
        history = net.descent([0.0, 1.0], [0.0, 1.0], epochs=2, validation=(far, -far))
    assert np.isinf(history.validation_J).all()
    assert history.best_epoch is None
    np.testing.assert_array_equal(net.parameters, before)
    assert "best" not in repr(history)
