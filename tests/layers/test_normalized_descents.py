"""Layer and batch normalisation in every way to train, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.checks import memory
from nnlib.training.buffers import layout
from nnlib.training.options import Options
from tests.layers.normalizing import NORMALIZATIONS, N, chain, data, fork, set_at_random
from tests.machine.teams import force, short_slices
from tests.training.checkpointed import interrupted_after

pytestmark = pytest.mark.cpu("graphs")


@pytest.fixture(params=NORMALIZATIONS)
def kind(request):
    return request.param


def test_a_large_batch_is_several_blocks():
    """What the tests of this file take for granted."""
    net, X = fork("batch"), np.zeros((300, 8))
    table = net.architecture.training_table
    examples = type("Examples", (), {"X": X})
    assert layout(Options(epochs=1), examples, net.parameters, table).chunks > 1


OPTIONS = {
    "plain": {},
    "mini-batches": {"batch_size": 900, "optimizer": "adam"},
    "extras": {
        "optimizer": "momentum", "weight_decay": 1e-3, "l1": 1e-4, "clip_norm": 0.1,
        "clip_value": 0.05, "max_norm": 1.0, "validation": 0.25, "patience": 50,
        "batch_size": 600,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
def test_same_bits_for_any_number_of_threads(name, dtype, monkeypatch):
    X, y = data(4000)
    found = []
    for members in (1, 2, 5):
        force(monkeypatch, members)
        net = chain("batch", dtype)
        history = net.descent(X, y, epochs=3, learning_rate=0.01, **OPTIONS[name])
        found.append((net.parameters, history.J))
    for parameters, costs in found[1:]:
        np.testing.assert_array_equal(parameters, found[0][0])
        np.testing.assert_array_equal(costs, found[0][1])


def test_the_averages_are_no_weights(kind):
    """No penalty, no clipping and no optimizer touches them."""
    X, y = data()
    plain, other = chain(kind), chain(kind)
    plain.descent(X, y, epochs=1, learning_rate=1e-12)
    other.descent(
        X, y, epochs=1, optimizer="adamw", learning_rate=1e-12, l1=1.0, max_norm=1e-3,
        clip_value=1e-9,
    )  # fmt: skip
    for one, two in zip(plain.layers, other.layers, strict=True):
        for name in one.weights:
            if name.startswith("moving"):
                np.testing.assert_allclose(two.weights[name], one.weights[name], rtol=1e-9)
                assert np.all(two.weights[name] != {"moving_mean": 0, "moving_variance": 1}[name])


def test_a_frozen_layer_takes_its_averages():
    """Then a descent is that of J, whose gradient derJ gives."""
    X, y = data()
    net = chain("batch", trainable=False)
    set_at_random(net)
    before, gradient = net.parameters.copy(), net.derJ(X, y, flat=True)
    cost = net.J(X, y)
    history = net.descent(X, y, epochs=1, learning_rate=0.5)
    assert history.J[0] == pytest.approx(cost, rel=1e-12)
    for own, start, slope in zip(
        net.layers, net.architecture.arrays(before), net.architecture.arrays(gradient), strict=True
    ):
        for name, array in own.weights.items():
            moved = 0.5 if own.trainable else 0.0
            np.testing.assert_allclose(array, start[name] - moved * slope[name], rtol=1e-9)


def test_an_example_of_weight_0_is_not_there(kind):
    X, y = data()
    weight = np.arange(N) % 3 + 0.5
    weight[::4] = 0
    kept = weight > 0
    one, other = chain(kind), chain(kind)
    first = one.descent(X, y, epochs=4, learning_rate=0.1, sample_weight=weight)
    second = other.descent(
        X[kept], y[kept], epochs=4, learning_rate=0.1, sample_weight=weight[kept]
    )
    np.testing.assert_allclose(first.J, second.J, rtol=1e-9)
    np.testing.assert_allclose(one.parameters, other.parameters, rtol=1e-9, atol=1e-12)


def test_one_example_that_counts_becomes_beta():
    """Its σ² is 0, in Keras too; a batch that has no other example is refused instead."""
    net = nnlib.Network([layers.Input(6), layers.BatchNormalization(momentum=0.5)])
    X = data()[0]
    beta = np.arange(6.0)
    net.layers[0].weights["beta"][...] = beta
    weight = np.zeros(N)
    weight[3] = 2.0
    history = net.descent(X, np.zeros((N, 6)), epochs=1, learning_rate=0.1, sample_weight=weight)
    own = net.layers[0].weights
    np.testing.assert_allclose(history.J, np.sum(beta**2) / 2)
    np.testing.assert_allclose(own["moving_mean"], 0.5 * X[3])
    np.testing.assert_allclose(own["moving_variance"], 0.5)
    np.testing.assert_array_equal(own["gamma"], 1.0)


def test_validation_takes_the_averages():
    X, y = data(60)
    net = chain("batch")
    costs = []
    history = net.descent(
        X[:40], y[:40], epochs=5, learning_rate=0.1, validation=(X[40:], y[40:]), batch_size=20,
        callback=lambda report: costs.append(net.J(X[40:], y[40:])), callback_epochs=1,
    )  # fmt: skip
    np.testing.assert_allclose(history.validation_J, costs, rtol=1e-12)


def test_a_population_trains_members_as_if_alone(kind):
    X, y = data(50)
    options = {"epochs": 5, "batch_size": 20, "optimizer": "adam"}
    population = nnlib.train_many(chain(kind), X, y, grid={"learning_rate": [0.01, 0.1]}, **options)
    for member, rate in enumerate([0.01, 0.1]):
        alone = chain(kind)
        alone.descent(X, y, learning_rate=rate, **options)
        np.testing.assert_array_equal(population[member].parameters, alone.parameters)


def test_folds_do_not_look_at_what_is_held_out(kind):
    """A member of a fold has the parameters of a network that the others alone have trained."""
    X, y = data(40)
    options = {"epochs": 4, "learning_rate": 0.1}
    population = nnlib.train_many(chain(kind), X, y, n=1, folds=2, seed=3, **options)
    for fold, member in enumerate(population):
        net, kept = chain(kind), population.folds != fold
        net.parameters = nnlib.train_many(chain(kind), X, y, n=1, epochs=0)[0].parameters
        net.descent(X[kept], y[kept], **options)
        np.testing.assert_allclose(member.parameters, net.parameters, rtol=1e-8, atol=1e-11)


def test_files(kind, tmp_path):
    net, (X, y) = chain(kind, epsilon=0.25, center=False), data()
    net.descent(X, y, epochs=2)
    net.save(tmp_path / "net")
    loaded = nnlib.load(tmp_path / "net")
    np.testing.assert_array_equal(loaded.F(X), net.F(X))
    assert loaded.layers[1].config() == net.layers[1].config()
    first, second = net.descent(X, y, epochs=2), loaded.descent(X, y, epochs=2)
    np.testing.assert_array_equal(first.J, second.J)


@pytest.mark.parametrize("slices", [1, 7, 13])
def test_a_descent_goes_on_from_a_checkpoint(slices, kind, tmp_path, monkeypatch):
    options = {"optimizer": "adam", "batch_size": 10, "epochs": 4, "checkpoint": tmp_path / "half"}
    X, y = data()
    net = chain(kind)
    net.descent(X, y, **options)
    with interrupted_after(slices, monkeypatch):
        chain(kind).descent(X, y, **options)
    other = chain(kind)
    other.descent(X, y, resume=True, **options)
    np.testing.assert_array_equal(other.parameters, net.parameters)


def test_a_batch_is_not_left_between_two_stages(monkeypatch):
    X, y = data()
    net, other = chain("batch"), chain("batch")
    net.descent(X, y, batch_size=10, epochs=3)
    short_slices(monkeypatch)
    other.descent(X, y, batch_size=10, epochs=3)
    np.testing.assert_array_equal(other.parameters, net.parameters)


def test_a_diverging_descent_leaves_the_averages_of_the_last_good_epoch():
    X, y = data()
    net = chain("batch")
    with pytest.raises(nnlib.DivergenceError) as error:
        net.descent(X, y, learning_rate=1e20, epochs=9)
    twin = chain("batch")
    twin.descent(X, y, learning_rate=1e20, epochs=error.value.epoch - 1)
    assert error.value.epoch > 1
    np.testing.assert_array_equal(net.parameters, twin.parameters)


@pytest.mark.parametrize("optimizer", ["lbfgs", "levenberg_marquardt"])
def test_methods_of_full_batches_refuse_batch_normalization(optimizer):
    X, y = data()
    net = chain("batch")
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=f"optimizer='{optimizer}': batch normalisation changes"):
        net.descent(X, y, optimizer=optimizer, epochs=1)
    np.testing.assert_array_equal(net.parameters, before)


def test_a_pass_that_is_written_out_refuses_them(kind):
    X, y = data()
    with pytest.raises(ValueError, match=f"has a layer of kind '{kind}_normalization'"):
        chain(kind).descent(X, y, compile=True, epochs=1)


@pytest.mark.parametrize(
    ("n", "batch_size", "found"),
    [
        (1, None, "batch_size is None: every batch is one example"),
        (9, 1, "batch_size is 1: every batch is one example"),
        (9, 4, "batch_size is 4: of 9 examples the last batch has one"),
    ],
)
def test_batches_of_one_example(n, batch_size, found):
    X, y = data(n)
    wanted = f"^{found}, over which the layer 'batch_normalization' cannot normalise; wanted at"
    with pytest.raises(ValueError, match=wanted):
        chain("batch").descent(X, y, batch_size=batch_size, epochs=1)
    with pytest.raises(ValueError, match=wanted):
        nnlib.train_many(chain("batch"), X, y, n=2, batch_size=batch_size, epochs=1)
    chain("layer").descent(X, y, batch_size=batch_size, epochs=1)
    chain("batch", trainable=False).descent(X, y, batch_size=batch_size, epochs=1)


def test_a_batch_of_one_example_of_several_places():
    net = fork("batch")
    net.descent(np.zeros((1, 4, 2)), np.zeros((1, 2)), epochs=1)


def test_a_sequence_of_any_length_may_have_one_step():
    net = nnlib.Network([layers.Input((None, 2)), layers.BatchNormalization(), layers.GRU(2)])
    net.descent(np.zeros((1, 2, 2)), np.zeros((1, 2)), epochs=1)
    with pytest.raises(ValueError, match="batch_size is None: every batch is one example, over"):
        net.descent(np.zeros((1, 1, 2)), np.zeros((1, 2)), epochs=1)


@pytest.mark.parametrize("make", NORMALIZATIONS.values())
def test_bad_arguments(make):
    for given in ({"epsilon": 0.0}, {"epsilon": float("nan")}, {"center": 1}, {"scale": "no"}):
        with pytest.raises((TypeError, ValueError), match=next(iter(given))):
            make(**given)
    with pytest.raises(TypeError, match=r"epsilom.*epsilon"):
        make(epsilom=1.0)


def test_bad_momentum():
    for momentum in (1.0, -0.1, 2.0):
        with pytest.raises(ValueError, match="momentum is"):
            layers.BatchNormalization(momentum)


def test_a_last_axis_of_one_value():
    with pytest.raises(ValueError, match=r"value of shape \(3, 1\), wanted a last axis of at"):
        layers.LayerNormalization()(layers.Input((3, 1)))


def test_summary_and_text(kind):
    net = chain(kind)
    name = {"layer": "LayerNormalization", "batch": "BatchNormalization"}[kind]
    assert name in str(net.summary())
    assert repr(NORMALIZATIONS[kind]()).startswith(f"{name}(")


def test_a_batch_that_does_not_fit(monkeypatch):
    """A batch is kept as a whole; only its normalisation needs that."""
    X, y = data(3000)
    monkeypatch.setattr(memory.os, "sysconf", lambda name: 1000)
    with pytest.raises(ValueError, match="batch_size is 3000: the values of a batch, for its"):
        chain("batch").descent(X, y, epochs=1)
    chain("batch").descent(X, y, epochs=1, batch_size=10)


def test_batches_of_which_no_example_counts_leave_the_averages():
    X, y = data(300)
    some, all_of_them = chain("batch"), chain("batch")
    weights = np.repeat([1.0, 0.0], [200, 100])
    options = {"epochs": 1, "learning_rate": 1e-9, "shuffle": False, "batch_size": 100}
    some.descent(X, y, sample_weight=weights, **options)
    all_of_them.descent(X[:200], y[:200], **options)
    own, expected = (
        [one.layer_arrays(k) for k in range(len(one.layers))] for one in (some, all_of_them)
    )
    for found, wanted in zip(own, expected, strict=True):
        for name in {"moving_mean", "moving_variance"} & wanted.keys():
            np.testing.assert_allclose(found[name], wanted[name], rtol=1e-6)
