"""How many rounds of the driver an epoch takes, so that a slice can end where an epoch does."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from ..kernels.network.problem import BATCH, ROUND, VALIDATING, Data

Array = NDArray[Any]


class EpochRounds:
    """The rounds of every epoch of a descent: those of its batches, then those of its validation.

    Parameters
    ----------
    train, validation : Data
        As the driver takes them; validation is one batch or empty.
    lanes : int
        Samples of a block.
    """

    def __init__(self, train: Data, validation: Data, lanes: int) -> None:
        full, rest = divmod(train.n, train.batch_size)
        self._of_batch = _of_batch(train, train.batch_size, lanes)
        self._of_training = full * self._of_batch + _of_batch(train, rest, lanes)
        self.of_epoch = self._of_training + _of_batch(validation, validation.n, lanes)

    def of_batches(self, count: int) -> int:
        """Rounds of so many full batches."""
        return count * self._of_batch

    def left(self, position: Array) -> int:
        """Rounds from where a descent stands to the end of its epoch."""
        done = int(position[BATCH]) * self._of_batch + int(position[ROUND])
        return self.of_epoch - done - (self._of_training if position[VALIDATING] else 0)

    def within(self, budget: int, position: Array, epochs: int) -> int:
        """Rounds up to the last end of an epoch within the budget; the budget if there is none.

        epochs is how many such ends the rounds may pass, the one that they stop at included.
        """
        left = self.left(position)
        if budget < left:
            return budget
        return left + min((budget - left) // self.of_epoch, epochs - 1) * self.of_epoch


def _of_batch(data: Data, examples: int, lanes: int) -> int:
    """Rounds of a batch of so many examples: a block of each chunk is one."""
    return min(data.chunk_blocks, -(-examples // lanes))
