"""Three real tables that come with scikit-learn, each with a network, a start and a cost to reach.

Inputs, and the target of the regression, have mean 0 and variance 1; a column that never changes
stays 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .problem import Problem, glorot
from .workload import Array, UnavailableError


@dataclass(frozen=True)
class RealProblem:
    """A problem and the mean cost J of its examples that has to be reached.

    Attributes
    ----------
    name
        Heading in the report.
    description
        Network, loss and number of examples, for the report.
    build
        Makes the problem, with neither optimizer nor learning rate chosen.
    target
        All optimizers reach it with a good learning rate; see each problem for what it means.
    """

    name: str
    description: str
    build: Callable[[], Problem]
    target: float

    def __str__(self) -> str:
        return self.name


def diabetes() -> Problem:
    """Progression of the disease from ten measurements of 442 patients: regression.

    The best straight line has J = 0.241, so a target of 0.2 needs the hidden layer.
    """
    table = _load("load_diabetes", scaled=False)
    return _problem(
        (10, 16, 1), ("tanh", "identity"), "half_squared_error", table.data,
        _standardised(table.target[:, None]),
    )  # fmt: skip


def breast_cancer() -> Problem:
    """Benign or malignant from thirty measurements of 569 tumours: two classes.

    At J = 0.02 the geometric mean of the probability given to the right class is 0.98.
    """
    table = _load("load_breast_cancer")
    y = table.target[:, None].astype(np.float64)
    return _problem((30, 16, 1), ("sigmoid", "sigmoid"), "binary_cross_entropy", table.data, y)


def digits() -> Problem:
    """Which digit, from 1797 images of 8 × 8 pixels: ten classes.

    At J = 0.01 the geometric mean of the probability given to the right class is 0.99.
    """
    table = _load("load_digits")
    y = np.eye(10)[table.target]
    return _problem((64, 32, 10), ("relu", "softmax"), "softmax_cross_entropy", table.data, y)


REAL_PROBLEMS = (
    RealProblem("diabetes", "10-16-1 tanh, half squared error, 442 examples", diabetes, 0.2),
    RealProblem(
        "breast cancer",
        "30-16-1 sigmoid, binary cross-entropy, 569 examples",
        breast_cancer,
        0.02,
    ),
    RealProblem("digits", "64-32-10 relu and softmax, cross-entropy, 1797 examples", digits, 0.01),
)


def _problem(
    sizes: tuple[int, ...], activations: tuple[str, ...], loss: str, X: Array, y: Array
) -> Problem:
    return Problem(
        sizes=sizes,
        activations=activations,
        X=_standardised(X),
        y=y,
        start=glorot(np.random.default_rng(0), sizes),
        learning_rate=None,
        reduction="mean",
        batch_size=None,
        loss=loss,
    )


def _standardised(values: Array) -> Array:
    spread = values.std(axis=0)
    standardised: Array = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return standardised


def _load(loader: str, **options: Any) -> Any:
    try:
        from sklearn import datasets
    except ImportError:
        raise UnavailableError("scikit-learn, which has the tables, is not installed") from None
    return getattr(datasets, loader)(**options)
