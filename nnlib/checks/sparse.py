"""Sparse matrices as kernels take them: checked, by rows, and as records that say where they lie.

Any of SciPy's formats will do, and whatever else has its attributes: SciPy itself is not needed.
Nothing is made dense. Entries come in any order; those of one place add up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..kernels.layers.sparse import COLUMNS_DIGIT, COUNT_DIGIT, DIGIT, RECORD, VALUES_DIGIT
from .array_like import NUMBERS

Array = NDArray[Any]

# Columns are counted in int32.
MOST_FEATURES = 2**31 - 1
# So many entries are checked at a time.
_TOGETHER = 1 << 15


class Matrix(NamedTuple):
    """A sparse matrix by rows; nobody else has its arrays, so that nobody changes them."""

    starts: Array  # int64 (n + 1,): entries starts[i] to starts[i + 1] are those of row i
    columns: Array  # uint32 (entries,), rising in every row
    values: Array  # (entries,) of the network's dtype; empty: all are 1
    features: int


class Records(np.ndarray):
    """Sparse examples as rows of numbers that say where their entries lie, shape (n, 6).

    See `kernels.layers.sparse`. Parts and copies keep the matrix alive, whose rows these are. A
    pickle holds the rows themselves, since addresses mean nothing in another process.

    Attributes
    ----------
    matrix : Matrix

    Examples
    --------
    >>> from scipy import sparse
    >>> X = records("X", sparse.csr_array([[0.0, 2.0], [0.0, 0.0]]), 2, np.dtype("float32"))
    >>> X.shape, X[1:].content().starts
    ((2, 6), array([0, 0]))
    """

    matrix: Matrix

    def __array_finalize__(self, made_of: Any) -> None:
        self.matrix = getattr(made_of, "matrix", None)  # type: ignore[assignment]

    def content(self) -> Matrix:
        """The rows as a matrix of their own, which is the same whatever they are part of."""
        own, numbers = self.matrix, np.asarray(self).reshape(-1, RECORD)
        counts = _number(numbers, COUNT_DIGIT)
        first = (_number(numbers, COLUMNS_DIGIT) - own.columns.ctypes.data) // own.columns.itemsize
        starts = _starts(counts)
        places = np.repeat(first - starts[:-1], counts) + np.arange(starts[-1])
        values = own.values[places] if own.values.size else own.values
        return Matrix(starts, own.columns[places], values, own.features)

    def __reduce__(self) -> tuple[Any, ...]:
        return _of_matrix, (self.content(), self.dtype)


def check_alike(argument: str, X: Any, other: Any) -> None:
    """Refuse examples beside sparse ones if they are dense, and the other way round.

    One table of operations goes through both, which reads either records or features.

    >>> check_alike("validation", np.zeros((2, 6)), np.zeros((3, 6)))
    """
    if isinstance(X, Records) != isinstance(other, Records):
        kinds = ("a dense array", "a sparse matrix")
        own, wanted = kinds[isinstance(X, Records)], kinds[isinstance(other, Records)]
        raise TypeError(
            f"{argument}: X is {own}, wanted {wanted} as the training examples are: give both as "
            "sparse matrices, or X.toarray() for both"
        )


def is_sparse(values: Any) -> bool:
    """Whether this is a sparse matrix, or examples that were one.

    >>> is_sparse(np.zeros((2, 2)))
    False
    """
    return isinstance(values, Records) or (hasattr(values, "tocsr") and hasattr(values, "nnz"))


def records(argument: str, matrix: Any, features: int, dtype: np.dtype[Any]) -> Records:
    """The rows of a sparse matrix (n, features) as records of this dtype, n ≥ 1.

    Raises
    ------
    TypeError, ValueError
        For another shape, numbers that are not real and finite, and indices out of range.

    Examples
    --------
    >>> from scipy import sparse
    >>> records("X", sparse.csr_array([[0, np.nan]]), 2, np.dtype("float64"))
    Traceback (most recent call last):
    ...
    ValueError: X holds nan in row 0, column 1, wanted finite numbers (as float64)
    """
    if isinstance(matrix, Records):
        given_records = matrix.copy()  # so that nobody changes them after the check
        _check_own(argument, given_records)
        if given_records.matrix.features == features and matrix.dtype == dtype:
            return given_records
        matrix = given_records.content()
        shape: tuple[int, ...] = (len(matrix.starts) - 1, matrix.features)
    else:
        shape = tuple(matrix.shape)
    if len(shape) != 2 or shape[1] != features:
        raise ValueError(f"{argument} has shape {shape}, wanted (n, {features})")
    if not shape[0]:
        raise ValueError(f"{argument} is empty, wanted at least one example")
    if features > MOST_FEATURES:
        raise ValueError(f"{argument} has {features} columns, wanted at most {MOST_FEATURES}")
    if isinstance(matrix, Matrix):
        given = matrix._replace(values=matrix.values.astype(dtype))
    else:
        given = _by_rows(argument, matrix, features, dtype)
    return _of_matrix(given, dtype)


class Rows(NamedTuple):
    """A sparse matrix by rows with the names that SciPy gives its parts."""

    indptr: Array
    indices: Array
    data: Array
    shape: tuple[int, int]
    format: str = "csr"

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the values."""
        return self.data.dtype


