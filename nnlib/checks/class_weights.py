"""The weight of each class, as weights of the examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .values import known_name, real_number, shown

Array = NDArray[Any]


def class_weight_option(name: str, value: Any) -> Any:
    """The option `class_weight` in its one form: "balanced", or weights by class.

    >>> class_weight_option("class_weight", {"cat": 2})
    {'cat': 2.0}
    """
    if isinstance(value, Mapping):
        return {
            label: real_number(f"{name}[{shown(label)}]", weight) for label, weight in value.items()
        }
    if isinstance(value, str):
        return known_name(name, value, ["balanced"])
    raise TypeError(
        f"{name} must be 'balanced' or a dict such as {{0: 1, 1: 5}}; got {shown(value)}"
    )


def class_factors(value: Any, count: Array, n: int, labels: list[Any]) -> Array:
    """By what the weights of each class are multiplied, shape (classes,).

    Parameters
    ----------
    value, labels
        As for `weights_by_class`.
    count : ndarray of float64, shape (classes,)
        How many of the n examples are of each class.
    n : int

    Raises
    ------
    ValueError
        For a label that no class has.

    Examples
    --------
    >>> class_factors("balanced", np.array([3.0, 1.0]), 4, [0, 1])
    array([0.66666667, 2.        ])
    """
    if value == "balanced":
        present = count > 0
        return np.where(present, n / (present.sum() * np.where(present, count, 1)), 0)
    unknown = [label for label in value if label not in labels]
    if unknown:
        raise ValueError(
            f"class_weight names the class {shown(unknown[0])}, wanted one of "
            f"{', '.join(map(shown, labels))}"
        )
    return np.array([value.get(label, 1.0) for label in labels])


def weights_by_class(value: Any, shares: Array, labels: list[Any], own: Array) -> Array:
    """The examples' weights, each times that of its class.

    Parameters
    ----------
    value : "balanced", or dict from label to float
        n / (k Σ shares) for each of the k classes that there are; or the weights, 1 for a class
        that is left out.
    shares : ndarray, shape (n, classes)
        How much an example is of each class, rows of sum 1.
    labels : list
        Of the classes.
    own : ndarray, shape (n,), or empty
        The examples' own weights; empty: all 1.

    Raises
    ------
    ValueError
        For a label that no class has, and if all weights would be 0.

    Examples
    --------
    >>> shares = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> weights_by_class("balanced", shares, [0, 1], np.empty(0))
    array([0.66666667, 0.66666667, 0.66666667, 2.        ])
    """
    of_class = class_factors(value, shares.sum(axis=0, dtype=np.float64), len(shares), labels)
    weights = shares @ of_class
    weights = weights * own if own.size else weights
    if not weights.any():
        raise ValueError("class_weight leaves every example the weight 0, wanted one above 0")
    return np.ascontiguousarray(weights.astype(own.dtype))
