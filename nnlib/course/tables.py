"""Linear and logistic regression: single neurons on real tables, which scikit-learn ships with.

Inputs are standardised during the descent (see `System.run`); weights and biases are in the table's
own units. On standardised inputs, the second derivative of an identity neuron's mean half squared
error is the correlation matrix of the inputs, and 1 for the bias. A learning rate of 0.1 is
therefore stable up to 19 inputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..network import Network
from .system import System


def blood_pressure() -> System:
    """Linear regression with one input: blood pressure from age.

    F(x) = w x + b, with x the age in years and F the average blood pressure in mmHg of the
    442 patients of scikit-learn's diabetes table. X is (442, 1), y is (442,).

    Raises
    ------
    ImportError
        If scikit-learn is not installed.

    Examples
    --------
    >>> from nnlib import course
    >>> system = course.blood_pressure()
    >>> history = system.run()
    >>> round(system.network.weights[0].item(), 4)  # mmHg per year
    0.3539
    >>> round(system.network.F([[50.0]]).item(), 2)
    95.17
    """
    table = _load("load_diabetes", scaled=False)
    return _linear_regression(
        "blood pressure (mmHg) from age (years)",
        _columns(table, "age"),
        _columns(table, "bp")[:, 0],
    )


def diabetes_progression() -> System:
    """Linear regression with two inputs: progression of diabetes from body mass and blood pressure.

    F(x) = w·x + b, with x the body mass index in kg/m² and the average blood pressure in mmHg, and
    F the progression of the disease one year later (the table's own score, 25 to 346), for the
    442 patients of scikit-learn's diabetes table. X is (442, 2), y is (442,).

    The lecture's two inputs are engine volume and weight, for the CO2 that a car emits; no such
    table comes with scikit-learn, so this real one stands in for it.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.

    Examples
    --------
    >>> from nnlib import course
    >>> system = course.diabetes_progression()
    >>> history = system.run()
    >>> system.network.weights[0].round(3)  # per kg/m², per mmHg
    array([[8.519, 1.385]])
    """
    table = _load("load_diabetes", scaled=False)
    return _linear_regression(
        "diabetes progression (score) from body mass index (kg/m²) and blood pressure (mmHg)",
        _columns(table, "bmi", "bp"),
        table.target,
    )


def breast_cancer() -> System:
    """Logistic regression: is a breast tumour benign (class 1) or malignant (class 0)?

    F(x) = σ(w·x + b), with x the thirty measurements of a tumour's cell nuclei, for the 569
    patients of scikit-learn's breast cancer table; class 1 if and only if F(x) > 1/2, that is
    w·x + b > 0. Trained on the lecture's half squared error. X is (569, 30), y is (569,).

    Raises
    ------
    ImportError
        If scikit-learn is not installed.

    Examples
    --------
    >>> from nnlib import course
    >>> system = course.breast_cancer()
    >>> history = system.run()
    >>> benign = system.network.F(system.X)[:, 0] > 1 / 2
    >>> float((benign == system.y).mean().round(2))
    0.99

    To train on some rows and judge on the others, replace the data:

    >>> from dataclasses import replace
    >>> system = course.breast_cancer()
    >>> history = replace(system, X=system.X[::2], y=system.y[::2]).run()
    >>> benign = system.network.F(system.X[1::2])[:, 0] > 1 / 2
    >>> float((benign == system.y[1::2]).mean().round(2))
    0.97
    """
    table = _load("load_breast_cancer")
    X = np.ascontiguousarray(table.data)
    return System(
        description="benign (1) or malignant (0) from 30 measurements of the cell nuclei",
        network=Network([X.shape[1], 1], activation="sigmoid", initializer="zeros"),
        X=X,
        y=table.target.astype(np.float64),
        settings={"learning_rate": 1.0, "epochs": 1000, "reduction": "mean"},
        standardize=True,
    )


def _linear_regression(description: str, X: Any, y: Any) -> System:
    return System(
        description=description,
        network=Network([X.shape[1], 1], activation="identity", initializer="zeros"),
        X=X,
        y=y,
        settings={"learning_rate": 0.1, "epochs": 1000, "reduction": "mean"},
        standardize=True,
    )


def _columns(table: Any, *names: str) -> Any:
    """The named columns of a table, shape (n, names)."""
    return np.ascontiguousarray(table.data[:, [table.feature_names.index(name) for name in names]])


def _load(loader: str, **options: Any) -> Any:
    """A table of scikit-learn, imported only when a table is wanted."""
    try:
        from sklearn import datasets
    except ImportError as error:
        raise ImportError(
            "this table comes with scikit-learn, which is not installed: pip install scikit-learn"
        ) from error
    return getattr(datasets, loader)(**options)
