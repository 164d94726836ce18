"""Checks of what a caller gives; an error names the argument, what came and what was wanted."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterable, Sequence, Sized
from typing import Any

import numpy as np
from numba import config
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..kernels.network.evaluate import all_finite
from .array_like import as_array
from .memory import check_memory
from .names import hint
from .sparse import Records

Array = NDArray[Any]
PathLike = str | os.PathLike[str]

# How far the probabilities of a row may be from 1 together; float32 sums of 1000 are off by 1e-6.
PROBABILITY_ERROR = 1e-5
# Losses by the name of their family: whose targets are classes or rows of probabilities, and those
# between 0 and 1.
OF_CLASSES = ("softmax_cross_entropy", "kl_divergence", "softmax_focal")
OF_PROBABILITIES = ("binary_cross_entropy", "focal")
# Of the examples' costs: (1/n) Σ J and Σ J.
REDUCTIONS = ("mean", "sum")
# What compiled code counts with.
LARGEST_COUNT = 2**63 - 1
LARGEST_SEED = 2**64 - 1
# Characters of a value in a message.
_LONGEST = 100


# The largest probability with which values are dropped: of 2³² at least one is kept, as the kernel
# counts in whole numbers of 2⁻³².
MOST_DROPOUT = 1 - 2.0**-32


def shown(value: object) -> str:
    """A value as a message shows it: what is long is cut.

    >>> shown("a" * 1000) == "'" + "a" * 99 + "…"
    True
    """
    try:
        text = repr(value)
    except Exception:  # an int of thousands of digits, an object of the user's
        return f"an object of type {type(value).__name__}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def known_name(argument: str, value: object, names: Iterable[str]) -> str:
    """The name itself if it is one of `names`; the error offers the nearest one."""
    names = list(names)
    if not isinstance(value, str):
        raise TypeError(f"{argument} must be one of {', '.join(names)}; got {shown(value)}")
    if value in names:
        return str(value)
    near = hint(argument, value, names)
    raise ValueError(f"{argument} is {shown(value)}, wanted one of {', '.join(names)}{near}")


def whole_number(argument: str, value: Any, low: int, high: int | None = None) -> int:
    """An integer in [low, high], from any integer type but bool.

    Without `high`, the most that compiled code counts to.
    """
    wanted = f"a whole number of at least {low}" + ("" if high is None else f" and at most {high}")
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{argument} must be {wanted}; got {shown(value)}") from None
    if high is None and number > LARGEST_COUNT:
        raise ValueError(
            f"{argument} is {shown(number)}, wanted {wanted} and at most {LARGEST_COUNT}"
        )
    if number < low or (high is not None and number > high):
        raise ValueError(f"{argument} is {shown(number)}, wanted {wanted}")
    return number


def seed_number(argument: str, value: Any) -> int:
    """A seed, a whole number below 2⁶⁴."""
    return whole_number(argument, value, 0, LARGEST_SEED)


def real_number(argument: str, value: Any, *, above: float | None = None) -> float:
    """A finite float, greater than `above` if that is given, else at least 0."""
    limit = " of at least 0" if above is None else f" greater than {above:g}"
    wanted = "a finite number" + ("" if above == -math.inf else limit)
    if not _is_real(value):
        raise TypeError(f"{argument} must be {wanted}; got {shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(f"{argument} is beyond the range of a float, wanted {wanted}") from None
    except (TypeError, ValueError):
        raise TypeError(f"{argument} must be {wanted}; got {shown(value)}") from None
    if not math.isfinite(number) or (number < 0 if above is None else number <= above):
        raise ValueError(f"{argument} is {number!r}, wanted {wanted}")
    return number


def flag(name: str, value: Any) -> bool:
    """True or False, from Python's type or NumPy's."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False; got {shown(value)}")
    return bool(value)


def file_path(argument: str, value: Any) -> PathLike:
    """A path as text or PathLike; a number would be an open file of the caller's.

    >>> file_path("path", "model.safetensors")
    'model.safetensors'
    """
    if isinstance(value, (str, os.PathLike)) and isinstance(os.fspath(value), str):
        return value
    raise TypeError(f"{argument} must be the path of a file; got {shown(value)}")


def _is_real(value: Any) -> bool:
    """Whether this is one number: no text, which `float` would read, no array, no date, no bool."""
    if isinstance(value, (bool, np.bool_)) or getattr(value, "ndim", 0) != 0:
        return False
    if isinstance(value, (np.generic, np.ndarray)):
        return value.dtype.kind in "iuf"
    return hasattr(type(value), "__float__") or hasattr(type(value), "__index__")


