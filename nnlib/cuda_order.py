"""The order of the examples of every epoch, drawn on the host while the GPU is busy.

The CPU's own shuffle, so that a seed gives the same batches: 2²¹ examples take it a few hundredths
of a second, and one thread of a GPU a second or more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .kernels.cuda.jit import cuda
from .kernels.shuffle import next_order

Array = NDArray[Any]

_WORDS = 4  # of the generator


class Orders:
    """What `steps.begin` takes over for one epoch after the other, if the descent goes on.

    Parameters
    ----------
    generator : ndarray
        uint64 (4,), as the next epoch finds it; it is not written.
    examples : int
        How many are shuffled, 0 for none.
    """

    def __init__(self, generator: Array, examples: int) -> None:
        self._drawn = np.empty(_WORDS + examples if examples else 0, np.int64)
        self._drawn[:_WORDS] = generator.view(np.int64)[: self._drawn.size]
        # One buffer is enough: a copy waits for the launches before it.
        self.there = cuda.to_device(self._drawn)
        self._is_drawn = False

    def send(self) -> None:
        """The next epoch's order to the GPU, behind all that has been launched."""
        self.draw()
        if self._drawn.size:
            self.there.copy_to_device(self._drawn)
        self._is_drawn = False

    def draw(self) -> None:
        """Draw the next order, if that has not been done."""
        if self._drawn.size and not self._is_drawn:
            words = self._drawn[:_WORDS].view(np.uint64)
            next_order(self._drawn[_WORDS:], words)
            self._is_drawn = True
