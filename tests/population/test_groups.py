"""A network for each group: the bits of `descent` on its rows alone, and lookups by name."""

from __future__ import annotations

import json

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.files.arrays import read_arrays, write_arrays
from nnlib.population.grouping import Grouping, SkippedGroup, read_groups
from tests.checks.test_border import EQUAL, HOSTILE
from tests.population.cases import assert_same_descent

pytestmark = pytest.mark.cpu("groups")

SIZES = {"b": 50, "a": 17, "c": 120, "e": 64, "f": 33, "tiny": 1}


def examples(sizes=SIZES, d_in=3, seed=0):
    """X, y in (0, 1) and the group of each example, in a random order."""
    generator = np.random.default_rng(seed)
    key = generator.permutation(np.repeat(list(sizes), list(sizes.values())))
    return generator.normal(size=(len(key), d_in)), generator.uniform(size=len(key)), key


def trained(*arguments, **options):
    """A population of `examples`, whose group of one row is skipped."""
    with pytest.warns(UserWarning, match="1 of 6 groups are skipped"):
        return nnlib.train_many(*arguments, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 20},
        {"epochs": 20, "optimizer": "adam", "validation": 0.2, "patience": 4, "weight_decay": 0.01},
        {"epochs": 9, "optimizer": "momentum", "validation": "last 20%", "dtype": "float32"},
        {"epochs": 7, "optimizer": "adam", "batch_size": 16, "dtype": "float32"},
        {"epochs": 7, "batch_size": 8, "shuffle": False, "validation": "last 30%"},
        {"epochs": 5, "optimizer": "adam", "batch_size": 16, "dropout": 0.2},
        {"epochs": 5, "optimizer": "lbfgs"},
    ],
    ids=str,
)
def test_a_group_is_the_network_alone(options):
    X, y, key = examples()
    population = trained([3, 5, 1], X, y, groups=key, n=2, **options)
    assert population.groups.tolist() == ["a", "b", "c", "e", "f"] * 2
    dtype = options.pop("dtype", "float64")
    for member in (0, 2, 5, 8):
        own = key == population.groups[member]
        seed = int(population.seed[member])
        net = nnlib.Network([3, 5, 1], dtype=dtype, seed=seed)
        given = dict(options)
        if isinstance(given.get("validation"), float):  # drawn by the population's seed
            count = round(given["validation"] * own.sum())
            order = np.random.default_rng(0).permutation(own.sum())
            out = np.flatnonzero(own)[np.sort(order[:count])]
            given["validation"] = X[out], y[out]
            own[out] = False
        history = net.descent(X[own], y[own], progress=False, **given)
        assert_same_descent(population, member, net, history)
        if "validation" in options:
            assert population.validation_cost[member] == history.validation_J.min()
        if given.get("validation") is None:
            assert population.cost[member] == pytest.approx(net.J(X[own], y[own]), rel=1e-6)


def test_wide_groups_are_cut_as_alone():
    """Groups of one chunk and of several, of one block and of many, in the same call."""
    sizes = {"a": 40, "b": 700, "c": 2500, "d": 2, "e": 1100, "tiny": 1}
    X, y, key = examples(sizes, d_in=12)
    options = {"epochs": 3, "optimizer": "adam", "learning_rate": 0.01}
    population = trained([12, 40, 1], X, y, groups=key, **options)
    for name in population.groups:
        own = key == name
        net = nnlib.Network([12, 40, 1], seed=0)
        net.descent(X[own], y[own], progress=False, **options)
        np.testing.assert_array_equal(population[str(name)].parameters, net.parameters)


def test_weights_of_examples_and_of_classes(rng):
    X, y, key = examples()
    labels = np.where(y < 0.4, "low", "high")
    weights = rng.integers(0, 3, size=len(y)).astype(float)
    options = {"epochs": 8, "sample_weight": weights, "class_weight": "balanced"}
    arguments = {"activation": ["tanh", "sigmoid"], "loss": "binary_cross_entropy"}
    weights[key == "tiny"] = 1
    population = trained([3, 5, 1], X, labels, groups=key, optimizer="adam", **options, **arguments)
    assert population.classes.tolist() == ["high", "low"]
    for name in population.groups:
        own = key == name
        net = nnlib.Network([3, 5, 1], seed=0, **arguments)
        given = {**options, "sample_weight": weights[own], "optimizer": "adam", "progress": False}
        net.descent(X[own], labels[own], **given)
        np.testing.assert_array_equal(population[str(name)].parameters, net.parameters)
        assert (population[str(name)].predict(X) == net.predict(X)).all()


