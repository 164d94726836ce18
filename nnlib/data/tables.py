"""Rows of tables with named columns: of Arrow in memory, of Parquet in files."""

from __future__ import annotations

import glob
import hashlib
import importlib
import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..checks.names import hint, hinted
from ..checks.values import shown, whole_number
from .arrays import PART_ROWS, described_file
from .source import Rows, Source, described_parts, equal_parts, starts_of

Array = NDArray[Any]

# Files of Parquet that a walk holds open.
_MOST_OPEN = 16


class Columns(NamedTuple):
    """Which columns are what."""

    X: tuple[str, ...]
    y: tuple[str, ...]
    weight: str | None

    def all(self) -> list[str]:
        """All of them, each once."""
        weight = () if self.weight is None else (self.weight,)
        return list(dict.fromkeys(self.X + self.y + weight))


@hinted
def parquet(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    y: str | Sequence[str],
    X: Sequence[str] | None = None,
    sample_weight: str | None = None,
) -> Source:
    """A source of Parquet files: every row group is a part.

    Parameters
    ----------
    path : str, PathLike, or a sequence of them
        A file, a folder of files ``*.parquet`` (in the order of their names), or several files.
    y : str or sequence of str
        The column, or columns, of the targets: numbers, booleans, or text for labels.
    X : sequence of str or None
        The columns of the features, which are numbers or booleans; None: all others.
    sample_weight : str or None
        The column with how much each row counts.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    OSError
        If a file is missing or not of Parquet.
    TypeError, ValueError
        If a file lacks a column, has another type there than the first, or a column is no number.

    Examples
    --------
    >>> import nnlib, pandas
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     frame = pandas.DataFrame({"size": [1.0, 2.0], "price": [3.0, 5.0]})
    ...     frame.to_parquet(f"{folder}/prices.parquet")
    ...     nnlib.data.parquet(f"{folder}/prices.parquet", y="price").parts
    (2,)
    """
    return _Parquet(_files(path), _wanted(X, y, sample_weight))


@hinted
def arrow(
    table: Any,
    *,
    y: str | Sequence[str],
    X: Sequence[str] | None = None,
    sample_weight: str | None = None,
    part_rows: int = PART_ROWS,
) -> Source:
    """A source of a table of Arrow, in parts of `part_rows` rows.

    Parameters
    ----------
    table : pyarrow.Table
        Also one that is mapped from a file.
    y, X, sample_weight
        As for `parquet`.
    part_rows : int
        As for `nnlib.data.arrays`.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    TypeError, ValueError
        If a column is missing, or not of numbers.

    Examples
    --------
    >>> import nnlib, pyarrow
    >>> table = pyarrow.table({"size": [1.0, 2.0], "price": [3.0, 5.0]})
    >>> nnlib.data.arrow(table, y="price").columns
    ('size',)
    """
    pyarrow = _pyarrow("pyarrow")
    if not isinstance(table, pyarrow.Table):
        raise TypeError(f"table is {shown(table)}, wanted a pyarrow.Table")
    if not table.num_rows:
        raise ValueError("table has no rows")
    columns = _found(_wanted(X, y, sample_weight), table.schema, "table")
    _types(columns, table.schema, "table")
    return _Arrow(table, columns, whole_number("part_rows", part_rows, 1))


class _Tables(Source):
    """What both have in common: from columns to arrays."""

    _own: Columns

    def _begin(self, name: str, parts: tuple[int, ...], columns: Columns) -> None:
        self.name, self.parts, self._own = name, parts, columns
        self.weighted, self.columns = columns.weight is not None, columns.X

    def _rows(self, table: Any) -> Rows:
        own = self._own
        weights = None if own.weight is None else _column(table, own.weight)
        X, y = _matrix(table, own.X), _matrix(table, own.y)
        return Rows(X, y[:, 0] if len(own.y) == 1 else y, weights)


