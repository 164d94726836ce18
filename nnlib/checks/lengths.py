"""Which steps of sequences count, by lengths or by a mask of the user's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .array_like import as_array
from .values import check_finite, shown

Array = NDArray[Any]


def mask_of_lengths(lengths: Any, n: int, time: int) -> Array:
    """The mask (n, time) of sequences whose first `lengths` steps count.

    Raises
    ------
    TypeError, ValueError
        If lengths is no array (n,) of whole numbers from 1 to time.

    Examples
    --------
    >>> mask_of_lengths([2, 1], 2, 3)
    array([[ True,  True, False],
           [ True, False, False]])
    >>> mask_of_lengths([2, 4], 2, 3)
    Traceback (most recent call last):
    ...
    ValueError: lengths holds 4 at index 1, wanted whole numbers from 1 to 3, the steps of X
    """
    array = as_array("lengths", lengths)
    if array.dtype.kind not in "iu":
        raise TypeError(f"lengths has dtype {array.dtype}, wanted whole numbers: {shown(lengths)}")
    if array.shape != (n,):
        raise ValueError(f"lengths has shape {array.shape}, wanted ({n},), one for each example")
    wrong = np.flatnonzero((array < 1) | (array > time))
    if wrong.size:
        place = int(wrong[0])
        raise ValueError(
            f"lengths holds {array[place]} at index {place}, wanted whole numbers from 1 to {time},"
            " the steps of X"
        )
    return np.arange(time) < array[:, None]


def checked_mask(mask: Any, n: int, time: int) -> Array:
    """A mask (n, time) as True and False; a step counts where it is not 0, and none need count.

    >>> checked_mask([[0, 1]], 1, 2)
    array([[False,  True]])
    """
    array = as_array("mask", mask)
    if array.shape != (n, time):
        near = "; lengths=, not mask=, takes a number for each" if array.shape == (n,) else ""
        raise ValueError(f"mask has shape {array.shape}, wanted ({n}, {time}), as X's steps{near}")
    if array.dtype.kind == "f":
        check_finite("mask", array.astype(np.float64))
    counted: Array = array != 0
    return counted
