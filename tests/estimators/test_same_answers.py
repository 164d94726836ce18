"""Our fits beside scikit-learn's: the same bits but for rounding where the order is the same.

Full batches have no order. Adam's ε stands elsewhere in scikit-learn's formula, so that its steps
differ a little where a gradient is as small as that.
"""

from __future__ import annotations

import numpy as np
import pytest
import sklearn
import sklearn.neural_network as theirs
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.preprocessing import scale

import nnlib

pytestmark = [
    pytest.mark.cpu("host"),
    pytest.mark.skipif(
        tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 9),
        reason="the answers are those of scikit-learn 1.9",
    ),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

CANCER = [array[:150] for array in load_breast_cancer(return_X_y=True)]
CANCER[0] = scale(CANCER[0])
DIGITS = [array[:180] for array in load_digits(return_X_y=True)]
DIGITS[0] = DIGITS[0] / 16
DIABETES = [scale(array[:190]) for array in load_diabetes(return_X_y=True)]
# Rounding over some hundred steps.
EXACT = 1e-10


def fitted(name, X, y, weights=None, **parameters):
    """Ours and theirs."""
    pair = [getattr(module, name)(random_state=3, **parameters) for module in (nnlib, theirs)]
    return [estimator.fit(X, y, sample_weight=weights) for estimator in pair]


def assert_same(ours, other, tolerance):
    assert ours.n_iter_ == other.n_iter_
    assert ours.t_ == other.t_
    assert ours.loss_ == pytest.approx(other.loss_, abs=tolerance)
    for own, given in zip(
        ours.coefs_ + ours.intercepts_, other.coefs_ + other.intercepts_, strict=True
    ):
        np.testing.assert_allclose(own, given, rtol=0, atol=tolerance)


SGD = {
    "nesterov": {},
    "momentum": {"nesterovs_momentum": False, "alpha": 0.1},
    "no momentum": {"momentum": 0.0},
    "all momentum": {"momentum": 1.0, "learning_rate_init": 1e-3, "max_iter": 20},
    "adaptive": {"learning_rate": "adaptive", "n_iter_no_change": 2, "tol": 1e-3},
    "invscaling": {"learning_rate": "invscaling", "learning_rate_init": 0.5},
    "early stopping": {"early_stopping": True, "max_iter": 30},
    "logistic": {"activation": "logistic", "hidden_layer_sizes": (5, 4)},
    "tanh": {"activation": "tanh", "max_iter": 40},
    "identity": {"activation": "identity", "max_iter": 40},
    "one layer": {"hidden_layer_sizes": 7},
}


@pytest.mark.parametrize("parameters", SGD.values(), ids=SGD)
@pytest.mark.parametrize("data", [CANCER, DIGITS], ids=["binary", "multiclass"])
def test_gradient_descent(data, parameters):
    ours, other = fitted(
        "MLPClassifier", *data, **{"solver": "sgd", "learning_rate_init": 0.1, **parameters}
    )
    assert_same(ours, other, EXACT)
    np.testing.assert_allclose(ours.loss_curve_, other.loss_curve_, rtol=0, atol=EXACT)
    np.testing.assert_allclose(ours.predict_proba(data[0]), other.predict_proba(data[0]), atol=1e-9)
    assert (ours.predict(data[0]) == other.predict(data[0])).all()
    for name in ("best_loss_", "best_validation_score_", "validation_scores_"):
        assert getattr(ours, name) == pytest.approx(getattr(other, name), abs=EXACT)


@pytest.mark.parametrize("targets", [1, 2])
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_regressions(loss, targets):
    X, y = DIABETES
    y = np.abs(np.stack([y, y**2], axis=1)[:, :targets])
    options = {"loss": loss, "solver": "sgd", "learning_rate_init": 0.01, "alpha": 0.0}
    ours, other = fitted("MLPRegressor", X, np.squeeze(y), max_iter=50, **options)
    assert_same(ours, other, EXACT)
    np.testing.assert_allclose(ours.predict(X), other.predict(X), rtol=1e-9)


def test_adam_but_for_its_epsilon():
    ours, other = fitted("MLPRegressor", *DIABETES, max_iter=50, epsilon=1e-14, alpha=0)
    assert_same(ours, other, 1e-6)


def test_the_validation_set_is_theirs():
    ours, other = fitted("MLPRegressor", *DIABETES, early_stopping=True, solver="sgd")
    np.testing.assert_allclose(ours.validation_scores_, other.validation_scores_, atol=EXACT)


def test_weights():
    X, y = CANCER
    weights = np.random.default_rng(0).random(len(X)) * 3
    ours, other = fitted("MLPClassifier", X, y, weights, solver="sgd", alpha=1.0, max_iter=40)
    assert_same(ours, other, EXACT)


def test_lbfgs_reaches_the_same_minimum():
    X, y = CANCER
    ours, other = fitted("MLPClassifier", X, y, solver="lbfgs", activation="tanh", alpha=1.0)
    assert ours.loss_ == pytest.approx(other.loss_, rel=1e-3)


def test_batches_in_the_order_of_the_data():
    X, y = DIGITS
    ours, other = fitted(
        "MLPClassifier", X, y, solver="sgd", shuffle=False, alpha=0.0, batch_size=50, max_iter=20
    )
    assert_same(ours, other, EXACT)


def test_warm_starts_go_on_as_theirs():
    X, y = CANCER
    options = {"solver": "sgd", "max_iter": 20, "warm_start": True, "learning_rate": "invscaling"}
    ours, other = fitted("MLPClassifier", X, y, **options)
    assert_same(ours.fit(X, y), other.fit(X, y), EXACT)
    assert len(ours.loss_curve_) == 40


def test_partial_fits_go_on_as_theirs():
    X, y = CANCER
    pair = []
    for module in (nnlib, theirs):
        model = module.MLPClassifier(
            solver="sgd", random_state=3, learning_rate="adaptive", n_iter_no_change=2, tol=0.1
        )
        for _ in range(12):
            model.partial_fit(X, y, classes=[0, 1])
        pair.append(model)
    assert_same(*pair, EXACT)


def test_their_parameters_and_defaults():
    """Ours has theirs, in their order and with their defaults, and its own after them."""
    for name in ("MLPClassifier", "MLPRegressor"):
        ours, other = getattr(nnlib, name)().get_params(), getattr(theirs, name)().get_params()
        assert {key: ours[key] for key in other} == other
