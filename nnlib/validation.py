"""Checks of what a caller gives; an error names the argument, what came and what was wanted."""

from __future__ import annotations

import difflib
import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .kernels.evaluate import all_finite

Array = NDArray[Any]


def known_name(argument: str, value: object, names: Iterable[str]) -> str:
    """The name itself if it is one of `names`; the error offers the nearest one."""
    names = list(names)
    if not isinstance(value, str):
        raise TypeError(f"{argument} must be one of {', '.join(names)}; got {value!r}")
    if value in names:
        return value
    near = difflib.get_close_matches(value.lower(), names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"{argument} is {value!r}, wanted one of {', '.join(names)}{hint}")


def whole_number(argument: str, value: Any, low: int, high: int | None = None) -> int:
    """An integer in [low, high], from any integer type but bool."""
    wanted = f"a whole number of at least {low}" + ("" if high is None else f" and at most {high}")
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{argument} must be {wanted}; got {value!r}") from None
    if number < low or (high is not None and number > high):
        raise ValueError(f"{argument} is {number}, wanted {wanted}")
    return number


def real_number(argument: str, value: Any, *, above: float | None = None) -> float:
    """A finite float, greater than `above` if that is given, else at least 0."""
    wanted = "a finite number " + ("of at least 0" if above is None else f"greater than {above:g}")
    if isinstance(value, (bool, np.bool_, str, bytes)) or np.iscomplexobj(value):
        raise TypeError(f"{argument} must be {wanted}; got {value!r}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{argument} must be {wanted}; got {value!r}") from None
    if not math.isfinite(number) or (number < 0 if above is None else number <= above):
        raise ValueError(f"{argument} is {number!r}, wanted {wanted}")
    return number


def floating_dtype(value: DTypeLike) -> np.dtype[Any]:
    """float32 or float64."""
    try:
        dtype = np.dtype(value)
    except TypeError:
        raise TypeError(f"dtype must be 'float32' or 'float64'; got {value!r}") from None
    if dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ValueError(f"dtype is {dtype.name!r}, wanted 'float32' or 'float64'")
    return dtype


def layer_sizes(sizes: Any) -> tuple[int, ...]:
    """The numbers of units d_1 … d_L: at least two, each at least 1."""
    if isinstance(sizes, (str, bytes)) or not isinstance(sizes, (Sequence, np.ndarray)):
        raise TypeError(f"sizes must be a list of whole numbers such as [1, 2, 1]; got {sizes!r}")
    checked = tuple(whole_number(f"sizes[{i}]", size, 1) for i, size in enumerate(sizes))
    if len(checked) < 2:
        raise ValueError(
            f"sizes is {list(checked)}, wanted at least two layers: inputs and outputs"
        )
    return checked


def numbers(argument: str, values: ArrayLike, dtype: np.dtype[Any]) -> Array:
    """Values as a C-contiguous, aligned, writable array of dtype; copied only where needed."""
    try:
        array = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{argument} is ragged: its rows have different lengths, wanted a rectangular array"
        ) from error
    if array.dtype == dtype and array.flags.carray:
        return array
    if array.dtype == object:
        if array.ndim == 1 and len({np.shape(row) for row in array}) > 1:
            raise ValueError(
                f"{argument} is ragged: its rows have different lengths, wanted a rectangular array"
            )
        raise TypeError(f"{argument} holds Python objects, wanted real numbers")
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{argument} has dtype {array.dtype}, wanted real numbers")
    with np.errstate(over="ignore"):  # beyond float32's range: infinite, and refused as such
        return array.astype(dtype, order="C")


def check_finite(argument: str, array: Array) -> None:
    """Refuse NaN and infinity and say where the first one is."""
    if all_finite(array.reshape(-1)):
        return
    place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
    raise ValueError(
        f"{argument} holds {array[place]} at index {place if len(place) > 1 else place[0]}, "
        f"wanted finite numbers (as {array.dtype})"
    )


def rows(argument: str, array: Array, width: int) -> Array:
    """Examples as an (n, width) array, n ≥ 1; a 1-D array counts as a column where width is 1."""
    if width == 1 and array.ndim < 2:
        array = array.reshape(-1, 1)
    if array.ndim != 2 or array.shape[1] != width:
        columns = f"(n, {width})" + (" or (n,)" if width == 1 else "")
        raise ValueError(f"{argument} has shape {array.shape}, wanted {columns}")
    if not array.size:
        raise ValueError(f"{argument} is empty, wanted at least one example")
    check_finite(argument, array)
    return array


def examples(X: Any, y: Any, d_in: int, d_out: int, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """X (n, d_1) and y (n, d_L) from two arrays, or from one sequence of (x, y) pairs."""
    if y is None:
        X, y = split_pairs(X)
    X, y = rows("X", numbers("X", X, dtype), d_in), rows("y", numbers("y", y, dtype), d_out)
    if len(X) != len(y):
        raise ValueError(f"X has {len(X)} examples and y has {len(y)}, wanted equally many")
    return X, y


def split_pairs(dataset: Any) -> tuple[list[Any], list[Any]]:
    """The x and the y of a sequence of (x, y) pairs."""
    wanted = "give X and y, or one sequence of (x, y) pairs"
    try:
        pairs = [tuple(pair) for pair in dataset]
    except TypeError:
        raise TypeError(f"y is missing: {wanted}; got {type(dataset).__name__}") from None
    if not pairs:
        raise ValueError(f"the data set is empty: {wanted}")
    for i, pair in enumerate(pairs):
        if len(pair) != 2:
            raise ValueError(
                f"y is missing and element {i} of X has {len(pair)} parts, not 2: {wanted}"
            )
    return [x for x, _ in pairs], [y for _, y in pairs]
