"""Columns of data frames: learned in training, refused by name where they differ."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import nnlib
from tests.devices import amount

pandas = pytest.importorskip("pandas")

EPOCHS = amount(3, 1)


@pytest.fixture
def X(rng):
    return pandas.DataFrame(rng.normal(size=(12, 3)), columns=["age", "height", "weight"])


def trained(X, y=None, **options):
    """A network that knows the columns."""
    net = nnlib.Network([3, 1], "identity", seed=2)
    net.descent(X, X["age"] if y is None else y, epochs=EPOCHS, **options)
    return net


def uses(X, y):
    """Everything that takes examples."""
    return {
        "F": lambda net: net.F(X),
        "predict": lambda net: net.predict(X),
        "score": lambda net: net.score(X, y),
        "J": lambda net: net.J(X, y),
        "gradient": lambda net: net.gradient(X),
        "descent": lambda net: net.descent(X, y, epochs=1),
        "validation": lambda net: net.descent(
            X.to_numpy()[:, :3], y, validation=(X, y), epochs=1
        ),
    }  # fmt: skip


@pytest.mark.parametrize("use", uses(None, None))
def test_columns_are_those_of_the_training_or_refused(use, X):
    net, y = trained(X), X["age"]
    assert net.feature_names == ("age", "height", "weight")
    call = uses(X, y)[use]
    call(net)
    uses(X.to_numpy(), y)[use](net) if use != "validation" else None
    before = net.parameters.copy()
    for other, words in [
        (X[["height", "age", "weight"]], r"in the order 'height', 'age', 'weight', wanted that of"),
        (X.rename(columns={"weight": "weigth"}), "has no column 'weight', .*did you mean 'weigth'"),
        (X.assign(more=1.0), "has the column 'more', with which the network was not trained"),
    ]:
        with pytest.raises(ValueError, match=words):
            uses(other, y)[use](net)
    np.testing.assert_array_equal(net.parameters, before)


def test_validation_of_the_first_descent_too(X):
    with pytest.raises(ValueError, match="validation: X has its columns in the order"):
        trained(X, validation=(X[X.columns[::-1]], X["age"]))


def test_arrays_and_numbered_columns_have_no_names(X):
    assert trained(X.to_numpy(), X["age"]).feature_names is None
    assert trained(X.set_axis([0, 1, 2], axis=1), X["age"]).feature_names is None


def test_names_come_back(X, tmp_path):
    net = trained(X)
    net.save(tmp_path / "net")
    population = nnlib.train_many(net, X, X["age"], n=2, epochs=EPOCHS)
    population.save(tmp_path / "population")
    for other in (
        nnlib.load(tmp_path / "net"), pickle.loads(pickle.dumps(net)), population[0],
        population.refit(), nnlib.Population.load(tmp_path / "population")[:1][0],
    ):  # fmt: skip
        assert other.feature_names == ("age", "height", "weight")


def test_what_is_refused_leaves_no_names(X):
    net = nnlib.Network([3, 1], "identity")
    with pytest.raises(ValueError, match="X has 12 examples and y has 11"):
        net.descent(X, X["age"][1:])
    assert net.feature_names is None


@pytest.mark.parametrize(
    ("names", "error"),
    [("abc", TypeError), ([1, 2, 3], TypeError), (["a", "b"], ValueError),
     (["a", "a", "b"], ValueError), (3, TypeError)],
)  # fmt: skip
def test_names_of_another_form(names, error):
    net = nnlib.Network([3, 1])
    with pytest.raises(error, match="a list of 3 different names, one for each input"):
        net.feature_names = names
    net.feature_names = ["a", "b", "c"]
    net.feature_names = None
    assert net.feature_names is None