class _Arrow(_Tables):
    """A table in memory."""

    def __init__(self, table: Any, columns: Columns, part_rows: int) -> None:
        self._table = table
        self._starts = starts_of(equal_parts(table.num_rows, part_rows))
        self._begin("table", equal_parts(table.num_rows, part_rows), columns)

    def read(self, part: int) -> Rows:
        """A slice of the table."""
        start = self._starts[part]
        return self._rows(self._table.slice(start, self.parts[part]))

    def identity(self) -> str:
        """The parts, the columns, and a digest of what they hold."""
        total = hashlib.sha256()
        for part in range(len(self.parts)):
            for array in self.read(part):
                if array is not None:
                    text = array.dtype == object
                    bytes_of = repr(array.tolist()).encode() if text else array.tobytes()
                    total.update(bytes_of)
        return f"{described_parts(self.parts)}, columns {self._own}, sha256 {total.hexdigest()}"


class _Parquet(_Tables):
    """Files; pickled as their names and columns."""

    def __init__(self, files: tuple[str, ...], wanted: Columns) -> None:
        self._files, self._wanted = files, wanted
        self._found = {path: described_file(path) for path in files}
        columns, first, self._groups, counts = None, None, [], []
        for path in files:
            with _opened(path) as file:
                schema, metadata = file.schema_arrow, file.metadata
                columns = _found(wanted, schema, path) if columns is None else columns
                types = _types(columns, schema, path)
                first = first or types
                _check_types(first, types, files[0], path)
                for group in range(metadata.num_row_groups):
                    if metadata.row_group(group).num_rows:
                        self._groups.append((path, group))
                        counts.append(metadata.row_group(group).num_rows)
        assert columns is not None
        if not counts:
            raise ValueError(f"{files[0]} has no rows")
        name = os.path.basename(files[0])
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        self._begin(name + more, tuple(counts), columns)

    def __reduce__(self) -> Any:
        return _Parquet, (self._files, self._wanted)

    def read(self, part: int) -> Rows:
        """A row group."""
        return next(self.walk([part]))

    def walk(self, order: Sequence[int]) -> Iterator[Rows]:
        """Row groups; the files that were read last stay open meanwhile."""
        return map(self._rows, self._groups_of(order, self._own.all()))

    def targets(self) -> Iterator[Any]:
        """The columns of y alone."""
        for group in self._groups_of(range(len(self.parts)), list(self._own.y)):
            y = _matrix(group, self._own.y)
            yield y[:, 0] if len(self._own.y) == 1 else y

    def weights(self) -> Iterator[Any]:
        """The column of weights alone."""
        name = self._own.weight
        assert name is not None
        for group in self._groups_of(range(len(self.parts)), [name]):
            yield _column(group, name)

    def identity(self) -> str:
        """Names, sizes and times of the files, and the columns."""
        return f"{described_parts(self.parts)}, columns {self._own}, " + ", ".join(
            map(described_file, self._files)
        )

    def _groups_of(self, order: Sequence[int], columns: list[str]) -> Iterator[Any]:
        """These columns of row groups, as tables."""
        with _OpenFiles() as files:
            for part in order:
                path, group = self._groups[part]
                if described_file(path) != self._found[path]:
                    raise ValueError(
                        f"{path} has changed since the source was made: make a new one"
                    )
                file = files.opened(path)
                yield file.read_row_group(group, columns=columns, use_threads=False)


class _OpenFiles:
    """The files that were read last: opening one takes as long as reading some hundred rows."""

    def __init__(self) -> None:
        self._files: dict[str, Any] = {}  # the one read last comes last

    def __enter__(self) -> _OpenFiles:
        return self

    def opened(self, path: str) -> Any:
        """A file, open until others have been read."""
        file = self._files.pop(path, None) or _opened(path)
        self._files[path] = file
        if len(self._files) > _MOST_OPEN:
            self._files.pop(next(iter(self._files))).close()
        return file

    def __exit__(self, *error: object) -> None:
        for file in self._files.values():
            file.close()


