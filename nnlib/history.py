"""What a descent returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, repr=False)
class History:
    """The trace of a descent.

    Attributes
    ----------
    J : ndarray of float64, shape (epochs run,)
        Cost at the start of each epoch's pass. With mini-batches every example counts with its
        cost at the moment its batch is reached, before that batch's step.
    seconds : float
        Wall time of the descent, compilation included if it was the first.
    """

    J: NDArray[np.float64]
    seconds: float

    @property
    def epochs(self) -> int:
        """How many epochs ran."""
        return len(self.J)

    def __repr__(self) -> str:
        if not self.epochs:
            return "History(epochs=0)"
        return (
            f"History(epochs={self.epochs}, J={self.J[0]:.6g} → {self.J[-1]:.6g}, "
            f"seconds={self.seconds:.3g})"
        )
