"""Sequences of different lengths: one array for all of them, and which of its steps count.

Layers take arrays, so the shorter sequences get more steps, padding. `Network.F` and the others are
told which steps are none by ``lengths=`` or ``mask=``, or get X with it as one argument: a `Padded`
or a `Masked` may stand wherever X may.

>>> X, lengths = pad([[1, 2, 3], [4]])
>>> X
array([[1, 2, 3],
       [4, 0, 0]])
>>> lengths
array([3, 1])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .checks.array_like import as_array
from .checks.memory import check_memory
from .checks.names import hinted
from .checks.values import known_name, real_number, shown, whole_number

Array = NDArray[Any]

SIDES = ("right", "left")


class Padded(NamedTuple):
    """Sequences in one array, and how many steps of each count, from the first one on.

    >>> Padded(np.zeros((2, 5, 3)), [5, 2]).lengths
    [5, 2]
    """

    X: Any  # shape (n, time, …); for a network with several inputs as that takes them
    lengths: Any  # whole numbers, shape (n,)


class Masked(NamedTuple):
    """Sequences in one array, and which steps count: those whose mask is not 0.

    >>> Masked(np.zeros((2, 3)), [[0, 1, 1], [1, 1, 1]]).mask[0]
    [0, 1, 1]
    """

    X: Any  # as for `Padded`
    mask: Any  # True and False or numbers, shape (n, time)


@hinted
def pad(
    sequences: Sequence[Any], length: int | None = None, value: float = 0, side: str = "right"
) -> Padded | Masked:
    """Sequences of different lengths as one array, with padding behind or before them.

    Parameters
    ----------
    sequences : sequence of array_like, shapes (time_i, …)
        Of at least one step each, and alike but for the number of steps.
    length : int or None
        Steps of the result; None: those of the longest sequence.
    value : float
        What the padding holds. No layer that knows the lengths looks at it.
    side : {"right", "left"}
        Where the padding is.

    Returns
    -------
    Padded, or Masked if the padding is on the left
        X (n, length, …) and its lengths (n,), or its mask (n, length): a tuple of two.

    Raises
    ------
    TypeError, ValueError
        If these are no such sequences, or one is longer than `length`.

    Examples
    --------
    >>> pad([[1.0], [2.0, 3.0]], length=3, side="left").X
    array([[0., 0., 1.],
           [0., 2., 3.]])
    """
    known_name("side", side, SIDES)
    arrays = _arrays(sequences)
    counts = np.array([len(array) for array in arrays])
    longest = int(counts.max())
    if length is not None and longest > whole_number("length", length, 1):
        raise ValueError(
            f"sequences[{int(counts.argmax())}] has {longest} steps, wanted at most the length "
            f"{length}"
        )
    time = longest if length is None else length
    filled = real_number("value", value, above=-np.inf)
    dtype = np.result_type(*{array.dtype for array in arrays})
    if dtype.kind != "f":
        held = np.min_scalar_type(int(filled)) if filled == int(filled) else np.dtype(float)
        dtype = np.result_type(dtype, held)
    shape = (len(arrays), time, *arrays[0].shape[1:])
    check_memory(f"X has shape {shape}: its numbers", int(np.prod(shape)) * dtype.itemsize)
    X = np.full(shape, filled, dtype)
    right = side == "right"
    for row, array in zip(X, arrays, strict=True):
        row[slice(len(array)) if right else slice(time - len(array), time)] = array
    if right:
        return Padded(X, counts)
    return Masked(X, np.arange(time) >= time - counts[:, None])


def is_ragged(values: Any) -> bool:
    """Whether this is a list of sequences, at least two of which have different lengths.

    >>> is_ragged([[1, 2], [3]]), is_ragged([[1, 2], [3, 4]])
    (True, False)
    """
    if not isinstance(values, (list, tuple)) or isinstance(values, (Padded, Masked)):
        return False
    try:
        return len({len(one) for one in values}) > 1
    except TypeError:
        return False


def _arrays(sequences: Any) -> list[Array]:
    """The sequences as arrays that differ in their first side alone."""
    if isinstance(sequences, str) or not isinstance(sequences, (Sequence, np.ndarray)):
        raise TypeError(f"sequences must be a list of arrays; got {shown(sequences)}")
    if not len(sequences):
        raise ValueError("sequences is empty, wanted at least one sequence")
    arrays = [as_array(f"sequences[{i}]", one) for i, one in enumerate(sequences)]
    for i, array in enumerate(arrays):
        if array.ndim == 0 or not len(array):
            raise ValueError(
                f"sequences[{i}] has shape {array.shape}, wanted an array with at least one step"
            )
        if array.shape[1:] != arrays[0].shape[1:]:
            raise ValueError(
                f"sequences[{i}] has shape {array.shape} and sequences[0] {arrays[0].shape}, "
                "wanted shapes that are equal but for the number of steps"
            )
    return arrays
