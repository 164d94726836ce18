"""Populations in files: everything comes back, and what is no population is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.files.arrays import read_arrays, write_arrays
from tests.devices import amount
from tests.population.cases import data

EPOCHS = amount(10, 2)
FIELDS = (
    "parameters", "J", "trace", "validation_J", "cost", "validation_cost", "best_epoch", "epochs",
    "seed", "fold", "choice", "status", "generators", "folds", "classes",
)  # fmt: skip


@pytest.fixture
def path(tmp_path):
    return tmp_path / "population.safetensors"


def same(population, other):
    """Whether all of two populations is the same but the recipe."""
    for name in FIELDS:
        ours, theirs = getattr(population, name), getattr(other, name)
        assert type(ours) is type(theirs), name
        if ours is not None:
            assert ours.dtype == theirs.dtype, name
            np.testing.assert_array_equal(ours, theirs, err_msg=name)
    for ours, theirs in zip(population.data, other.data, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert (population.seconds, population.stopped) == (other.seconds, other.stopped)
    assert population.ranking == other.ranking
    for name in ("metrics", "validation_metrics"):
        ours, theirs = getattr(population, name), getattr(other, name)
        assert (ours is None) == (theirs is None), name
        assert list(ours or {}) == list(theirs or {})
        for metric, values in (ours or {}).items():
            np.testing.assert_array_equal(values, theirs[metric])
    X = population.data[0]
    np.testing.assert_array_equal(population.F(X), other.F(X))
    return True


@pytest.mark.parametrize(
    "options",
    [
        {"n": 3},
        {"seeds": [5, 2**64 - 1]},
        {"n": 2, "folds": 3},
        {"n": 2, "validation": 0.25},
        {"n": 2, "metrics": ["r2"]},
        {"n": 2, "metrics": ["mean_absolute_error", "r2"], "rank_by": "r2", "folds": 2},
        {"n": 2, "batch_size": 5, "dtype": "float32"},
        {"grid": {"sizes": [[3, 4, 2], [3, 2]], "learning_rate": [0.1, 0.2]}},
        {"n": 1, "epochs": 0},
    ],
    ids=lambda options: ", ".join(options),
)
def test_everything_comes_back(options, path):
    net = None if "sizes" in str(options) else [3, 4, 2]
    population = nnlib.train_many(net, *data(), **{"epochs": EPOCHS, **options})
    population.save(path)
    other = nnlib.Population.load(path)
    assert same(population, other)
    assert other.choices == population.choices
    assert repr(other) == repr(population)
    np.testing.assert_array_equal(other.best.parameters, population.best.parameters)
    if "folds" in options:
        np.testing.assert_array_equal(other.oof_predict(), population.oof_predict())
    other.save(path)
    assert same(population, nnlib.Population.load(path))


@pytest.mark.cpu("graphs")
def test_graphs_labels_and_objects_in_the_grid(path):
    X, _ = data()
    y = np.where(X[:, 0] > 0, "high", "low")
    x = layers.Input(3)
    h = layers.Dense(3, "tanh")(x)
    net = nnlib.Network(
        inputs=x, outputs=layers.Dense(2, "softmax")(h + x), loss="softmax_cross_entropy"
    )
    grid = {"optimizer": ["sgd", nnlib.optimizers.Adam(beta1=0.8)], "clip_norm": [None, 1]}
    population = nnlib.train_many(net, X, y, n=1, grid=grid, epochs=EPOCHS)
    population.save(path)
    other = nnlib.Population.load(path)
    assert same(population, other)
    assert other.choices[0] == {"optimizer": "sgd", "clip_norm": None}
    assert other.choices[2]["optimizer"] == repr(nnlib.optimizers.Adam(beta1=0.8))
    np.testing.assert_array_equal(other.best.predict(X), population.best.predict(X))


def test_a_population_is_no_network(path):
    nnlib.train_many([3, 2], *data(), n=2, epochs=1).save(path)
    with pytest.raises(nnlib.FormatError, match=r"'network'; nnlib\.Population\.load reads it"):
        nnlib.load(path)
    nnlib.Network([1, 1]).save(path)
    with pytest.raises(nnlib.FormatError, match="its kind is 'network', wanted 'population'"):
        nnlib.Population.load(path)


ARRAYS = {
    "parameters": [np.zeros((2, 3)), np.zeros(8), np.zeros((2, 8), np.float32), np.zeros((3, 8))],
    "J": [np.zeros((2, 9)), np.zeros(2)],
    "cost": [np.zeros(3), np.zeros((2, 1)), np.zeros(())],
    "choice": [np.array([0, 1]), np.array([-1, 0]), np.zeros(2)],
    "seed": [np.array([-1, 0]), np.zeros(3, np.int64)],
    "X": [np.zeros((40, 4)), np.zeros((3, 3)), np.zeros(3)],
    "y": [np.zeros((1, 2))],
    "folds": [np.zeros(3, np.int64)],
    "generators": [np.zeros((2, 4), np.uint64), np.ones((2, 3), np.uint64)],
    "other": [np.zeros(2)],
}


@pytest.mark.parametrize(("name", "place"), [(n, k) for n in ARRAYS for k in range(len(ARRAYS[n]))])
def test_arrays_that_do_not_fit_are_refused(name, place, path):
    nnlib.train_many([3, 2], *data(40), n=2, epochs=1).save(path)
    arrays, metadata = read_arrays(path)
    write_arrays(path, {**arrays, name: ARRAYS[name][place]}, metadata)
    with pytest.raises(nnlib.FormatError, match="holds no population that nnlib can read"):
        nnlib.Population.load(path)


@pytest.mark.parametrize(
    "change",
    [
        {"networks": []}, {"networks": [3]}, {"networks": None}, {"choices": []}, {"choices": [3]},
        {"networks": [{"sizes": [10**9, 10**9], "activation": ["tanh"], "loss": "huber",
                       "dtype": "float64"}]},
        {"networks": [{"sizes": [3, 2], "activation": ["tanh"], "loss": "huber",
                       "dtype": "float64", "device": "cuda"}]},
        {"classes": ["a", "b"]}, {"classes": 3}, {"seconds": None}, {"seconds": 10**400},
        {"compile_seconds": "1"}, {"stopped": 3}, {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_descriptions_that_do_not_fit_are_refused(change, path):
    nnlib.train_many([3, 2], *data(), n=2, epochs=1).save(path)
    arrays, metadata = read_arrays(path)
    told = {**json.loads(metadata["population"]), **change}
    write_arrays(path, arrays, {"kind": "population", "population": json.dumps(told)})
    with pytest.raises(nnlib.FormatError, match="holds no population that nnlib can read"):
        nnlib.Population.load(path)


@pytest.mark.parametrize("seeds", [[None], [None, -1], [None, 1.5], None, 3])
def test_seeds_that_are_none_are_refused(seeds, path):
    population = nnlib.train_many([3, 2], *data(), n=2, epochs=1)
    population.save(path)
    arrays, metadata = read_arrays(path)
    del arrays["seed"]
    told = {**json.loads(metadata["population"]), "seeds": seeds}
    write_arrays(path, arrays, {"kind": "population", "population": json.dumps(told)})
    with pytest.raises(nnlib.FormatError, match="seed"):
        nnlib.Population.load(path)
    told["seeds"] = [None, 2**70]
    write_arrays(path, arrays, {"kind": "population", "population": json.dumps(told)})
    assert nnlib.Population.load(path).seed.tolist() == [None, 2**70]
