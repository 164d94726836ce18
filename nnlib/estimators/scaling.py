"""Scaling of inputs and targets, as part of a model.

Sparse inputs are divided by widths and not centred: what is 0 has to stay 0. So it is in
scikit-learn with ``StandardScaler(with_mean=False)`` and ``RobustScaler(with_centering=False)``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..checks.sparse import Records
from .inputs import as_rows, matrix_of

Array = NDArray[Any]


class Scaling(NamedTuple):
    """x' = (x − center)/width of each column; both (columns,), of the data's dtype."""

    center: Array
    width: Array

    def apply(self, values: Array) -> Array:
        """Scaled values, shape (n, columns).

        Raises
        ------
        ValueError
            For sparse values, if the center is not 0.

        Examples
        --------
        >>> Scaling(np.array([1.0]), np.array([2.0])).apply(np.array([[5.0]]))
        array([[2.]])
        """
        if isinstance(values, Records):
            return self._scaled_records(values)
        scaled: Array = (values - self.center) / self.width
        return scaled

    def _scaled_records(self, rows: Records) -> Array:
        if self.center.any():
            raise ValueError(
                "X is a sparse matrix, and the scaling of the dense examples of the training "
                "centres it: give X.toarray(), or fit with a sparse X"
            )
        matrix = matrix_of(rows)
        matrix.data /= self.width[matrix.indices]
        return as_rows(matrix)

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
    standard deviation by their weights; those of weight 0 count in neither kind. The center of
    sparse values is 0, their width that of the same dense ones.

    Parameters
    ----------
    kind : {"standard", "robust"}
    values : ndarray, shape (n, columns), or Records
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
    if isinstance(counted, Records):
        center, width = _SPARSE[kind](matrix_of(counted).astype(np.float64), factors)
        kept = np.zeros_like(center)
    else:
        center, width = _DENSE[kind](counted.astype(np.float64, copy=False), factors)
        kept = center
    # What is left of a constant column by rounding is no width.
    varies = width > 10 * np.finfo(values.dtype).eps * np.abs(center)
    return Scaling(kept.astype(values.dtype), np.where(varies, width, 1.0).astype(values.dtype))


def _moments(values: Array, weights: Array | None) -> tuple[Array, Array]:
    """Mean and standard deviation of each column."""
    mean = np.average(values, axis=0, weights=weights)
    return mean, np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weights))


def _quartiles(values: Array, weights: Array | None) -> tuple[Array, Array]:
    """Median and interquartile range of each column."""
    low, middle, high = np.percentile(values, [25, 50, 75], axis=0)
    return middle, high - low


def _sparse_moments(matrix: sparse.csr_matrix, weights: Array | None) -> tuple[Array, Array]:
    """`_moments` by sums over entries, and over what is not there."""
    matrix.sum_duplicates()
    n, columns = matrix.shape
    parts = np.full(n, 1 / n) if weights is None else weights.astype(np.float64) / weights.sum()
    parts = np.repeat(parts, np.diff(matrix.indptr))

    def summed(terms: Array) -> Array:
        return np.bincount(matrix.indices, terms, columns)

    mean = summed(parts * matrix.data)
    # A full column has no part that rounding could leave.
    full = np.bincount(matrix.indices, minlength=columns) == n
    absent = np.where(full, 0.0, np.maximum(1 - summed(parts), 0))
    deviations = matrix.data - mean[matrix.indices]
    return mean, np.sqrt(summed(parts * deviations**2) + absent * mean**2)


def _sparse_quartiles(matrix: sparse.csr_matrix, weights: Array | None) -> tuple[Array, Array]:
    """`_quartiles` of the columns that have enough entries; those of any other are 0."""
    by_column = matrix.tocsc()
    by_column.sum_duplicates()
    n, columns = matrix.shape
    middle, width = np.zeros(columns), np.zeros(columns)
    for column in np.flatnonzero(4 * np.diff(by_column.indptr) >= n):
        dense = by_column[:, [column]].toarray()
        middle[[column]], width[[column]] = _quartiles(dense, None)
    return middle, width


_DENSE = {"standard": _moments, "robust": _quartiles}
_SPARSE = {"standard": _sparse_moments, "robust": _sparse_quartiles}