def floating_dtype(value: DTypeLike) -> np.dtype[Any]:
    """float32 or float64."""
    wanted = "'float32' or 'float64'"
    try:
        if value is None:  # NumPy's float64
            raise TypeError
        dtype = np.dtype(value)
    except Exception:
        raise TypeError(f"dtype must be {wanted}; got {shown(value)}") from None
    if dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
        name = dtype.name if dtype.isnative else f"{dtype.name} with its bytes swapped"
        raise ValueError(f"dtype is {name!r}, wanted {wanted}")
    return dtype


def layer_sizes(sizes: Any) -> tuple[int, ...]:
    """The numbers of units d_1 … d_L: at least two, each at least 1."""
    listed = isinstance(sizes, Sequence) or getattr(sizes, "ndim", 0) == 1
    if isinstance(sizes, (str, bytes, bytearray, memoryview)) or not listed:
        raise TypeError(
            f"sizes must be a list of whole numbers such as [1, 2, 1]; got {shown(sizes)}"
        )
    checked = tuple(whole_number(f"sizes[{i}]", size, 1) for i, size in enumerate(sizes))
    if len(checked) < 2:
        raise ValueError(
            f"sizes is {list(checked)}, wanted at least two layers: inputs and outputs"
        )
    return checked


def holds_several(values: Any) -> bool:
    """Whether this is several values, as a list or an array is; a text is one.

    >>> holds_several([1]), holds_several("12"), holds_several(np.array(1))
    (True, False, False)
    """
    return np.iterable(values) and not isinstance(values, (str, bytes))


def on_gpu(values: Any) -> bool:
    """Whether this is an array on a GPU; in the simulator, one that is taken for that."""
    return hasattr(values, "__cuda_array_interface__") or (
        bool(config.ENABLE_CUDASIM) and type(values).__name__ == "FakeCUDAArray"
    )


def on_host(values: Any) -> Array:
    """The same values on the host, copied only from a GPU."""
    return np.asarray(values.copy_to_host() if hasattr(values, "copy_to_host") else values)


def numbers(argument: str, values: ArrayLike, dtype: np.dtype[Any]) -> Array:
    """Values as a C-contiguous, aligned, writable array of dtype; copied only where needed."""
    if type(values) is np.ndarray and values.dtype == dtype and values.flags.carray:
        return values
    array = as_array(argument, values)
    if array.dtype == dtype and array.flags.carray:
        return array
    check_memory(f"{argument} has shape {array.shape}: its numbers", array.size * dtype.itemsize)
    with np.errstate(over="ignore"):  # beyond float32's range: infinite, and refused as such
        return array.astype(dtype, order="C")


def input_numbers(argument: str, values: Any, dtype: np.dtype[Any], images: bool) -> Array:
    """Inputs as `numbers`; if `images`, an array of uint8 stays one.

    >>> input_numbers("X", np.array([0, 255], np.uint8), np.dtype(np.float32), images=True).dtype
    dtype('uint8')
    """
    if images and type(values) is np.ndarray and values.dtype == np.uint8:
        return values if values.flags.carray else values.copy()
    return numbers(argument, values, dtype)


def check_finite(argument: str, array: Array) -> None:
    """Refuse NaN and infinity and say where the first one is."""
    if all_finite(array.reshape(-1)):
        return
    place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
    raise ValueError(
        f"{argument} holds {array[place]} at index {_index(place)}, "
        f"wanted finite numbers (as {array.dtype})"
    )


def rows(argument: str, array: Array, width: int) -> Array:
    """Finite examples as an (n, width) array, n ≥ 1; see `shaped_rows`."""
    array = shaped_rows(argument, array, width)
    if array.dtype.kind == "f":
        check_finite(argument, array)
    return array


def shaped_rows(argument: str, array: Array, width: int) -> Array:
    """Examples as an (n, width) array, n ≥ 1; a 1-D array counts as a column where width is 1."""
    if width == 1 and array.ndim < 2:
        array = array.reshape(-1, 1)
    if array.ndim != 2 or array.shape[1] != width:
        columns = f"(n, {width})" + (" or (n,)" if width == 1 else "")
        raise ValueError(f"{argument} has shape {array.shape}, wanted {columns}")
    if not array.size:
        raise ValueError(f"{argument} is empty, wanted at least one example")
    return array


