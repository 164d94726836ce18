"""However a descent ends, `partial` goes on from there as if it had not ended."""

from __future__ import annotations

import copy
import re

import numpy as np
import pytest

import nnlib
from nnlib import schedules
from nnlib.machine import threads
from tests.devices import amount
from tests.training.checkpointed import BATCH, WEIGHTS, X, Y, network
from tests.training.interruptions import interrupt_after

EPOCHS = amount(8, 4)
# Rounds after which Ctrl-C comes: in the first epoch and in a later one.
ROUNDS = amount([3, 17], [2, 8])


def train(net, **options):
    settings = {"batch_size": BATCH, "learning_rate": 0.05, "epochs": EPOCHS, **options}
    return net.descent(X, Y, **settings)


def stopped_by_the_callback(net, monkeypatch, options):
    """Slices of one round, so that it would be in the midst of an epoch."""
    monkeypatch.setattr("nnlib.training.slices.SLICE_SECONDS", 1e-12)
    return train(net, callback=lambda report: report.epoch == EPOCHS // 2, **options).epochs


def stopped_by_the_time(net, monkeypatch, options):
    monkeypatch.setattr("nnlib.training.slices.SLICE_SECONDS", 1e-12)
    return train(net, max_seconds=1e-9, **options).epochs


def stopped_by_an_error(net, monkeypatch, options):
    def callback(report):
        if report.epoch == EPOCHS // 2:
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        train(net, callback=callback, callback_epochs=1, **options)
    return EPOCHS // 2


def interrupted(rounds):
    def interrupt(net, monkeypatch, options):
        told = [0]

        def callback(report):
            told.append(report.epoch)

        interrupt_after(rounds, monkeypatch)
        with pytest.raises(KeyboardInterrupt):
            train(net, callback=callback, callback_epochs=1, **options)
        return told[-1]

    return interrupt


ENDS = {
    "callback": stopped_by_the_callback,
    "max_seconds": stopped_by_the_time,
    "an error": stopped_by_an_error,
    **{f"Ctrl-C after {rounds} rounds": interrupted(rounds) for rounds in ROUNDS},
}
OPTIONS = {
    "sgd": {},
    "momentum, in order": {"optimizer": "momentum", "shuffle": False},
    "adam, dropout": {"optimizer": "adam", "dropout": 0.25},
    "adam, validation": {"optimizer": "adam", "validation": (X[::3], Y[::3] + 0.1)},
    "rprop": {"optimizer": "rprop", "batch_size": None},
    "adam, clipped, weights": {"optimizer": "adam", "clip_norm": 0.5, "sample_weight": WEIGHTS},
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("case", OPTIONS)
def test_after_any_end(case, end, monkeypatch):
    options, net, twin = OPTIONS[case], network(), network()
    if case == "rprop" and end.startswith("Ctrl-C"):
        options = {**options, "epochs": amount(20, 9)}  # an epoch is one round
    with monkeypatch.context() as patch:
        done = ENDS[end](net, patch, options)
    epochs = options.get("epochs", EPOCHS)
    assert 0 <= done < epochs
    rest = train(net, partial=True, **{**options, "epochs": epochs - done})
    whole = train(twin, **options)
    np.testing.assert_array_equal(rest.J, whole.J[done:])
    if "validation" in options:
        np.testing.assert_array_equal(rest.validation_J, whole.validation_J[done:])
    else:
        np.testing.assert_array_equal(net.parameters, twin.parameters)
    np.testing.assert_array_equal(net._generator, twin._generator)


@pytest.mark.cpu("threads")
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("rounds", [2, 6, 9])
def test_after_ctrl_c_inside_a_batch(rounds, count, monkeypatch):
    """Chunks of two blocks in a full batch, of one in the rest: three rounds an epoch."""
    x = np.random.default_rng(0).normal(size=(2100, 60))
    options = {"batch_size": 2000, "optimizer": "adam", "learning_rate": 0.01}
    net, twin = network([60, 350, 5]), network([60, 350, 5])
    threads.set_threads(count)
    try:
        with monkeypatch.context() as patch:
            interrupt_after(rounds, patch)
            with pytest.raises(KeyboardInterrupt):
                net.descent(x, x[:, :5], epochs=4, **options)
        net.descent(x, x[:, :5], epochs=4 - rounds // 3, partial=True, **options)
    finally:
        threads.set_threads(None)
    twin.descent(x, x[:, :5], epochs=4, **options)
    np.testing.assert_array_equal(net.parameters, twin.parameters)


def test_after_ctrl_c_in_the_epoch_of_a_checkpoint(tmp_path, monkeypatch):
    """The file knows what the optimizer was when the epoch began, in another process."""
    path, net = tmp_path / "descent", network(seed=5)
    options = {"optimizer": "adam", "checkpoint": path}
    for one, rounds in ((network(), 7), (net, 1)):
        with monkeypatch.context() as patch:
            interrupt_after(rounds, patch)
            with pytest.raises(KeyboardInterrupt):
                train(one, resume=True, **options)
    rest = train(net, optimizer="adam", partial=True, epochs=EPOCHS - 1)
    whole = train(network(), optimizer="adam")
    np.testing.assert_array_equal(rest.J, whole.J[1:])


def test_after_validation_it_goes_on_from_the_last_epoch():
    """The network holds the best parameters meanwhile, and what is changed counts."""
    net, changed, fresh = network(), network(), network()
    options = {"optimizer": "adam", "learning_rate": 0.5, "validation": (X[:4], Y[:4])}
    history = train(net, **options)
    assert history.best_epoch < EPOCHS - 1
    assert net.J(X[:4], Y[:4]) == pytest.approx(history.validation_J.min(), rel=1e-12)
    whole = train(network(), **{**options, "epochs": EPOCHS + 2})
    rest = train(net, partial=True, **{**options, "epochs": 2})
    np.testing.assert_array_equal(rest.J, whole.J[EPOCHS:])
    train(changed, **options)
    changed.parameters = fresh.parameters
    first = train(changed, partial=True, batch_size=None, **{**options, "epochs": 1}).J[0]
    assert first == pytest.approx(fresh.J(X, Y), rel=1e-12)


def test_no_epochs_change_nothing():
    """Neither the best parameters nor what the optimizer remembers of the last epoch."""
    net, twin = network(), network()
    options = {"optimizer": "adam", "learning_rate": 0.5, "validation": (X[:4], Y[:4])}
    for one in (net, twin):
        train(one, **options)
    before = net.parameters.copy()
    train(net, partial=True, **{**options, "epochs": 0})
    np.testing.assert_array_equal(net.parameters, before)
    for one in (net, twin):
        train(one, partial=True, **options)
    np.testing.assert_array_equal(net.parameters, twin.parameters)


def unstable():
    return nnlib.Network([1, 1], "identity", initializer="zeros")


RATES = {"constant": 2.0, "plateau": schedules.ReduceOnPlateau(2.0, factor=0.999, patience=3)}


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("batch_size", [None, 3])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adagrad"])
def test_after_a_divergence(optimizer, batch_size, rate, short, monkeypatch):
    """All is that of the epoch whose start the network holds, however long ago a slice began."""
    x = np.arange(1.0, 9.0)
    net, twin = unstable(), unstable()
    options = {"optimizer": optimizer, "learning_rate": RATES[rate], "batch_size": batch_size}
    if optimizer == "adagrad":
        options["learning_rate"] = 1e305  # its steps have the length of the rate
    with monkeypatch.context() as patch:
        if short:
            patch.setattr("nnlib.training.slices.SLICE_SECONDS", 1e-12)
        with pytest.raises(nnlib.DivergenceError) as caught:
            net.descent(x, 3 * x + 1, epochs=amount(5000, 900), **options)
    kept = int(re.search(r"start of epoch (\d+)", str(caught.value))[1])
    history = twin.descent(x, 3 * x + 1, epochs=kept, **options)
    np.testing.assert_array_equal(net.parameters, twin.parameters)
    np.testing.assert_array_equal(net._generator, twin._generator)
    for name in ("first", "second", "steps"):
        found, wanted = (getattr(one._memory, name) for one in (net, twin))
        np.testing.assert_array_equal(found, wanted, name)
    np.testing.assert_array_equal(caught.value.history.learning_rate[:kept], history.learning_rate)
    np.testing.assert_array_equal(caught.value.history.J[:kept], history.J)


def test_a_copy_made_by_a_callback_has_no_half_of_the_memory(dtype):
    """Neither of the descent before nor of the one that runs: it begins with none."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 2)), rng.normal(size=20)
    net = nnlib.Network([2, 4, 1], "tanh", dtype=dtype)
    net.descent(X, y, optimizer="adam", epochs=3)
    copies = []
    options = {"optimizer": "adam", "epochs": 3, "partial": True}
    net.descent(
        X, y, callback=lambda _: copies.append(copy.deepcopy(net)), callback_epochs=3, **options
    )
    fresh = nnlib.Network([2, 4, 1], "tanh", dtype=dtype)
    fresh.parameters = net.parameters
    for each in (copies[0], fresh):
        each.descent(X, y, **options)
    np.testing.assert_array_equal(copies[0].parameters, fresh.parameters)
