"""Populations of graphs: each member has the bits of the network trained alone."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib import layers
from tests.graph_examples import GRAPHS, all_kinds, residual, two_outputs

pytestmark = pytest.mark.cpu("graphs")

RATES = [0.02, 0.05]
OPTIONS = {
    "plain": {},
    "mini-batches": {"batch_size": 7, "optimizer": "adam"},
    "penalties": {"weight_decay": 0.01, "l1": 1e-3, "max_norm": 1.0, "clip_norm": 0.5},
    "patience": {"patience": 3, "tolerance": 1e-3},
}


def assert_same(population, member, net, history):
    np.testing.assert_array_equal(population[member].parameters, net.parameters)
    np.testing.assert_array_equal(
        population.J[member, : population.trace.size][population.trace < history.epochs],
        history.J[population.trace[population.trace < history.epochs]],
    )


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("name", GRAPHS)
def test_a_sweep_from_a_networks_own_parameters(name, options):
    case = GRAPHS[name]()
    options = {"epochs": 8, **options}
    population = nnlib.train_many(case.net, *case.data, grid={"learning_rate": RATES}, **options)
    for member, rate in enumerate(RATES):
        alone = GRAPHS[name]()
        history = alone.net.descent(*case.data, learning_rate=rate, **options)
        assert_same(population, member, alone.net, history)


@pytest.mark.parametrize("name", GRAPHS)
def test_restarts_from_seeds(name):
    case = GRAPHS[name]()
    options = {"epochs": 5, "batch_size": 7}
    population = nnlib.train_many(case.net, *case.data, seeds=[4, 0], **options)
    for member, seed in enumerate([4, 0]):
        alone = nnlib.Network(case.net.architecture, seed=seed)
        history = alone.descent(*case.data, **options)
        assert_same(population, member, alone, history)
    X, _ = case.data
    found, expected = population[1].F(X), alone.F(X)
    for one, other in zip(list(found), list(expected), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["trainable", "rate_factor", "decay_factor"])
def test_layers_train_as_those_of_the_network(name):
    value = False if name == "trainable" else 0.25
    case, alone = residual(), residual()
    for one in (case, alone):
        setattr(one.net.layers[0], name, value)
    options = {"epochs": 5, "weight_decay": 0.1}
    population = nnlib.train_many(case.net, *case.data, grid={"learning_rate": RATES}, **options)
    alone.net.descent(*case.data, learning_rate=RATES[1], **options)
    np.testing.assert_array_equal(population[1].parameters, alone.net.parameters)
    assert getattr(population[1].layers[0], name) == value


@pytest.mark.parametrize("batch_size", [10, None])
def test_dropout_layers(batch_size):
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(30, 3)), rng.normal(size=(30, 1))

    def network(seed):
        x = layers.Input(3)
        h = layers.Dropout(0.4)(layers.Dense(6, "tanh")(x))
        return nnlib.Network(inputs=x, outputs=layers.Dense(1)(h), seed=seed)

    options = {"epochs": 5, "batch_size": batch_size}
    population = nnlib.train_many(network(0), X, y, seeds=[3, 1], **options)
    for member, seed in enumerate([3, 1]):
        alone = network(seed)
        alone.descent(X, y, **options)
        np.testing.assert_array_equal(population[member].parameters, alone.parameters)


CHANGES = {
    "trainable": {"trainable": False}, "rate_factor": {"rate_factor": 0.25},
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_chains_whose_layers_train_in_other_ways_are_not_put_into_lanes(change):
    """All else of the descent is plain, as lanes want it."""
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(30, 3)), rng.normal(size=(30, 2))

    def network():
        first = layers.Dense(4, "tanh", **change)
        return nnlib.Network([layers.Input(3), first, layers.Dense(2)], seed=1)

    grid = {"learning_rate": RATES}
    population = nnlib.train_many(network(), X, y, grid=grid, epochs=5)
    alone = network()
    alone.descent(X, y, learning_rate=RATES[1], epochs=5)
    np.testing.assert_array_equal(population[1].parameters, alone.parameters)


@pytest.mark.parametrize("optimizer", ["lbfgs", "levenberg_marquardt"])
def test_full_batches(optimizer):
    case, alone = residual(), residual()
    options = {"epochs": 6, "optimizer": optimizer}
    population = nnlib.train_many(
        case.net, *case.data, grid={"weight_decay": [0.0, 0.1]}, **options
    )
    alone.net.descent(*case.data, weight_decay=0.1, **options)
    np.testing.assert_array_equal(population[1].parameters, alone.net.parameters)


def test_folds_and_validation():
    case = two_outputs()
    population = nnlib.train_many(case.net, *case.data, folds=3, epochs=5)
    assert population.parameters.shape == (3, case.net.parameters.size)
    assert np.isfinite(population.validation_cost).all()
    held_out = two_outputs(seed=8).data
    population = nnlib.train_many(case.net, *case.data, n=2, epochs=5, validation=held_out)
    for member in range(2):
        assert population.validation_cost[member] == pytest.approx(
            population[member].J(*held_out), rel=1e-12
        )


def test_outputs_of_all_members():
    case = two_outputs()
    X, _ = case.data
    population = nnlib.train_many(case.net, *case.data, n=3, epochs=1)
    found = population.F(X)
    assert [one.shape for one in found] == [(3, case.n, 2), (3, case.n, 3)]
    for one, other in zip(found, population[2].F(X), strict=True):
        np.testing.assert_array_equal(one[2], other)
    single = GRAPHS["two towers"]()
    population = nnlib.train_many(single.net, *single.data, n=3, epochs=1)
    mean, spread = population.predict(single.data[0])
    np.testing.assert_allclose(mean, population.F(single.data[0]).mean(axis=0), rtol=1e-12)
    assert spread.shape == mean.shape


def test_named_outputs_of_all_members():
    x = layers.Input(3)
    net = nnlib.Network(inputs=x, outputs={"value": layers.Dense(1)(x)})
    X = np.ones((5, 3))
    population = nnlib.train_many(net, X, {"value": np.ones(5)}, n=2, epochs=1)
    assert population.F(X)["value"].shape == (2, 5, 1)


def test_a_graph_with_too_few_inputs_is_refused_by_name():
    case = GRAPHS["two towers"]()
    with pytest.raises(ValueError, match="X must be a list of 2 arrays"):
        nnlib.train_many(case.net, case.X[0], case.Y[0], n=2, epochs=1)


def test_the_option_dropout_is_for_chains():
    case = all_kinds()
    with pytest.raises(ValueError, match=r"put layers\.Dropout where values are to be dropped"):
        nnlib.train_many(case.net, *case.data, n=2, epochs=1, dropout=0.5)


@pytest.mark.parametrize("time", [6, None])
def test_predictions_of_sequences_of_different_lengths(rng, time):
    X, lengths = rng.normal(size=(9, 6, 2)), 1 + np.arange(9) % 6
    mask = np.arange(6) < lengths[:, None]
    parts = [layers.Input((time, 2)), layers.LSTM(3), layers.Dense(2)]
    net = nnlib.Network(parts, seed=1)
    population = nnlib.train_many(net, X, X[:, 0], n=3, lengths=lengths, epochs=2)
    each = np.array([member.F(X, lengths=lengths) for member in population])
    for told in ({"lengths": lengths}, {"mask": mask}):
        np.testing.assert_array_equal(population.F(X, **told), each)
        np.testing.assert_allclose(population.predict(X, **told)[0], each.mean(axis=0), rtol=1e-12)
        median = population.quantile(X, 0.5, **told)
        np.testing.assert_array_equal(median, np.quantile(each, 0.5, axis=0))
    with pytest.raises(ValueError, match="lengths and mask are both given"):
        population.F(X, lengths=lengths, mask=mask)
    with pytest.raises(ValueError, match="lengths holds 7"):
        population.predict(X, lengths=lengths + 1)
