"""`Population.refit` of groups: a group's network again, or one for the rows of all groups."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.files.arrays import read_arrays, write_arrays

pytestmark = pytest.mark.cpu("groups")

SIZES = {"a": 17, "b": 50, "c": 33}
GRID = {"learning_rate": [0.01, 0.1]}


def examples():
    """X, labels, weights and the group of each example, in a random order."""
    generator = np.random.default_rng(0)
    key = generator.permutation(np.repeat(list(SIZES), list(SIZES.values())))
    X = generator.normal(size=(len(key), 3))
    y = np.where(X @ [1, -1, 0.5] + 0.3 * generator.normal(size=len(key)) > 0, "high", "low")
    return X, y, generator.uniform(0.5, 2, len(key)), key


def trained(groups=True, **options):
    """Two seeds and two rates; with or without groups."""
    X, y, weights, key = examples()
    if options.pop("weighted", False):
        options["sample_weight"] = weights
    return nnlib.train_many(
        [3, 4, 1], X, y, activation="sigmoid", loss="binary_cross_entropy", grid=GRID, n=2,
        optimizer="adam", groups=key if groups else None, **options,
    )  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 20},
        {"epochs": 20, "validation": 0.3, "patience": 4},
        {"epochs": 7, "batch_size": 20, "weighted": True},
        {"epochs": 5, "validation": "last 20%", "batch_size": 8, "dropout": 0.2},
    ],
    ids=str,
)
def test_a_group_again(options, tmp_path):
    """The bits of each member, also those of a population from a file."""
    population = trained(**options)
    population.save(tmp_path / "groups")
    again = nnlib.Population.load(tmp_path / "groups")
    for number, name in enumerate(population.groups):
        choice, seed = int(population.choice[number]), int(population.seed[number])
        for own in population, again:
            network = own.refit(choice, seed, group=name)
            np.testing.assert_array_equal(network.parameters, population.parameters[number])
            assert network.classes.tolist() == ["high", "low"]
    best = again.refit(group="c")
    np.testing.assert_array_equal(best.parameters, population["c"].parameters)


def test_a_network_for_all_groups():
    """The same network as that of a population without groups, but for the order of the rows."""
    grouped, pooled = trained(epochs=9), trained(groups=False, epochs=9)
    network = grouped.refit(choice=1, seed=1)
    member = np.flatnonzero((pooled.choice == 1) & (pooled.seed == 1))[0]
    np.testing.assert_allclose(network.parameters, pooled.parameters[member], rtol=1e-9)


def test_the_choice_for_all_groups_is_that_of_the_best_mean():
    population = trained(epochs=9)
    rate = population.by_choice()[0]["learning_rate"]
    choice = [own["learning_rate"] for own in population.choices].index(rate)
    means = [
        population.cost[(population.choice == choice) & (population.seed == seed)].mean()
        for seed in (0, 1)
    ]
    network = population.refit()
    wanted = population.refit(choice, int(np.argmin(means)))
    np.testing.assert_array_equal(network.parameters, wanted.parameters)


def test_groups_of_sequences_from_a_network(rng, tmp_path):
    X, key, lengths = rng.normal(size=(12, 6, 2)), np.arange(12) % 3, 1 + np.arange(12) % 6
    net = nnlib.Network([layers.Input((None, 2)), layers.GRU(3), layers.Dense(1)], seed=1)
    population = nnlib.train_many(net, X, X[:, 0, 0], groups=key, lengths=lengths, epochs=2)
    population.save(tmp_path / "groups")
    for own in population, nnlib.Population.load(tmp_path / "groups"):
        again = own.refit(group=2)
        np.testing.assert_array_equal(again.parameters, population.of_group(2).parameters)


def test_refused():
    population = trained(epochs=1)
    with pytest.raises(ValueError, match="group is 'd', wanted one of the 3 groups"):
        population.refit(group="d")
    with pytest.raises(ValueError, match="refit: no member is left that tells the choice"):
        population[["a"]].refit(group="b")
    with pytest.raises(ValueError, match="choice is 2"):
        population.refit(choice=2, group="a")
    with pytest.raises(ValueError, match="refit with a group needs groups"):
        trained(groups=False, epochs=1).refit(group="a")


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("group_rows", [14, 40, 25]),
        ("group_rows", [14, 66]),
        ("group_rows", [0, 54, 26]),
        ("group_validation_rows", [3, 17]),
        ("group_validation_rows", []),
        ("group_rows", None),
    ],
)
def test_rows_of_groups_that_do_not_fit_are_refused(name, rows, tmp_path):
    path = tmp_path / "groups"
    trained(epochs=1, validation=0.2).save(path)
    arrays, metadata = read_arrays(path)
    changed = {**arrays, name: np.array(rows, np.int64)} if rows is not None else dict(arrays)
    if rows is None:
        del changed[name]
    write_arrays(path, changed, metadata)
    with pytest.raises(nnlib.FormatError):
        nnlib.Population.load(path)


def test_rows_of_groups_without_groups_are_refused(tmp_path):
    path = tmp_path / "population"
    trained(groups=False, epochs=1).save(path)
    arrays, metadata = read_arrays(path)
    write_arrays(path, {**arrays, "group_rows": np.array([100])}, metadata)
    with pytest.raises(nnlib.FormatError, match="rows of groups, and it has no groups"):
        nnlib.Population.load(path)
