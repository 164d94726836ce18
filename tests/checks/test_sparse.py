"""Sparse matrices of any format become the same checked rows; what is wrong is named."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from scipy import sparse

from nnlib.checks.sparse import Records, Rows, records

DTYPES = [np.dtype("float32"), np.dtype("float64")]


def dense(given: Records) -> np.ndarray:
    """The matrix that the records say."""
    own = given.content()
    values = own.values if own.values.size else np.ones(len(own.columns), given.dtype)
    shape = len(own.starts) - 1, own.features
    return sparse.csr_array((values, own.columns.astype(np.int64), own.starts), shape).toarray()


def example(n: int = 7, features: int = 5) -> sparse.csr_array:
    """A third of the entries, and a row without any."""
    rng = np.random.default_rng(3)
    full = rng.normal(size=(n, features)) * (rng.random((n, features)) < 0.3)
    full[2] = 0
    return sparse.csr_array(full)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"])
def test_formats(form, dtype):
    X = example()
    np.testing.assert_array_equal(
        dense(records("X", X.asformat(form), 5, dtype)), X.toarray().astype(dtype)
    )


@pytest.mark.parametrize("integer", [np.int32, np.int64])
def test_unsorted_indices_and_duplicates_add_up(integer):
    columns, starts = np.array([2, 0, 2, 1], integer), np.array([0, 3, 4], integer)
    X = sparse.csr_matrix((np.array([1.0, 2.0, 3.0, 4.0]), columns, starts), (2, 3))
    np.testing.assert_array_equal(
        dense(records("X", X, 3, np.dtype("float64"))), [[2, 0, 4], [0, 4, 0]]
    )


def test_ones_have_no_values():
    X = records("X", sparse.csr_array([[True, False], [True, True]]), 2, np.dtype("float32"))
    assert X.matrix.values.size == 0
    np.testing.assert_array_equal(dense(X), [[1, 0], [1, 1]])


def test_later_changes_of_the_matrix_are_not_seen():
    given = example()
    X, before = records("X", given, 5, np.dtype("float64")), given.toarray()
    given.indices[:] = 10**9
    given.data[:] = 7
    np.testing.assert_array_equal(dense(X), before)


def test_parts_copies_and_pickles_have_their_rows():
    X, full = records("X", example(), 5, np.dtype("float64")), example().toarray()
    chosen = np.array([6, 2, 0, 0])
    for part, rows in ((X[chosen], full[chosen]), (X[1:3], full[1:3]), (X.copy(), full)):
        for again in (part, copy.deepcopy(part), pickle.loads(pickle.dumps(part))):
            np.testing.assert_array_equal(dense(again), rows)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: X.indices.__setitem__(3, 5), "column index 5 in row 3, wanted 0 to 4"),
        (lambda X: X.indices.__setitem__(0, -1), "column index -1 in row 0, wanted 0 to 4"),
        (lambda X: X.data.__setitem__(3, np.nan), "holds nan in row 3, column"),
        (lambda X: X.data.__setitem__(0, np.inf), "holds inf in row 0, column"),
        (lambda X: X.indptr.__setitem__(1, 99), "an indptr of 8 numbers"),
        (lambda X: X.indptr.__setitem__(-1, 99), "an indptr of 8 numbers"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(change, message):
    X = example()
    assert X.indptr[:5].tolist() == [0, 2, 2, 2, 5]
    change(X)
    with pytest.raises(ValueError, match=message):
        records("X", X, 5, np.dtype("float64"))


@pytest.mark.parametrize("form", ["csc", "bsr"])
def test_wrong_indices_of_other_formats_are_refused_before_scipy_converts_them(form):
    X = example().asformat(form)
    X.indices[0] = 10**6
    with pytest.raises(ValueError, match=rf"X is no valid sparse matrix \({form}\)"):
        records("X", X, 5, np.dtype("float64"))


@pytest.mark.parametrize(("place", "name"), [("row", "row"), ("col", "column")])
def test_wrong_coordinates_are_refused(place, name):
    X = sparse.coo_matrix(example())
    getattr(X, place)[0] = 10**6
    with pytest.raises(ValueError, match=f"it has the {name} index 1000000, wanted 0 to"):
        records("X", X, 5, np.dtype("float64"))


def test_shapes_and_dtypes():
    with pytest.raises(ValueError, match=r"X has shape \(7, 5\), wanted \(n, 4\)"):
        records("X", example(), 4, np.dtype("float64"))
    with pytest.raises(ValueError, match="X is empty"):
        records("X", sparse.csr_array((0, 5)), 5, np.dtype("float64"))
    with pytest.raises(TypeError, match="X has dtype complex128, wanted real numbers"):
        records("X", example() * 1j, 5, np.dtype("float64"))
    with pytest.raises(ValueError, match=r"holds inf in row 0, .*float32"):
        records("X", example() * 1e300, 5, np.dtype("float32"))


def test_rows_that_were_sorted_once_are_looked_at_again():
    X = sparse.csr_array([[1.0, 2.0, 3.0], [0.0, 4.0, 5.0]])
    assert X.has_sorted_indices  # which SciPy remembers
    X.indices[:3] = [2, 0, 1]
    content = records("X", X, 3, np.dtype("float64")).content()
    assert content.columns.tolist() == [0, 1, 2, 1, 2]
    assert content.values.tolist() == [2.0, 3.0, 1.0, 4.0, 5.0]


@pytest.mark.parametrize("name", ["indices", "indptr"])
def test_indices_are_whole_numbers(name):
    X = example()
    setattr(X, name, getattr(X, name) * np.nan)  # which is beyond no bound
    with pytest.raises(TypeError, match=f"X has {name} of dtype float64 and shape"):
        records("X", X, 5, np.dtype("float64"))


def test_unsorted_rows_without_scipy_are_refused():
    rows = Rows(np.array([0, 2]), np.array([1, 0]), np.ones(2), (1, 2))
    with pytest.raises(ValueError, match="X has rows whose columns do not rise"):
        records("X", rows, 2, np.dtype("float64"))


@pytest.mark.parametrize(
    "change",
    [
        lambda X: X * 2,
        lambda X: X * np.nan,
        lambda X: X[:, :4],
        lambda X: X[0],
        lambda X: X + np.array([0, 0, 0, 0, 1e3, 0]),  # more entries than there are
        lambda X: X - np.array([2.0**20, 0, 0, 0, 0, 0]),  # begins before the first
        lambda X: np.ones((3, 6)).view(Records),
    ],
)
def test_what_is_computed_from_records_is_refused(change):
    X = records("X", example(), 5, np.dtype("float64"))
    with pytest.raises(ValueError, match="X is made of sparse examples by arithmetic"):
        records("X", change(X), 5, np.dtype("float64"))


def test_records_that_were_checked_are_nobody_elses():
    X = records("X", example(), 5, np.dtype("float64"))
    again = records("X", X, 5, np.dtype("float64"))
    X[:] = 0
    np.testing.assert_array_equal(dense(again), example().toarray())
