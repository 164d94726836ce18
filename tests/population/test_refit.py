"""What a population predicts of what its members have not seen, and a network more like them."""

from __future__ import annotations

import json

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.files.arrays import read_arrays, write_arrays
from tests.devices import amount
from tests.population.cases import EXACT, cut_as_members, data  # noqa: F401

EPOCHS = amount(20, 2)


def labelled(X):
    return np.where(X[:, 0] > 0, "high", "low")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"validation": 0.25},
        {"validation": "last 25%", "patience": 3},
        {"batch_size": 5},
        {"sample_weight": np.arange(1.0, amount(40, 12) + 1)},
        {"reduction": "sum", "weight_decay": 0.1},
        {"dropout": 0.3},
    ],
    ids=lambda options: ", ".join(options) or "plain",
)
def test_refit_is_the_member_that_had_all_of_the_data(options, tmp_path):
    X, y = data(d_out=1)
    grid = {"learning_rate": [0.01, 0.05]}
    options = {**EXACT, "epochs": EPOCHS, **options}
    options.pop("learning_rate")
    population = nnlib.train_many([3, 4, 1], X, y, n=2, grid=grid, **options)
    for member in range(len(population)):
        choice, seed = int(population.choice[member]), int(population.seed[member])
        network = population.refit(choice, seed)
        np.testing.assert_array_equal(network.parameters, population[member].parameters)
        assert network.seed == seed
    best = population.refit()
    np.testing.assert_array_equal(best.parameters, population.best.parameters)
    population.save(tmp_path / "population")
    again = nnlib.Population.load(tmp_path / "population")
    np.testing.assert_array_equal(again.refit().parameters, best.parameters)


def test_refit_after_folds_uses_all_of_the_data():
    X, y = data(d_out=1)
    settings = {**EXACT, "epochs": EPOCHS}
    folded = nnlib.train_many([3, 4, 1], X, y, n=2, folds=3, **settings)
    whole = nnlib.train_many([3, 4, 1], X, y, n=2, **settings)
    for seed in range(2):
        np.testing.assert_array_equal(folded.refit(seed=seed).parameters, whole[seed].parameters)


@pytest.mark.cpu("graphs")
def test_refit_of_a_network_with_frozen_layers_and_labels(tmp_path):
    X, _ = data()
    y = labelled(X)
    net = nnlib.Network(
        [layers.Input(3), layers.Dense(4, "tanh", trainable=False), layers.Dense(2, "softmax")],
        loss="softmax_cross_entropy", seed=4,
    )  # fmt: skip
    population = nnlib.train_many(
        net, X, y, grid={"learning_rate": [0.1, 0.2]}, epochs=EPOCHS, class_weight="balanced",
        optimizer="momentum",
    )  # fmt: skip
    for choice in range(2):
        network = population.refit(choice)
        np.testing.assert_array_equal(network.parameters, population[choice].parameters)
        np.testing.assert_array_equal(network.weights[0], net.weights[0])
        assert network.classes.tolist() == ["high", "low"]
    population.save(tmp_path / "population")
    again = nnlib.Population.load(tmp_path / "population").refit(1)
    np.testing.assert_array_equal(again.parameters, population[1].parameters)
    assert again.classes.tolist() == ["high", "low"]


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": nnlib.optimizers.Adam(beta1=0.8), "batch_size": 5, "initializer": "zeros"},
        {"optimizer": "adam", "learning_rate": nnlib.schedules.WarmUp(2, 0.1)},
        {
            "optimizer": "momentum", "target_cost": 1e-3, "clip_norm": 0.5,
            "learning_rate": nnlib.schedules.WarmUp(1, nnlib.schedules.Cosine(0.1)),
        },
    ],
    ids=["adam", "warm-up", "nested"],
)  # fmt: skip
def test_refit_of_a_population_from_a_file(options, tmp_path):
    X, y = data(d_out=1)
    population = nnlib.train_many([3, 4, 1], X, y, n=2, folds=3, epochs=EPOCHS, **options)
    population.save(tmp_path / "population")
    again = nnlib.Population.load(tmp_path / "population")
    np.testing.assert_array_equal(again.refit().parameters, population.refit().parameters)
    np.testing.assert_array_equal(again.oof_predict(), population.oof_predict())
    again.save(tmp_path / "again")
    third = nnlib.Population.load(tmp_path / "again")
    np.testing.assert_array_equal(third.refit().parameters, population.refit().parameters)


