"""Counts of words as the rows of a matrix, dense or sparse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..checks.memory import check_memory
from .counts import Counts

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def dense_vectors(counts: Counts, words: int, binary: bool) -> NDArray[np.float64]:
    """The counts as an array (n, words); if binary, 1 in place of each.

    Raises
    ------
    ValueError
        If it would take more than the machine's memory.

    Examples
    --------
    >>> counts = Counts(np.array([0, 1]), np.array([1], np.intc), np.array([3.0]))
    >>> dense_vectors(counts, 2, binary=False)
    array([[0., 3.]])
    """
    texts = len(counts.ends) - 1
    check_memory(
        f"{texts} dense vectors of {words} words, which sparse=True would avoid,",
        8 * texts * words,
    )
    X = np.zeros((texts, words))
    X[counts.rows, counts.columns] = 1.0 if binary else counts.values
    return X


def sparse_vectors(counts: Counts, words: int, binary: bool, kind: type[csr_array]) -> csr_array:
    """The same as a sparse array of the kind that `csr_kind` gives.

    Examples
    --------
    >>> counts = Counts(np.array([0, 1]), np.array([1], np.intc), np.array([3.0]))
    >>> sparse_vectors(counts, 2, True, csr_kind()).toarray()
    array([[0., 1.]])
    """
    values = np.ones(len(counts.values)) if binary else counts.values
    return kind((values, counts.columns, counts.ends), shape=(len(counts.ends) - 1, words))


def csr_kind() -> type[csr_array]:
    """SciPy's class of sparse arrays, in compressed rows.

    Raises
    ------
    ImportError
        If SciPy is missing.

    Examples
    --------
    >>> csr_kind().__name__
    'csr_array'
    """
    try:
        from scipy.sparse import csr_array
    except ImportError:
        raise ImportError(
            "encode(sparse=True) and fit_encode need SciPy, the extra sparse: pip install scipy"
        ) from None
    kind: type[csr_array] = csr_array
    return kind
