"""One descent by epochs over the rows of a source, whoever reads them."""

from __future__ import annotations

import numpy as np

from ..checks.examples import Examples
from ..history import History
from ..kernels.formulas.shuffle import next_order
from .buffers import OptimizerState
from .descent import Descent, Learner
from .epoch_slices import EpochSlices
from .options import Options


class SourceDescent(Descent):
    """A descent whose rows are read as it goes on; otherwise as `Descent`.

    With shuffling, the order of every epoch is drawn from the network's generator as it was at the
    start.
    """

    _shuffled = False

    def __init__(
        self,
        learner: Learner,
        train: Examples,
        validation: Examples | None,
        options: Options,
        memory: OptimizerState | None,
    ) -> None:
        try:
            super().__init__(learner, train, validation, options, memory)
        except BaseException:
            self._end_reading()
            raise

    def run(self) -> History:
        """All of it, see `Descent.run`; nobody reads or keeps rows for it afterwards."""
        try:
            history = super().run()
        finally:
            self._end_reading()
        if self._shuffled:  # the next descent has other orders
            next_order(np.arange(2), self._state.generator)
        return history

    def _end_reading(self) -> None:
        """Read no further, and forget what was read."""
        raise NotImplementedError

    def _slices(self, start: float) -> EpochSlices:
        """What happens between two slices; an epoch is never computed again, but for errors."""
        slices = super()._slices(start)
        slices.rereads = True
        return slices
