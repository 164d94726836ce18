"""Examples as an estimator takes them: arrays, data frames, and sparse matrices by rows or columns.

scikit-learn checks them. A sparse matrix then becomes `Records`, rows that go through splits and
folds as those of an array do; it becomes a matrix again where scikit-learn or a user sees it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..checks.examples import Examples
from ..checks.sparse import Records, is_sparse, records

Array = NDArray[Any]

DTYPES = (np.float64, np.float32)
# What scikit-learn is to make of any sparse matrix.
FORMAT = "csr"


def as_rows(X: Any) -> Array:
    """The rows of a checked array or sparse matrix, (n, features).

    Raises
    ------
    ValueError
        For indices of a sparse matrix that are out of range.

    Examples
    --------
    >>> as_rows(sparse.csr_array([[0.0, 2.0]])).shape, as_rows(np.eye(2)).shape
    ((1, 6), (2, 2))
    """
    return records("X", X, X.shape[1], X.dtype) if is_sparse(X) else X


def as_given(rows: Array) -> Any:
    """An array as it is, and records as a sparse matrix by rows: what scikit-learn understands.

    >>> as_given(as_rows(sparse.csr_array([[0.0, 2.0]]))).toarray()
    array([[0., 2.]])
    """
    return matrix_of(rows) if isinstance(rows, Records) else rows


def matrix_of(rows: Records) -> sparse.csr_matrix:
    """The matrix (n, features) of records, with arrays of its own.

    >>> matrix_of(as_rows(sparse.csr_array([[0.0, 2.0]]))).nnz
    1
    """
    content = rows.content()
    ones = np.ones(len(content.columns), rows.dtype)
    values = content.values if content.values.size else ones
    shape = len(rows), content.features
    return sparse.csr_matrix((values, content.columns, content.starts), shape=shape)


def with_dtype(given: Examples, dtype: Any) -> Examples:
    """The examples with all arrays of the network's dtype."""
    X = given.X
    if isinstance(X, Records):
        X = records("X", X, X.matrix.features, np.dtype(dtype))
    else:
        X = np.asarray(X, dtype)
    return Examples(X, np.asarray(given.y, dtype), np.asarray(given.weights, dtype))


def refuse_masked(**arrays: Any) -> None:
    """Refuse NumPy's masked arrays that hide values: a fit would use what lies under the mask.

    >>> refuse_masked(X=np.ma.array([1.0, 2.0], mask=[False, True]))
    Traceback (most recent call last):
    ...
    ValueError: X is a masked array with 1 masked value, wanted one without: drop or fill them
    """
    for name, array in arrays.items():
        if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
            count = int(np.ma.getmaskarray(array).sum())
            raise ValueError(
                f"{name} is a masked array with {count} masked value{'s' if count > 1 else ''}, "
                "wanted one without: drop or fill them"
            )


def refuse_sparse_targets(y: Any) -> None:
    """Refuse a sparse matrix of targets.

    >>> refuse_sparse_targets(sparse.csr_array([[0, 1]]))
    Traceback (most recent call last):
    ...
    TypeError: y is a sparse matrix (csr_array), wanted an array: give y.toarray()
    """
    if is_sparse(y):
        raise TypeError(
            f"y is a sparse matrix ({type(y).__name__}), wanted an array: give y.toarray()"
        )
