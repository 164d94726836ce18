"""What users give in place of an array, read once: lists, masked arrays, data frames and others.

Everything that NumPy would read as something else is refused here, with the remedy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .memory import check_memory

Array = NDArray[Any]

# Kinds of dtype that are real numbers: bool, signed, unsigned, floating.
NUMBERS = "biuf"


def as_array(argument: str, values: Any) -> Array:
    """The same values as a plain array of real numbers, of any shape; not copied if it is one.

    Raises
    ------
    TypeError, ValueError
        If they are ragged, or no real numbers, or lose their meaning: masks, categories.

    Examples
    --------
    >>> as_array("X", [[1, 2], [3, 4]]).shape
    (2, 2)
    >>> as_array("X", np.ma.masked_less([1, 2], 2))
    Traceback (most recent call last):
    ...
    TypeError: X is a masked array with 1 element masked, wanted real numbers: give X.filled(…), ...
    """
    array = values if type(values) is np.ndarray else _converted(argument, values)
    if array.dtype == object:
        if _is_ragged(array):
            raise _ragged(argument)
        raise TypeError(f"{argument} holds Python objects, wanted real numbers")
    if array.dtype.kind not in NUMBERS:
        raise TypeError(f"{argument} has dtype {array.dtype}, wanted real numbers")
    return array


def label_array(argument: str, values: Any) -> Array:
    """The same values as a plain array of labels: text, objects or numbers.

    Raises
    ------
    TypeError, ValueError
        If some are masked, or they cannot be read as an array.

    Examples
    --------
    >>> label_array("y", ["a", "b"])
    array(['a', 'b'], dtype='<U1')
    >>> label_array("y", ["a", 1])
    array(['a', 1], dtype=object)
    """
    if type(values) is np.ndarray:
        return values
    _refuse_masks(argument, values)
    _refuse_sparse(argument, values)
    if _is_nullable(values) and all(kind in NUMBERS for kind in _column_kinds(values)):
        return _converted(argument, values)
    if isinstance(values, Sequence):
        check_memory(f"{argument} has {len(values)} elements: they", 8 * len(values))
    try:
        array = np.asarray(values)
    except MemoryError:
        raise
    except Exception:
        return _converted(argument, values)  # says what is wrong
    if array.dtype.kind not in "US" or not isinstance(values, (list, tuple)):
        return array
    # NumPy makes text of numbers that stand beside text.
    mixed = any(not isinstance(value, (str, bytes)) for value in values)
    return np.array(values, object) if mixed else array


def _converted(argument: str, values: Any) -> Array:
    """NumPy's reading of the values, where it keeps what they mean."""
    _refuse_masks(argument, values)
    _refuse_sparse(argument, values)
    _refuse_columns(argument, values)
    if isinstance(values, Sequence):
        check_memory(f"{argument} has {len(values)} elements: they", 8 * len(values))
    try:
        if _is_nullable(values):
            return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))
        return np.asarray(values)
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(values, (list, tuple)) and isinstance(error, ValueError):
            raise _ragged(argument) from error
        raise TypeError(
            f"{argument} ({type(values).__name__}) cannot be read as an array: {error}"
        ) from error


def _ragged(argument: str) -> ValueError:
    return ValueError(
        f"{argument} is ragged: its rows have different lengths, wanted a rectangular array"
    )


def _is_ragged(array: Array) -> bool:
    """Whether the rows of an array of objects are lists of different lengths."""
    try:
        return array.ndim == 1 and len({np.shape(row) for row in array}) > 1
    except ValueError:  # a row is ragged itself
        return True


def _refuse_masks(argument: str, values: Any) -> None:
    """NumPy reads what lies below a mask as if it were given."""
    rows = [values, *values] if isinstance(values, (list, tuple)) else [values]
    masked = [row for row in rows if isinstance(row, np.ma.MaskedArray)]
    count = int(sum(np.ma.getmaskarray(row).sum() for row in masked))
    if count:
        elements = "element" if count == 1 else "elements"
        raise TypeError(
            f"{argument} is a masked array with {count} {elements} masked, wanted real numbers: "
            f"give {argument}.filled(…), or leave the examples out that have one"
        )


def _refuse_sparse(argument: str, values: Any) -> None:
    """SciPy's sparse matrices: NumPy takes the matrix for one object."""
    if hasattr(values, "toarray") and hasattr(values, "nnz"):
        raise TypeError(
            f"{argument} is a sparse matrix ({type(values).__name__}), wanted real numbers: give "
            f"{argument}.toarray()"
        )


def _refuse_columns(argument: str, values: Any) -> None:
    """Columns of a pandas DataFrame or a Series that are no numbers, by name."""
    dtypes = _column_dtypes(values)
    all_bool = all(dtype.kind == "b" for _, dtype in dtypes)  # 0 and 1, as in an array
    for name, dtype in dtypes:
        column = argument if name is None else f"column {name!r} of {argument}"
        if dtype.name == "category":
            raise TypeError(
                f"{column} holds categories, wanted real numbers: give a column of 0 and 1 for "
                "each category, as pandas.get_dummies(…, dtype=float) makes them"
            )
        if dtype.kind == "b" and not all_bool:
            raise TypeError(f"{column} holds bool, wanted real numbers: give its .astype(float)")
        if dtype.kind not in NUMBERS:
            raise TypeError(f"{column} has dtype {dtype}, wanted real numbers")


def _column_dtypes(values: Any) -> list[tuple[Any, Any]]:
    """Name and dtype of every column of a DataFrame; of a Series one without a name."""
    if not (hasattr(values, "to_numpy") and type(values).__module__.partition(".")[0] == "pandas"):
        return []
    if hasattr(values, "columns"):
        return list(zip(values.columns, values.dtypes, strict=True))
    return [(None, values.dtype)]


def _column_kinds(values: Any) -> list[str]:
    """The kind of every column's dtype."""
    return [dtype.kind for _, dtype in _column_dtypes(values)]


def _is_nullable(values: Any) -> bool:
    """Whether pandas would give objects for what are numbers with some missing."""
    return any(not isinstance(dtype, np.dtype) for _, dtype in _column_dtypes(values))