class Halving(nnlib.schedules.Schedule):
    def rates(self, epochs):
        return 0.5 ** np.arange(epochs)


@pytest.mark.parametrize(
    "options",
    [
        {"learning_rate": Halving()},
        {"initializer": [(np.zeros((1, 3)), np.zeros(1))], "grid": {"l1": [0.1]}, "n": None},
    ],
    ids=["a schedule of one's own", "arrays"],
)
def test_what_a_file_cannot_hold_is_told_by_refit(options, tmp_path):
    X, y = data(d_out=1)
    population = nnlib.train_many([3, 1], X, y, **{"n": 2, "epochs": EPOCHS, **options})
    population.refit()
    population.save(tmp_path / "population")
    again = nnlib.Population.load(tmp_path / "population")
    with pytest.raises(ValueError, match="refit: the file of this population does not hold how"):
        again.refit()


@pytest.mark.parametrize(
    "change",
    [
        {"options": []},
        {"options": [{"epochs": -1}]},
        {"options": [{"callback": 1}]},
        {"options": [{"optimizer": {"kind": "Network", "settings": {}}}]},
        {"options": [{"optimizer": {"kind": "Adam", "settings": {"beta1": 2}}}]},
        {"options": [{"optimizer": {"kind": "Adam", "settings": {"rho": 2}}}]},
        {"initializers": [3]},
        {"own_weights": "no"},
        {"more": 1},
    ],
    ids=str,
)
def test_a_recipe_that_no_population_writes_is_refused(change, tmp_path):
    X, y = data(d_out=1)
    nnlib.train_many([3, 1], X, y, n=2, epochs=1).save(tmp_path / "population")
    arrays, metadata = read_arrays(tmp_path / "population")
    told = json.loads(metadata["population"])
    told["recipe"].update(change)
    metadata["population"] = json.dumps(told)
    write_arrays(tmp_path / "population", arrays, metadata)
    with pytest.raises(nnlib.FormatError):
        nnlib.Population.load(tmp_path / "population")


def test_refit_does_not_call_back():
    X, y = data(d_out=1)
    told = []
    population = nnlib.train_many(
        [3, 1], X, y, n=2, epochs=EPOCHS, callback=told.append, max_seconds=1000
    )
    before = len(told)
    population.refit()
    assert len(told) == before


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"choice": 1}, ValueError, "choice is 1, wanted a whole number of at least 0 and at mo"),
        ({"choice": "best"}, TypeError, "choice must be a whole number"),
        ({"seed": -1}, ValueError, "seed is -1"),
    ],
)
def test_refit_of_what_there_is_not(arguments, error, words):
    X, y = data(d_out=1)
    population = nnlib.train_many([3, 1], X, y, n=2, epochs=1)
    with pytest.raises(error, match=words):
        population.refit(**arguments)


def test_refit_where_members_have_weights_of_their_own():
    X, y = data(d_out=1)
    population = nnlib.train_many([3, 1], X, y, n=2, epochs=1, sample_weight=np.ones((2, len(X))))
    with pytest.raises(ValueError, match="refit: the members have weights of the examples of the"):
        population.refit()


def test_out_of_fold_predictions_are_of_members_that_did_not_see_the_example():
    X, y = data(d_out=1)
    grid = {"learning_rate": [0.01, 0.05]}
    population = nnlib.train_many(
        [3, 4, 1], X, y, n=2, folds=3, grid=grid, optimizer="momentum", epochs=EPOCHS
    )
    for choice in range(2):
        expected = np.zeros(len(X))
        for example, fold in enumerate(population.folds):
            own = [
                population[member]
                for member in range(len(population))
                if population.fold[member] == fold and population.choice[member] == choice
            ]
            assert len(own) == 2
            expected[example] = np.mean([net.predict(X[example]) for net in own])
        np.testing.assert_allclose(population.oof_predict(choice), expected, rtol=1e-12)
    best = int(population.choice[population.order[0]])
    np.testing.assert_array_equal(population.oof_predict(), population.oof_predict(best))
    assert population.oof_predict(outputs=True).shape == (len(X), 1)


