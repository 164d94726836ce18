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


class Comparison(NamedTuple):
    """A classifier's settings, its data, and how many times as fast ours is to be."""

    name: str
    goal: float
    settings: dict[str, Any]
    X: Array
    y: Array
    predicts: bool = False  # one row, after a fit; else the fit itself


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
    ]


def model(library: str, settings: dict[str, Any]) -> Any:
    """The classifier of nnlib or of scikit-learn."""
    package = importlib.import_module("nnlib" if library == "nnlib" else "sklearn.neural_network")
    return package.MLPClassifier(random_state=0, **settings)


def call(library: str, row: Comparison) -> tuple[Any, Callable[[], Any]]:
    """The model, and what is timed of it."""
    own, X, y = model(library, row.settings), row.X, row.y
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