def parts_of(given: Records) -> dict[str, Array]:
    """The rows as arrays for a file, from which `from_parts` makes them again.

    >>> X = from_parts({"starts": np.array([0, 1]), "columns": np.array([2]),
    ...                 "values": np.ones(1), "features": np.array([3])})
    >>> parts_of(X)["features"]
    array([3])
    """
    own = given.content()
    values = own.values if own.values.size else np.ones(len(own.columns), given.dtype)
    features = np.array([own.features])
    return {"starts": own.starts, "columns": own.columns, "values": values, "features": features}


def from_parts(parts: Mapping[str, Array]) -> Records:
    """Records of what `parts_of` gave, checked as what a user gives.

    Raises
    ------
    TypeError, ValueError
        As `records`.

    Examples
    --------
    >>> from_parts({"starts": np.array([0, 1]), "columns": np.array([2]),
    ...             "values": np.ones(1), "features": np.array([3])}).shape
    (1, 6)
    """
    (features,) = parts["features"].tolist()
    shape = len(parts["starts"]) - 1, features
    rows = Rows(parts["starts"], parts["columns"], parts["values"], shape)
    return records("X", rows, features, rows.dtype)


def _by_rows(argument: str, matrix: Any, features: int, dtype: np.dtype[Any]) -> Matrix:
    """The matrix with arrays of its own, checked."""
    if matrix.dtype.kind not in NUMBERS:
        raise TypeError(f"{argument} has dtype {matrix.dtype}, wanted real numbers")
    rows = _converted(argument, matrix)
    for name in ("indptr", "indices"):
        _check_whole(argument, name, getattr(rows, name))
    starts = np.array(rows.indptr, np.int64)
    data = np.asarray(rows.data)
    _check_starts(argument, starts, min(len(rows.indices), data.size), matrix.shape[0])
    columns = _own_columns(argument, np.asarray(rows.indices)[: starts[-1]], starts, features)
    own = Matrix(starts, columns, data[: starts[-1]], features)
    own = own._replace(values=_own_values(argument, own, dtype))
    return own if _rises(own) else _sorted(argument, rows, own)


def _stretches(size: int) -> Iterator[slice]:
    """Entries one after the other, as many at a time as stay in cache while they are looked at."""
    return (slice(first, first + _TOGETHER) for first in range(0, size, _TOGETHER))


def _own_columns(argument: str, given: Array, starts: Array, features: int) -> Array:
    """The column indices as uint32, checked."""
    columns = np.empty(given.size, np.uint32)
    for part in _stretches(given.size):
        own = given[part].copy()  # so that nobody changes them after the check
        if own.min() < 0 or own.max() >= features:
            place = int(np.argmax((own < 0) | (own >= features)))
            raise ValueError(
                f"{argument} has the column index {own[place]} in row "
                f"{_row(starts, part.start + place)}, wanted 0 to {features - 1}"
            )
        columns[part] = own
    return columns


def _own_values(argument: str, own: Matrix, dtype: np.dtype[Any]) -> Array:
    """The matrix' values in this dtype, checked; empty if all are 1."""
    given, values = own.values, np.empty(0, dtype)
    for part in _stretches(given.size):
        with np.errstate(over="ignore"):  # beyond float32's range: infinite, and refused as such
            copied = given[part].astype(dtype)
        if not values.size and (copied == 1).all():
            continue
        finite = np.isfinite(copied)
        if not finite.all():
            place = int(np.argmin(finite))
            entry = part.start + place
            raise ValueError(
                f"{argument} holds {copied[place]} in row {_row(own.starts, entry)}, column "
                f"{own.columns[entry]}, wanted finite numbers (as {dtype})"
            )
        if not values.size:
            values = np.ones(given.size, dtype)
        values[part] = copied
    return values


def _rises(own: Matrix) -> bool:
    """Whether the columns of every row rise: they fall nowhere but from row to row."""
    columns = own.columns
    before, after = columns[:-1], columns[1:]
    falls = sum(np.count_nonzero(after[part] < before[part]) for part in _stretches(after.size))
    first = own.starts[:-1][np.diff(own.starts) > 0][1:]  # of rows with entries, but the first
    return bool(falls == np.count_nonzero(columns[first] < columns[first - 1]))