def test_out_of_fold_predictions_are_labels_of_classes():
    X, _ = data()
    y, folds = labelled(X), np.arange(len(X)) % 3
    net = nnlib.Network([3, 2], "softmax", "softmax_cross_entropy")
    population = nnlib.train_many(net, X, y, n=2, folds=folds, epochs=EPOCHS)
    np.testing.assert_array_equal(population.folds, folds)
    predicted, p = population.oof_predict(), population.oof_predict(outputs=True)
    np.testing.assert_array_equal(predicted, np.array(["high", "low"])[p.argmax(axis=1)])
    np.testing.assert_allclose(p.sum(axis=1), 1)


def test_out_of_fold_predictions_that_there_are_not():
    X, y = data(d_out=1)
    population = nnlib.train_many([3, 1], X, y, n=2, epochs=1)
    with pytest.raises(ValueError, match="oof_predict needs folds"):
        population.oof_predict()
    folded = nnlib.train_many([3, 1], X, y, n=2, folds=2, epochs=1)
    with pytest.raises(ValueError, match="oof_predict: no member without fold 1"):
        folded[folded.fold == 0].oof_predict()
    with pytest.raises(ValueError, match="choice is 3"):
        folded.oof_predict(3)
    with pytest.raises(TypeError, match="outputs must be True or False"):
        folded.oof_predict(outputs=1)


def test_quantiles_are_those_of_the_outputs():
    X, y = data()
    population = nnlib.train_many([3, 2], X, y, n=5, epochs=1)
    outputs = population.F(X)
    for q in (0.5, [0.1, 0.9], 0, 1):
        np.testing.assert_allclose(population.quantile(X, q), np.quantile(outputs, q, axis=0))
    assert population.quantile(X, [0.1, 0.9]).shape == (2, len(X), 2)


@pytest.mark.parametrize(
    ("q", "error", "words"),
    [
        (1.5, ValueError, "q holds 1.5"), ([0.5, -1], ValueError, "q holds -1 at index 1"),
        ("half", TypeError, "q has dtype"), (np.nan, ValueError, "q holds nan"),
    ],
)  # fmt: skip
def test_quantiles_that_there_are_not(q, error, words):
    X, y = data(d_out=1)
    population = nnlib.train_many([3, 1], X, y, n=2, epochs=1)
    with pytest.raises(error, match=words):
        population.quantile(X, q)
    with pytest.raises(ValueError, match="quantile: all members diverged, or there are none"):
        population[:0].quantile(X, 0.5)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("weights", np.ones(3)),
        ("weights", -np.ones(len(data()[0]))),
        ("weights", np.ones(len(data()[0]), np.float32)),
        ("validation_X", np.ones((4, 2))),
        ("validation_y", np.full((4, 1), np.nan)),
        ("validation_weights", np.ones(3)),
        ("start", np.ones(3)),
        ("start_generator", np.zeros(4, np.uint64)),
    ],
)
def test_arrays_of_a_recipe_that_do_not_fit_are_refused(name, array, tmp_path):
    X, y = data(d_out=1)
    net, path = nnlib.Network([3, 1]), tmp_path / "population"
    options = {"grid": {"l1": [0.1]}, "validation": (X[:4], y[:4]), "epochs": 1}
    nnlib.train_many(net, X, y, **options).save(path)
    assert nnlib.Population.load(path).refit().sizes == (3, 1)
    arrays, metadata = read_arrays(path)
    write_arrays(path, {**arrays, name: array}, metadata)
    with pytest.raises(nnlib.FormatError):
        nnlib.Population.load(path)