def test_batch_normalisation_skips_what_it_cannot_normalise():
    X, y, key = examples({"a": 48, "b": 33, "c": 40, "d": 50, "e": 64, "f": 65})
    drawn = [layers.Input(3), layers.Dense(4), layers.BatchNormalization(), layers.Dense(1)]
    net = nnlib.Network(drawn, seed=3)
    options = {"batch_size": 64, "epochs": 4, "optimizer": "momentum"}
    population = trained(net, X, y, groups=key, **options)
    (skipped,) = population.grouping.skipped
    assert skipped[:2] == ("f", 65)
    assert "the last batch has one" in skipped.reason
    for name in population.groups:
        own = key == name
        alone = nnlib.Network(drawn, seed=3)
        alone.parameters = net.parameters
        given = {**options, "batch_size": min(64, int(own.sum()))}
        alone.descent(X[own], y[own], progress=False, **given)
        np.testing.assert_array_equal(population[str(name)].parameters, alone.parameters)


def test_a_grid_of_options_in_each_group():
    X, y, key = examples()
    grid = {"learning_rate": [0.01, 0.5], "sizes": [[3, 4, 1], [3, 2, 1]]}
    options = {"epochs": 9, "optimizer": "adam", "validation": 0.25}
    population = trained(None, X, y, groups=key, grid=grid, seeds=[0, 4], **options)
    assert len(population) == 4 * 2 * 5
    own = np.flatnonzero(population.groups == "c")
    best = own[np.argmin(population.validation_cost[own])]
    np.testing.assert_array_equal(population["c"].parameters, population[int(best)].parameters)
    part = population[["c", "a"]]
    assert part.groups.tolist() == ["c"] * 8 + ["a"] * 8


def test_threads_change_no_bit():
    X, y, key = examples()
    options = {"epochs": 9, "optimizer": "adam", "validation": 0.25, "batch_size": 20}
    found, threads = [], nnlib.get_threads()
    for number in (1, 2):
        nnlib.set_threads(number)
        try:
            found.append(trained([3, 4, 1], X, y, groups=key, **options))
        finally:
            nnlib.set_threads(threads)
    np.testing.assert_array_equal(found[0].parameters, found[1].parameters)


def test_metrics_are_of_a_groups_own_rows():
    X, y, key = examples()
    options = {"epochs": 9, "validation": "last 20%", "metrics": ["r2"], "rank_by": "r2"}
    population = trained([3, 4, 1], X, y, groups=key, **options)
    for member, name in enumerate(population.groups):
        rows = np.flatnonzero(key == name)
        count = len(rows) - round(0.2 * len(rows))
        train, held_out = rows[:count], rows[count:]
        score = population[member].score(X[train], y[train])
        assert population.metrics["r2"][member] == pytest.approx(score)
        score = population[member].score(X[held_out], y[held_out])
        assert population.validation_metrics["r2"][member] == pytest.approx(score)


def test_skipped_by_rule():
    X, y, key = examples()
    labels = (y > 0.5).astype(int)
    labels[key == "e"] = 1
    arguments = {"activation": ["tanh", "sigmoid"], "loss": "binary_cross_entropy"}
    with pytest.warns(UserWarning, match=r"3 of 6 groups are skipped.*'a': 17 rows, wanted at"):
        population = nnlib.train_many(
            [3, 4, 1], X, labels, groups=key, min_rows=20, epochs=3, **arguments
        )
    frame = population.skipped
    assert frame["group"].tolist() == ["a", "e", "tiny"]
    assert frame["rows"].tolist() == [17, 64, 1]
    assert frame["reason"][1] == "all rows to train with are of the class 1"
    assert population.to_frame()["group"].tolist() == ["b", "c", "f"]
    assert "3 networks, 3 groups, 3 skipped" in repr(population)
    with pytest.raises(ValueError, match="group 'e' was skipped: all rows to train with"):
        population["e"]


def test_predictions_of_many_groups():
    X, y, key = examples()
    population = trained([3, 4, 1], X, y, groups=key, n=2, epochs=9)
    asked = key != "tiny"
    found = population.predict_groups(X[asked], key[asked])
    for name in "abcef":
        own = key[asked] == name
        assert (found[own] == population[name].predict(X[asked][own])).all()
    with pytest.raises(ValueError, match="predict: the members are of different groups"):
        population.predict(X)
    mean, _ = population[["c"]].predict(X)
    assert mean.shape == (len(X), 1)
    with pytest.raises(ValueError, match="has no member in this part"):
        population[["c"]]["a"]


