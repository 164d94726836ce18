"""Scaling of inputs and targets, as part of a model."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Scaling(NamedTuple):
    """x' = (x − center)/width of each column; both (columns,), of the data's dtype."""

    center: Array
    width: Array

    def apply(self, values: Array) -> Array:
        """Scaled values, shape (n, columns).

        >>> Scaling(np.array([1.0]), np.array([2.0])).apply(np.array([[5.0]]))
        array([[2.]])
        """
        scaled: Array = (values - self.center) / self.width
        return scaled

    def undo(self, values: Array) -> Array:
        """The values before scaling.

        >>> Scaling(np.array([1.0]), np.array([2.0])).undo(np.array([[2.0]]))
        array([[5.]])
        """
        original: Array = values * self.width + self.center
        return original


def fitted_scaling(kind: str, values: Array, weights: Array) -> Scaling:
    """Mean and standard deviation ("standard"), or median and interquartile range ("robust").

    A column that does not vary gets the width 1. Weighted examples count in the mean and the
    standard deviation by their weights; those of weight 0 count in neither kind.

    Parameters
    ----------
    kind : {"standard", "robust"}
    values : ndarray, shape (n, columns)
    weights : ndarray, shape (n,), or empty

    Returns
    -------
    Scaling

    Examples
    --------
    >>> fitted_scaling("robust", np.array([[0.0], [1], [2], [3], [100]]), np.empty(0))
    Scaling(center=array([2.]), width=array([2.]))
    """
    counted, factors = values, None
    if weights.size:
        counted, factors = values[weights > 0], weights[weights > 0]
    wide = counted.astype(np.float64, copy=False)
    if kind == "standard":
        center = np.average(wide, axis=0, weights=factors)
        width = np.sqrt(np.average((wide - center) ** 2, axis=0, weights=factors))
    else:
        low, center, high = np.percentile(wide, [25, 50, 75], axis=0)
        width = high - low
    # What is left of a constant column by rounding is no width.
    varies = width > 10 * np.finfo(values.dtype).eps * np.abs(center)
    return Scaling(center.astype(values.dtype), np.where(varies, width, 1.0).astype(values.dtype))
