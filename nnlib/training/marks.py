"""Marks: copies of a descent at an epoch's start, from which the epochs after it come out again.

A descent has to be left at an epoch's start, with parameters, optimizer and generator of the same
epoch. Between two slices it mostly stands at one. An epoch longer than a slice is marked where it
begins; a cost that went bad inside a slice is undone by going back to a mark and computing the good
epochs after it once more. The driver gives them the same bits, so it copies nothing itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels.network import problem
from .positions import between_epochs

Array = NDArray[Any]

# The epoch of a mark that holds nothing.
NOWHERE = -1
# Marks that are not needed at once take at most one part in so many of the time.
_SPARING = 300


class Marks:
    """The last two marks of a descent; the first is where it begins.

    Two, since an epoch's first batch may show that the epoch before was the last good one. They
    take twice the memory of the parameters and of the optimizer's vectors.

    Parameters
    ----------
    parameters : ndarray
        The network's.
    state : problem.DescentState

    Attributes
    ----------
    arrays : dict of str to ndarray
        A row of each array for each mark, as a checkpoint keeps them.
    """

    def __init__(self, parameters: Array, state: problem.DescentState) -> None:
        # The position comes last: a mark counts when it is whole.
        self._live = {"parameters": parameters}
        for name in ("first", "second", "generator", "numbers", "position"):
            array = getattr(state, name)
            if array.size:
                self._live[name] = array
        self.arrays: dict[str, Array] = {}
        for name, array in self._live.items():
            self.arrays[f"marked_{name}"] = rows = np.zeros((2, array.size), array.dtype)
            rows[0] = array
        self._epochs = self.arrays["marked_position"][:, problem.EPOCH]
        self._epochs[1] = NOWHERE
        self._next = 0.0

    def take(self, needed: bool, complete: Callable[..., None]) -> None:
        """Mark where the descent stands, at an epoch's start, in place of the older mark.

        What is not needed is done only if the last time is long enough ago. complete is told the
        arrays that have to be current before they are copied.
        """
        begin = time.perf_counter()
        epochs = self._epochs.tolist()
        known = self._live["position"][problem.EPOCH] in epochs
        if known or not (needed or begin >= self._next):
            return
        older = epochs.index(min(epochs))
        self._epochs[older] = NOWHERE
        complete(*self._live)
        for name, array in self._live.items():
            self.arrays[f"marked_{name}"][older] = array
        self._next = begin + _SPARING * (time.perf_counter() - begin)

    def go_back(self, epoch: int) -> None:
        """Make everything as it was at the last mark that is not after the start of this epoch."""
        epochs = self._epochs
        row = int(np.where(epochs <= epoch, epochs, NOWHERE).argmax())

        def restore() -> None:
            for name, array in self._live.items():
                array[...] = self.arrays[f"marked_{name}"][row]

        undivided(restore)


def undivided(copies: Callable[[], None]) -> None:
    """Make all of some copies, whatever is pressed meanwhile; Ctrl-C is passed on afterwards."""
    interrupt: KeyboardInterrupt | None = None
    while True:
        try:
            copies()
            break
        except KeyboardInterrupt as error:
            interrupt = error
    if interrupt is not None:
        raise interrupt


def with_marks(arrays: Mapping[str, Array], batches: int) -> dict[str, Array]:
    """What a checkpoint of version 0.1 holds, as `Marks` and the driver want it.

    Such a file has the parameters at the start of two epochs and one number less. Optimizer and
    generator of those epochs are not in it: they are taken as they stand. batches is how many an
    epoch has.

    Raises
    ------
    ValueError
        If the arrays are not of the shapes that were written then.
    """
    found = dict(arrays)
    try:
        snapshots = found.pop("snapshots").reshape(2, -1)
        position, numbers = found["position"], found["numbers"]
        # Patience was counted from the cost of the best parameters.
        found["numbers"] = np.append(numbers, numbers[problem.BEST])
        epoch, batch = int(position[problem.EPOCH]), int(position[problem.BATCH])
        passed = batches if position[problem.VALIDATING] else 0
        steps = int(position[problem.STEP]) - batch - passed
        start = position.copy()
        start[[problem.BATCH, problem.ROUND, problem.VALIDATING, problem.STATUS]] = 0
        start[[problem.EPOCH, problem.STEP]] = epoch, steps
        before = start.copy()
        before[[problem.EPOCH, problem.STEP]] = epoch - 1, steps - batches
        found["marked_position"] = np.stack([start, before])
        kept = snapshots[[epoch % 2, (epoch - 1) % 2]]
        if between_epochs(position):
            kept = np.stack([found["parameters"], kept[1]])
        found["marked_parameters"] = kept
        for name in ("first", "second", "generator", "numbers"):
            if found[name].size:
                found[f"marked_{name}"] = np.stack([found[name]] * 2)
    except (KeyError, IndexError) as error:
        raise ValueError(f"it has not the arrays of version 0.1: {error}") from error
    return found