@pytest.mark.parametrize("time", [6, None])
def test_predictions_of_sequences(rng, time):
    X, key, lengths = rng.normal(size=(12, 6, 2)), np.arange(12) % 3, 1 + np.arange(12) % 6
    parts = [layers.GRU(3), layers.Dense(1)]
    net = nnlib.Network([layers.Input((time, 2)), *parts], seed=1)
    population = nnlib.train_many(net, X, X[:, 0, 0], groups=key, lengths=lengths, epochs=2)
    padded = nnlib.sequences.Padded(X, lengths)
    found = population.predict_groups(padded, key)
    ragged = [rows[:length] for rows, length in zip(X, lengths, strict=True)]
    np.testing.assert_array_equal(population.predict_groups(ragged, key), found)
    np.testing.assert_array_equal(population.predict_groups(X, key, lengths=lengths), found)
    for group in range(3):
        own = key == group
        alone = population.of_group(group).predict(X[own], lengths=lengths[own])
        np.testing.assert_array_equal(found[own], alone)


def test_predictions_of_networks_with_two_inputs(rng):
    one, two = layers.Input(2), layers.Input(3)
    net = nnlib.Network(
        inputs=[one, two], outputs=layers.Dense(1)(layers.Concatenate()([one, two]))
    )
    X, key = [rng.normal(size=(8, 2)), rng.normal(size=(8, 3))], np.arange(8) % 2
    population = nnlib.train_many(net, X, rng.normal(size=8), groups=key, epochs=2)
    found = population.predict_groups(X, key)
    for group in (0, 1):
        alone = population.of_group(group).predict([part[key == group] for part in X])
        np.testing.assert_array_equal(found[key == group], alone)


def test_a_file_holds_the_groups(tmp_path):
    X, y, key = examples()
    population = trained([3, 4, 1], X, y, groups=key, epochs=3)
    population.save(tmp_path / "shops.safetensors")
    again = nnlib.Population.load(tmp_path / "shops.safetensors")
    assert again.grouping.skipped == population.grouping.skipped
    assert again.groups.tolist() == population.groups.tolist()
    assert (again["c"].parameters == population["c"].parameters).all()


def test_names_that_are_numbers():
    X, y, _ = examples({"a": 60})
    key = np.repeat([30, 7], 30).astype(np.int32)
    population = nnlib.train_many([3, 4, 1], X, y, groups=key, epochs=3)
    assert population.groups.tolist() == [7, 30]
    assert (population.of_group(30).parameters == population[1].parameters).all()
    assert population.of_groups([30, 7]).tolist() == [1, 0]
    with pytest.raises(TypeError, match=r"group is '30', wanted .* whole numbers"):
        population["30"]


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"groups": ["a"] * 3}, ValueError, r"groups has shape \(3,\), wanted \(60,\)"),
        ({"groups": "shop"}, TypeError, "groups must be the group of each example; got 'shop'"),
        ({"groups": [None] + ["a"] * 59}, ValueError, r"groups\[0\] is missing, as 1 of 60"),
        ({"groups": [0.5] * 60}, TypeError, "groups has dtype float64, wanted text or whole"),
        ({"groups": [np.nan] * 60}, ValueError, r"groups\[0\] is missing, as 60 of 60"),
        ({"groups": ["a"] * 59 + [3]}, TypeError, "groups holds 3, wanted text or whole numbers"),
        ({"groups": [True] * 60}, TypeError, "groups has dtype bool"),
        ({"min_rows": 0}, ValueError, "min_rows is 0"),
        ({"min_rows": 61}, ValueError, "groups leave nothing to train: all 2 are skipped. group"),
        ({"groups": None, "n": 2, "min_rows": 3}, ValueError, "min_rows is 3 but groups is None"),
        ({"folds": 3}, ValueError, "groups and folds contradict"),
        ({"bootstrap": True}, ValueError, "groups and bootstrap contradict"),
        ({"halving": 3}, ValueError, "groups and halving contradict"),
        ({"validation": (np.ones((3, 3)), np.ones(3))}, ValueError, "groups and validation exam"),
        ({"sample_weight": np.ones((2, 60))}, ValueError, "groups and sample_weight with a row"),
        ({"validation": 3.0}, ValueError, "^validation is 3, .* of 60 examples"),
        ({"validation": "last 200%"}, ValueError, "^validation is 'last 200%', wanted more"),
        ({"class_weight": "balancd"}, ValueError, "^class_weight is 'balancd', wanted"),
        ({"batch_size": 61}, ValueError, "batch_size is 61, wanted .* at most 30"),
    ],
    ids=str,
)
def test_refused(arguments, kind, message):
    X, y, _ = examples({"a": 60})
    arguments = {"groups": ["a", "b"] * 30, **arguments}
    with pytest.raises(kind, match=message):
        nnlib.train_many([3, 4, 1], X, y, epochs=1, **arguments)