def examples(
    X: Any,
    y: Any,
    d_in: int,
    d_out: int,
    dtype: np.dtype[Any],
    loss: str,
    images: bool = False,
) -> tuple[Array, Array]:
    """X (n, d_1) and y (n, d_L) from two arrays, or from one sequence of (x, y) pairs.

    X may also be records of sparse examples, which are checked.

    Classes, which the softmax losses take, come back as rows of 0 and 1. If `images`, X of uint8
    stays as it is.
    """
    if y is None:
        X, y = split_pairs(X)
        try:
            return examples(X, y, d_in, d_out, dtype, loss)
        except (TypeError, ValueError) as error:
            raise type(error)(
                f"{error} (y is missing, so X was read as a sequence of (x, y) pairs)"
            ) from None
    if not isinstance(X, Records):
        X = rows("X", input_numbers("X", X, dtype, images), d_in)
    y = targets(numbers("y", y, dtype), d_out, loss)
    if len(X) != len(y):
        raise ValueError(f"X has {len(X)} examples and y has {len(y)}, wanted equally many")
    return X, y


def targets(y: Array, d_out: int, loss: str) -> Array:
    """y (n, d_L) with values that the loss has a meaning for."""
    if loss in OF_CLASSES:
        return class_targets(y, d_out)
    y = rows("y", y, d_out)
    if loss == "poisson":
        check_each("y", y, y >= 0, "counts of at least 0, as the loss poisson needs")
    if loss in OF_PROBABILITIES:
        wanted = f"numbers between 0 and 1, as the loss {loss} needs"
        check_each("y", y, (y >= 0) & (y <= 1), wanted)
    if loss == "hinge":
        check_each("y", y, abs(y) == 1, "1 or -1, as the loss hinge needs")
    return y


def class_targets(y: Array, classes: int) -> Array:
    """Rows of probabilities (n, classes), from such rows or from classes (n,)."""
    if y.ndim == 1 and y.size:
        check_finite("y", y)
        check_each(
            "y", y, (y >= 0) & (y < classes) & (y == np.floor(y)),
            f"classes, whole numbers from 0 to {classes - 1}, as the network has {classes} outputs",
        )  # fmt: skip
        return np.eye(classes, dtype=y.dtype)[y.astype(np.intp)]
    if y.ndim != 2 or y.shape[1] != classes:
        raise ValueError(
            f"y has shape {y.shape}, wanted (n,) with a class for each example, or (n, {classes}) "
            "with a probability for each class"
        )
    y = rows("y", y, classes)
    check_each("y", y, (y >= 0) & (y <= 1), "probabilities between 0 and 1")
    total = y.sum(axis=1)
    wrong = np.flatnonzero(abs(total - 1) > PROBABILITY_ERROR)
    if wrong.size:
        raise ValueError(
            f"row {wrong[0]} of y adds up to {total[wrong[0]]:.6g}, wanted probabilities that add "
            "up to 1"
        )
    return y


def example_weights(values: Any, n: int, dtype: np.dtype[Any], mean: bool) -> Array:
    """The factors v of n examples' costs; empty for None: all 1.

    For the mean they are scaled to a mean of 1, so that (1/n) Σ v J is the weighted mean, and a
    mini-batch's (1/batch) Σ v ∇J is right on average, whatever weights it happens to hold.
    """
    if values is None:
        return np.empty(0, dtype)
    v = numbers("sample_weight", values, dtype).copy()
    if v.shape != (n,):
        raise ValueError(f"sample_weight has shape {v.shape}, wanted ({n},), one per example")
    check_finite("sample_weight", v)
    check_each("sample_weight", v, v >= 0, "weights of at least 0")
    if not v.any():
        raise ValueError("sample_weight is 0 for every example, wanted at least one above 0")
    return mean_of_one(v) if mean else v


def mean_of_one(weights: Array) -> Array:
    """Weights, not all 0, in the same ratios with a mean of 1."""
    # Shares of the largest, so that their sum is finite.
    share = weights.astype(np.float64) / float(weights.max())
    scaled: Array = (share * (share.size / share.sum())).astype(weights.dtype)
    return scaled


def check_each(argument: str, array: Array, good: NDArray[np.bool_], wanted: str) -> None:
    """Refuse an array with an element that is not good and say which is the first."""
    if good.all():
        return
    place = tuple(int(i) for i in np.argwhere(~good)[0])
    raise ValueError(f"{argument} holds {array[place]:g} at index {_index(place)}, wanted {wanted}")


def _index(place: tuple[int, ...]) -> Any:
    """A place as a message shows it: a bare number in one dimension."""
    return place if len(place) > 1 else place[0]


def split_pairs(dataset: Any) -> tuple[list[Any], list[Any]]:
    """The x and the y of a sequence of (x, y) pairs."""
    wanted = "give X and y, or one sequence of (x, y) pairs"
    try:
        if isinstance(dataset, Sized):
            check_memory(f"the data set has {len(dataset)} pairs: they", 100 * len(dataset))
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
