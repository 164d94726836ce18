"""Populations on sparse examples go where they go on dense ones."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import sparse

import nnlib
from tests.tolerances import assert_close

pytestmark = pytest.mark.cpu("sparse")

TERMS = 10_000


def data():
    rng = np.random.default_rng(4)
    X = sparse.random(60, 25, 0.15, format="csr", random_state=4)
    return X, (rng.random(60) > 0.5).astype(float)


def trained(form, **options):
    X, y = data()
    net = nnlib.Network([25, 4, 1], ["tanh", "sigmoid"], "binary_cross_entropy", seed=3)
    return nnlib.train_many(net, form(X), y, **{"epochs": 8, "n": 3, **options})


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_size": 8, "optimizer": "adam", "folds": 4},
        {"batch_size": 8, "bootstrap": True, "optimizer": "momentum", "weight_decay": 0.01},
        {"validation": 0.2, "patience": 3, "batch_size": 16},
        {"optimizer": "lbfgs"},
        {"grid": {"learning_rate": [0.1, 0.3]}, "batch_size": 10, "halving": 2},
    ],
    ids=str,
)
def test_members(options):
    found, expected = trained(lambda X: X, **options), trained(lambda X: X.toarray(), **options)
    assert_close(found.parameters, expected.parameters, TERMS)
    assert_close(found.cost, expected.cost, TERMS)


def test_what_a_population_predicts():
    found = trained(lambda X: X, folds=3, batch_size=8)
    expected = trained(lambda X: X.toarray(), folds=3, batch_size=8)
    X, _ = data()
    assert_close(found[0].F(X), expected[0].F(X.toarray()), TERMS)
    np.testing.assert_array_equal(found.oof_predict(), expected.oof_predict())
    assert_close(found.refit().parameters, expected.refit().parameters, TERMS)


def test_a_pickle_has_its_examples():
    found = trained(lambda X: X, folds=3, batch_size=8)
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.oof_predict(), found.oof_predict())


def test_a_saved_population_has_its_examples(tmp_path):
    found = trained(lambda X: X, folds=3, batch_size=8)
    found.save(tmp_path / "population")
    again = nnlib.Population.load(tmp_path / "population")
    np.testing.assert_array_equal(again.oof_predict(), found.oof_predict())
    np.testing.assert_array_equal(again.parameters, found.parameters)