def test_lookups_that_find_nothing():
    X, y, _ = examples({"a": 60})
    key = [f"shop {i % 3}" for i in range(60)]
    population = nnlib.train_many([3, 4, 1], X, y, groups=key, epochs=1)
    with pytest.raises(ValueError, match=r"group is 'shp 1', .* 3 groups; did you mean 'shop 1'"):
        population["shp 1"]
    with pytest.raises(ValueError, match="group 'shop 1' is named twice"):
        population[["shop 1", "shop 1"]]
    with pytest.raises(ValueError, match="this part of the population has no members"):
        population[np.empty(0, np.int64)].predict_groups(X[:1], key[:1])
    ungrouped = nnlib.train_many([3, 4, 1], X, y, n=2, epochs=1)
    with pytest.raises(ValueError, match="of_group needs groups"):
        ungrouped["shop 1"]
    assert ungrouped.skipped.empty


def test_keys_of_pandas():
    pandas = pytest.importorskip("pandas")
    for dtype in ("category", "string", "object"):
        numbers, names = read_groups(pandas.Series(["y", "x", "y"], dtype=dtype), 3)
        assert (numbers.tolist(), names.tolist()) == ([1, 0, 1], ["x", "y"])
    numbers, names = read_groups(pandas.Series([5, 3, 5], dtype="Int64"), 3)
    assert (numbers.tolist(), names.tolist()) == ([1, 0, 1], [3, 5])
    for missing in (pandas.Series([5, None], dtype="Int64"), pandas.Series(["a", None])):
        with pytest.raises(ValueError, match=r"groups\[1\] is missing, as 1 of 2 are"):
            read_groups(missing, 2)


def test_groups_as_an_array():
    skipped = (SkippedGroup("ü", 1, "few"),)
    again = Grouping.from_array(Grouping(np.array(["a", "b"]), skipped).to_array())
    assert again.names.tolist() == ["a", "b"]
    assert again.skipped == skipped
    broken = np.frombuffer('{"names": ["b", "a"], "skipped": []}'.encode("utf-32-le"), np.uint32)
    with pytest.raises(ValueError, match="not different ones in their order"):
        Grouping.from_array(broken)


@pytest.mark.parametrize("form", EQUAL)
def test_the_form_of_a_key_does_not_matter(form):
    key = np.repeat([7.0, 3.0, 7.0], 2)
    numbers, names = read_groups(EQUAL[form](key), 6)
    assert (numbers.tolist(), names.tolist()) == ([1, 1, 0, 0, 1, 1], [3, 7])


@pytest.mark.parametrize("kind", sorted(HOSTILE.keys() - {"text"}))
def test_other_keys_are_refused(kind):
    key = np.repeat([7.0, 3.0, 7.0], 2)
    with pytest.raises((TypeError, ValueError), match=r"groups"):
        read_groups(HOSTILE[kind](key), 6)


def test_what_a_callback_stops_keeps_the_groups_of_its_members():
    X, y, key = examples({f"{number:03}": 40 for number in range(60)})
    options = {"epochs": 3000, "optimizer": "adam", "callback": lambda report: report.ended > 1}
    population = nnlib.train_many([3, 16, 1], X, y, groups=key, **options)
    assert population.stopped == "callback"
    assert 0 < len(population) < 60
    name = str(population.groups[-1])
    assert (population[name].parameters == population.parameters[-1]).all()


@pytest.mark.parametrize(
    ("names", "group", "message"),
    [
        (["a", "b"], [0, 2], "groups beyond the 2 that there are"),
        (["a", "a"], [0, 1], "not different ones in their order"),
        ([["a"], ["b"]], [0, 1], "not different ones in their order"),
        (None, [0, 1], "numbers of groups without their names"),
    ],
    ids=str,
)
def test_files_that_nobody_writes(tmp_path, names, group, message):
    X, y, _ = examples({"a": 60})
    population = nnlib.train_many([3, 2, 1], X, y, groups=np.arange(60) % 2, epochs=1)
    population.save(tmp_path / "groups.safetensors")
    arrays, metadata = read_arrays(tmp_path / "groups.safetensors")
    arrays = {**arrays, "group": np.array(group)}
    text = json.dumps({"names": names, "skipped": []})
    arrays["grouping"] = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    if names is None:
        del arrays["grouping"]
    write_arrays(tmp_path / "groups.safetensors", arrays, metadata)
    with pytest.raises(nnlib.FormatError, match=message):
        nnlib.Population.load(tmp_path / "groups.safetensors")