def _converted(argument: str, matrix: Any) -> Any:
    """The matrix by rows. Another format is looked at first: SciPy converts what it holds unseen.

    Whoever has written wrong indices into one would have it written beyond arrays.
    """
    kind = getattr(matrix, "format", None)
    if kind == "csr":
        return matrix
    try:
        if hasattr(matrix, "check_format"):
            matrix.check_format(full_check=True)
        if kind == "coo":
            for name, indices, size in zip(
                ("row", "column"), (matrix.row, matrix.col), matrix.shape, strict=True
            ):
                bad = (indices < 0) | (indices >= size)
                if bad.any():
                    raise ValueError(
                        f"it has the {name} index {indices[np.argmax(bad)]}, wanted 0 to {size - 1}"
                    )
    except ValueError as error:
        raise ValueError(f"{argument} is no valid sparse matrix ({kind}): {error}") from None
    return matrix.tocsr()


def _sorted(argument: str, rows: Any, own: Matrix) -> Matrix:
    """The matrix with rising columns in every row.

    SciPy sorts row by row, which takes a sixth of the time of a sort of all entries. It sorts our
    checked arrays: those of the caller may have changed.
    """
    if not hasattr(rows, "sort_indices"):
        raise ValueError(f"{argument} has rows whose columns do not rise, wanted sorted columns")
    shape = len(own.starts) - 1, own.features
    values = own.values if own.values.size else np.ones(own.columns.size, np.float32)
    ordered = type(rows)((values, own.columns, own.starts), shape=shape)
    ordered.sort_indices()
    columns = np.asarray(ordered.indices).astype(np.uint32)
    return own._replace(columns=columns, values=ordered.data if own.values.size else own.values)


def _check_own(argument: str, given: Records) -> None:
    """Refuse what is no longer rows of its matrix: a kernel reads whatever its numbers point at."""
    own, numbers = given.matrix, np.asarray(given)
    good = own is not None and numbers.ndim == 2 and numbers.shape[1] == RECORD
    if good:
        with np.errstate(invalid="ignore"):
            counts = _number(numbers, COUNT_DIGIT)
            bytes_before = _number(numbers, COLUMNS_DIGIT) - own.columns.ctypes.data
        first = bytes_before // own.columns.itemsize
        inside = (counts >= 0) & (first >= 0) & (first + counts <= len(own.columns))
        good = inside.all() and np.array_equal(numbers, _numbers(own, first, counts, given.dtype))
    if not good:
        raise ValueError(
            f"{argument} is made of sparse examples by arithmetic, or was written into: such an "
            "array holds addresses, not features; give the sparse matrix, or rows of the examples"
        )


def _check_whole(argument: str, name: str, given: Any) -> None:
    """Refuse indices that are no vector of whole numbers: NaN is beyond no bound, but no place."""
    array = np.asarray(given)
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise TypeError(
            f"{argument} has {name} of dtype {array.dtype} and shape {array.shape}, wanted a "
            "vector of whole numbers"
        )


def _check_starts(argument: str, starts: Array, entries: int, n: int) -> None:
    """Refuse rows whose entries are not all there, or not one behind the other."""
    whole = starts.shape == (n + 1,) and starts[0] == 0 and starts[-1] <= entries
    if not whole or (np.diff(starts) < 0).any():
        raise ValueError(
            f"{argument} has an indptr of {len(starts)} numbers, wanted {n + 1} that rise from 0 "
            f"to at most {entries}, the number of its entries"
        )


def _row(starts: Array, entry: int) -> int:
    """The row of an entry."""
    return int(np.searchsorted(starts, entry, side="right")) - 1


def _starts(counts: Array) -> Array:
    """Where the entries of each row begin, and where the last ends."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def _of_matrix(matrix: Matrix, dtype: np.dtype[Any]) -> Records:
    """Records of all rows of a checked matrix."""
    made = _numbers(matrix, matrix.starts[:-1], np.diff(matrix.starts), dtype).view(Records)
    made.matrix = matrix
    return made


def _numbers(matrix: Matrix, first: Array, counts: Array, dtype: np.dtype[Any]) -> Array:
    """The numbers of records that begin at these entries, and have so many."""
    columns, values = matrix.columns, matrix.values
    numbers = np.zeros((len(first), RECORD), dtype)
    _write(numbers, COUNT_DIGIT, counts)
    _write(numbers, COLUMNS_DIGIT, columns.ctypes.data + columns.itemsize * first)
    if values.size:
        _write(numbers, VALUES_DIGIT, values.ctypes.data + values.itemsize * first)
    return numbers


def _write(numbers: Array, place: int, whole: Array) -> None:
    """Whole numbers as two digits from `place` on."""
    numbers[:, place], numbers[:, place + 1] = whole & (DIGIT - 1), whole // DIGIT


def _number(numbers: Array, place: int) -> Array:
    """The whole numbers of the digits from `place` on."""
    low, high = (numbers[:, place + k].astype(np.int64) for k in range(2))
    return low + high * DIGIT
