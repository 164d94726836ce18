"""Whole calls of nnlib's estimators beside scikit-learn's, with equal settings.

A fit includes all that a user waits for: checks, conversions, the network, the training.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..problems.problem import mnist
from ..problems.workload import Array, UnavailableError

# Images to fit, of the size that the goal is for.
IMAGES = 5000
# Candidates of the search.
GRID: dict[str, list[Any]] = {
    "hidden_layer_sizes": [(16,), (32,)],
    "alpha": [1e-4, 1e-3, 1e-2, 1e-1],
    "learning_rate_init": [1e-3, 3e-3, 1e-2],
}
# By what part losses may differ, and by how much scores: the order of mini-batches is not the same.
NEAR, NEAR_SCORE = 0.25, 0.01


class Comparison(NamedTuple):
    """A classifier's settings, its data, and how many times as fast ours is to be."""

    name: str
    goal: float
    settings: dict[str, Any]
    X: Array
    y: Array
    predicts: bool = False  # one row, after a fit; else the fit itself
    grid: dict[str, list[Any]] | None = None  # of a search by cross-validation in place of a fit


class Outcome(NamedTuple):
    """What a comparison reached, to tell whether both libraries did the same work.

    value is the loss of a fit, or the mean score of a search's candidates; allowed is by how much
    it may differ.
    """

    epochs: int
    value: float
    allowed: float


def comparisons() -> list[Comparison]:
    """The rows of the table.

    Raises
    ------
    UnavailableError
        If scikit-learn is missing.
    """
    try:
        from sklearn.datasets import load_breast_cancer, load_digits
        from sklearn.preprocessing import scale
    except ImportError:
        raise UnavailableError("scikit-learn is not installed") from None
    digits, classes = load_digits(return_X_y=True)
    cancer, malignant = load_breast_cancer(return_X_y=True)
    images = mnist()
    X, y = images.X[:IMAGES], images.y[:IMAGES].argmax(axis=1)
    small = {"hidden_layer_sizes": (32,), "batch_size": 32, "max_iter": 50}
    large = {"hidden_layer_sizes": (128,), "batch_size": 128, "max_iter": 10}
    return [
        Comparison("digits 64-32-10, batches of 32", 15, small, digits / 16, classes),
        Comparison("images 784-128-10, batches of 128", 6, large, X, y),
        Comparison(
            "breast cancer 30-100-1, lbfgs", 8, {"solver": "lbfgs"}, scale(cancer), malignant
        ),
        Comparison("predict one row, 64-32-10", 20, small, digits / 16, classes, predicts=True),
        Comparison(
            "search of 24 candidates, 5 folds, digits", 25, small | {"max_iter": 20}, digits / 16,
            classes, grid=GRID,
        ),
    ]  # fmt: skip


def model(library: str, row: Comparison) -> Any:
    """The classifier of nnlib or of scikit-learn, or a search with it."""
    package = importlib.import_module("nnlib" if library == "nnlib" else "sklearn.neural_network")
    classifier = package.MLPClassifier(random_state=0, **row.settings)
    if row.grid is None:
        return classifier
    if library == "nnlib":
        return package.MLPSearchCV(classifier, row.grid)
    from sklearn.model_selection import GridSearchCV

    return GridSearchCV(classifier, row.grid, n_jobs=2)


def outcome(row: Comparison, own: Any) -> Outcome:
    """What a model has reached: the loss of a fit, the mean score of a search."""
    if row.grid is None:
        return Outcome(own.n_iter_, own.loss_, NEAR * own.loss_)
    score = float(np.mean(own.cv_results_["mean_test_score"]))
    return Outcome(own.best_estimator_.n_iter_, score, NEAR_SCORE)


def call(library: str, row: Comparison) -> tuple[Any, Callable[[], Any]]:
    """The model, and what is timed of it."""
    own, X, y = model(library, row), row.X, row.y
    if row.predicts:
        fitted(own, X, y)
        one = np.ascontiguousarray(X[:1])
        return own, lambda: own.predict(one)
    return own, lambda: fitted(own, X, y)


def fitted(own: Any, X: Array, y: Array) -> Any:
    """The model after a fit, without the warning that max_iter has ended it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return own.fit(X, y)