def _pyarrow(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ImportError("tables need pyarrow, the extra arrow: pip install pyarrow") from None


def _opened(path: str) -> Any:
    """The file, whose footer is read."""
    module, errors = _pyarrow("pyarrow.parquet"), _pyarrow("pyarrow").ArrowException
    try:
        return module.ParquetFile(path, memory_map=False)
    except errors as error:
        raise OSError(f"{path} is no Parquet file: {error}") from None


def _files(path: Any) -> tuple[str, ...]:
    """The files that a path means."""
    if isinstance(path, (str, os.PathLike)):
        own = os.fspath(path)
        if not os.path.isdir(own):
            return (own,)
        files = tuple(sorted(glob.glob(os.path.join(glob.escape(own), "*.parquet"))))
        if not files:
            raise FileNotFoundError(f"path is the folder {own}, which has no file *.parquet")
        return files
    if not isinstance(path, Sequence) or not path:
        raise TypeError(f"path is {shown(path)}, wanted a file, a folder or a list of files")
    return tuple(file for part in path for file in _files(part))


def _wanted(X: Any, y: Any, weight: Any) -> Columns:
    """The columns as they are asked for; X may be empty: all that are left."""
    for name, value in ("X", X), ("y", y):
        items = [value] if isinstance(value, str) else value
        if name == "X" and value is None:
            continue
        if isinstance(value, str) and name == "X":
            raise TypeError(f"X is {value!r}, wanted a list of names of columns: [{value!r}]")
        if not isinstance(items, Sequence) or not items:
            raise TypeError(f"{name} is {shown(value)}, wanted names of columns")
        if not all(isinstance(item, str) for item in items):
            raise TypeError(f"{name} is {shown(value)}, wanted names of columns")
    if weight is not None and not isinstance(weight, str):
        raise TypeError(f"sample_weight is {shown(weight)}, wanted the name of a column")
    return Columns(tuple(X or ()), (y,) if isinstance(y, str) else tuple(y), weight)


def _found(wanted: Columns, schema: Any, where: str) -> Columns:
    """The columns, X among them; those that are asked for are there."""
    _check_names(wanted, schema, where)
    left_out = {*wanted.y, wanted.weight}
    X = wanted.X or tuple(name for name in schema.names if name not in left_out)
    if not X:
        raise ValueError(f"{where} has no column beside y = {list(wanted.y)}, wanted some for X")
    return wanted._replace(X=X)


def _check_names(columns: Columns, schema: Any, where: str) -> None:
    """Refuse columns that are not there."""
    for name in columns.all():
        if name not in schema.names:
            raise ValueError(f"{where} has no column {name!r}{hint('column', name, schema.names)}")


def _types(columns: Columns, schema: Any, where: str) -> dict[str, Any]:
    """The type of each column, all of which are there and numbers, or text in y."""
    kinds = _pyarrow("pyarrow").types
    _check_names(columns, schema, where)
    types = {}
    for name in columns.all():
        own = schema.field(name).type
        number = kinds.is_integer(own) or kinds.is_floating(own) or kinds.is_boolean(own)
        text = kinds.is_string(own) or kinds.is_large_string(own) or kinds.is_dictionary(own)
        if not (number or (text and columns.y == (name,) and name not in columns.X)):
            raise TypeError(
                f"column {name!r} of {where} is of type {own}, wanted numbers: leave it out by "
                "X=[…], or turn it into numbers"
            )
        types[name] = own
    return types


def _check_types(first: dict[str, Any], types: dict[str, Any], of: str, path: str) -> None:
    """Refuse a file whose columns have other types than those of the first."""
    for name, own in types.items():
        if own != first[name]:
            raise TypeError(f"column {name!r} is of type {own} in {path} and {first[name]} in {of}")


def _column(table: Any, name: str) -> Array:
    """One column as an array; missing values are an error."""
    column = table.column(name)
    if column.null_count:
        raise ValueError(f"column {name!r} has {column.null_count} missing values")
    if _pyarrow("pyarrow").types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    array: Array = column.to_numpy()
    return array


def _matrix(table: Any, names: Sequence[str]) -> Array:
    """Columns side by side, of the type that holds all of them."""
    columns = [_column(table, name) for name in names]
    if len(columns) == 1:
        return columns[0][:, np.newaxis]
    matrix = np.empty((table.num_rows, len(columns)), np.result_type(*columns))
    for place, column in enumerate(columns):
        matrix[:, place] = column
    return matrix
