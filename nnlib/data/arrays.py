"""Rows of arrays: in memory, or mapped from a file."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks.feature_names import names_of
from ..checks.names import hinted
from ..checks.values import shown, whole_number
from .source import Rows, Source, described_parts, equal_parts, starts_of

Array = NDArray[Any]

# Rows of a part, where nobody says otherwise.
PART_ROWS = 65_536


@hinted
def arrays(X: Any, y: Any, *, sample_weight: Any = None, part_rows: int = PART_ROWS) -> Source:
    """A source of arrays, as X and y of `Network.descent`, in parts of `part_rows` rows.

    Arrays stay where they are, also in a file that `numpy.memmap` or ``np.load(…, mmap_mode="r")``
    maps; they must not change while a descent reads them.

    Parameters
    ----------
    X : array_like, shape (n, …)
    y : array_like, shape (n,) or (n, d_L)
    sample_weight : array_like, shape (n,), or None
        How much each row counts.
    part_rows : int
        Shuffled descents put parts in another order, and the rows within each.

    Raises
    ------
    TypeError, ValueError
        If the arrays are not of the same length, or empty.

    Examples
    --------
    >>> import nnlib
    >>> data = nnlib.data.arrays([[0, 1], [2, 3], [4, 5]], [1, 5, 9], part_rows=2)
    >>> data.parts, data.read(1).X.tolist()
    ((2, 1), [[4, 5]])
    """
    given = {"X": X, "y": y, **({} if sample_weight is None else {"sample_weight": sample_weight})}
    read = {name: _as_array(name, value) for name, value in given.items()}
    n = len(read["X"])
    for name, array in read.items():
        if len(array) != n:
            raise ValueError(f"{name} has {len(array)} rows and X {n}, wanted as many")
    if n == 0:
        raise ValueError("X has no rows")
    part_rows = whole_number("part_rows", part_rows, 1)
    found = _Arrays(read["X"], read["y"], read.get("sample_weight"), equal_parts(n, part_rows))
    found.columns = names_of(X)
    return found


@hinted
def memory_map(
    X: str | os.PathLike[str], y: str | os.PathLike[str], *, part_rows: int = PART_ROWS
) -> Source:
    """A source of two files of NumPy (``.npy``), mapped into memory: read as they are needed.

    Another process can read it too: what is pickled are the names of the files.

    Parameters
    ----------
    X, y : str or PathLike
        Of the files, as `numpy.save` writes them.
    part_rows : int
        As for `arrays`.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If it holds no array of numbers, or one of another length.

    Examples
    --------
    >>> import nnlib, numpy as np
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/X.npy", np.ones((5, 2)))
    ...     np.save(f"{folder}/y.npy", np.arange(5))
    ...     nnlib.data.memory_map(f"{folder}/X.npy", f"{folder}/y.npy").parts
    (5,)
    """
    return _Mapped(os.fspath(X), os.fspath(y), part_rows)


class _Arrays(Source):
    """Arrays of the same length."""

    def __init__(self, X: Array, y: Array, weights: Array | None, parts: tuple[int, ...]) -> None:
        self.name = "arrays"
        self.parts = parts
        self.weighted = weights is not None
        self._all = Rows(X, y, weights)
        self._starts = starts_of(parts)

    def read(self, part: int) -> Rows:
        """Views of the arrays."""
        start = self._starts[part]
        own = slice(start, start + self.parts[part])
        X, y, weights = self._all
        return Rows(X[own], y[own], None if weights is None else weights[own])

    def identity(self) -> str:
        """The shapes and a digest of everything."""
        total = hashlib.sha256()
        for part in range(len(self.parts)):
            for array in self.read(part):
                if array is not None:
                    total.update(f"{array.dtype} {array.shape};".encode())
                    total.update(np.ascontiguousarray(array).data)
        return f"{described_parts(self.parts)}, sha256 {total.hexdigest()}"


class _Mapped(_Arrays):
    """Arrays in files; pickled as the files' names."""

    def __init__(self, X: str, y: str, part_rows: int) -> None:
        self._files = X, y, part_rows
        mapped = []
        for argument, path in ("X", X), ("y", y):
            try:
                array = np.load(path, mmap_mode="r", allow_pickle=False)
            except ValueError as error:
                raise ValueError(f"{argument} is {path}: {error}") from None
            mapped.append(_as_array(argument, array))
        if len(mapped[0]) != len(mapped[1]):
            raise ValueError(
                f"{y} has {len(mapped[1])} rows and {X} {len(mapped[0])}, wanted as many"
            )
        if not len(mapped[0]):
            raise ValueError(f"{X} has no rows")
        part_rows = whole_number("part_rows", part_rows, 1)
        super().__init__(mapped[0], mapped[1], None, equal_parts(len(mapped[0]), part_rows))
        self.name = os.path.basename(X)

    def __reduce__(self) -> Any:
        return _Mapped, self._files

    def identity(self) -> str:
        """Names, sizes and times of the files."""
        return f"{described_parts(self.parts)}, " + ", ".join(map(described_file, self._files[:2]))


def described_file(path: str) -> str:
    """Name, size and time of change of a file: what a checkpoint knows it by."""
    found = os.stat(path)
    return f"{os.path.basename(path)} of {found.st_size} bytes, {found.st_mtime_ns}"


def _as_array(argument: str, value: Any) -> Array:
    """An array of at least one axis; what is one already stays where it is."""
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    array = value if isinstance(value, np.ndarray) else np.asarray(value)
    if array.ndim == 0 or (array.dtype == object and argument != "y"):
        raise TypeError(f"{argument} is {shown(value)}, wanted an array with a row per example")
    return array
