"""Where a descent by epochs stands, and which of its epochs it can be left at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..kernels.network import problem

Array = NDArray[Any]


def between_epochs(position: Array) -> bool:
    """Whether nothing of an epoch has begun, and no cost has gone bad.

    >>> position = np.zeros(problem.STEP + 1, np.int64)
    >>> between_epochs(position)
    True
    >>> position[problem.BATCH] = 1
    >>> between_epochs(position)
    False
    """
    places = position.tolist()
    begun = places[problem.BATCH] or places[problem.ROUND] or places[problem.VALIDATING]
    return not begun and places[problem.STATUS] != problem.DIVERGED


def last_good_epoch(position: Array, bad: ArrayLike) -> Array:
    """The last epoch with good parameters at its start: the epoch under way, or the one before.

    The cost of an epoch's first batch belongs to the parameters of that epoch's start: if it is
    bad, or if the last step of all went wrong, the epoch before has the last good start.

    Parameters
    ----------
    position : ndarray of int64, shape (…, places)
        The positions of descents, as in `problem.DescentState`.
    bad : array_like of bool, shape (…)
        Whether a descent's cost or parameters are not finite.

    Returns
    -------
    ndarray of int64, shape (…)

    Examples
    --------
    >>> positions = np.zeros((3, problem.STEP + 1), np.int64)
    >>> positions[:, problem.EPOCH] = 7
    >>> positions[:, problem.BATCH] = [0, 0, 2]
    >>> last_good_epoch(positions, [False, True, True])
    array([7, 6, 7])
    """
    epoch = position[..., problem.EPOCH]
    begun = (position[..., problem.BATCH] > 0) | (position[..., problem.VALIDATING] > 0)
    kept: Array = np.where(np.asarray(bad, bool) & ~begun & (epoch > 0), epoch - 1, epoch)
    return kept
