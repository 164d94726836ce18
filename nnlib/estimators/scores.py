"""The scores of validation examples: those of scikit-learn, without its checks in every epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..model.prediction import explained

Array = NDArray[Any]


def accuracy(outputs: Array, targets: Array, weights: Array) -> float:
    """The part of the examples whose classes are all right; NaN where an output is not finite.

    Parameters
    ----------
    outputs : ndarray, shape (n, outputs)
        Probabilities: one column for two classes, one for each class, or for each label.
    targets : ndarray, shape (n, outputs)
        0 or 1; with several columns that are not classes every label has to be right.
    weights : ndarray, shape (n,), or empty

    Returns
    -------
    float

    Examples
    --------
    >>> accuracy(np.array([[0.9], [0.2]]), np.array([[1], [1]]), np.empty(0))
    0.5
    """
    if not np.isfinite(outputs).all():
        return np.nan
    right = ((outputs > 0.5) == (targets > 0.5)).all(axis=1)
    return _mean(right, weights)


def accuracy_of_classes(outputs: Array, targets: Array, weights: Array) -> float:
    """The part of the examples whose most probable class is the right one.

    >>> accuracy_of_classes(np.array([[0.4, 0.3, 0.3]]), np.array([[1, 0, 0]]), np.empty(0))
    1.0
    """
    if not np.isfinite(outputs).all():
        return np.nan
    return _mean(outputs.argmax(axis=1) == targets.argmax(axis=1), weights)


def r2(outputs: Array, targets: Array, weights: Array) -> float:
    """1 − Σ v (y − F)²/Σ v (y − ȳ)², the mean over the outputs; NaN as in `accuracy`.

    An output whose targets are all the same counts 1 if it is met, else 0.

    Examples
    --------
    >>> r2(np.array([[1.0], [3.0]]), np.array([[1.0], [3.0]]), np.empty(0))
    1.0
    """
    if not np.isfinite(outputs).all():
        return np.nan
    return explained(targets, outputs, weights if weights.size else np.ones(len(targets)))


def _mean(values: Array, weights: Array) -> float:
    return float(np.average(values, weights=weights if weights.size else None))
