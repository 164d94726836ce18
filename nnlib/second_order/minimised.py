"""What the two methods of full batches share: what is minimised, for how long, what came of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..checks.examples import Examples
from ..errors import DivergenceError
from ..history import History, SecondOrderHistory
from ..kernels.network import problem
from ..kernels.second_order import objective
from ..optimizers import FullBatch
from ..training.checkpoint_rules import CALLBACK_STOPPED, TIME_IS_UP
from .slices import Run

Array = NDArray[Any]

STOPPED = {
    TIME_IS_UP: "max_seconds",
    CALLBACK_STOPPED: "callback",
    problem.FINISHED: "epochs",
    objective.GRADIENT_VANISHED: "gradient_tolerance",
    objective.COST_SETTLED: "cost_tolerance",
    objective.STALLED: "no lower cost found",
}


class Minimised(NamedTuple):
    """A network, and the examples over which J is to be as small as possible."""

    table: Array  # that of J
    parameters: Array  # written
    units: int
    loss: int
    train: Examples  # weights empty, or one factor per example


def settings_of(
    minimised: Minimised, optimizer: FullBatch, run: Run, lanes: int
) -> objective.Settings:
    """What does not change while a driver runs."""
    n = len(minimised.train.X)
    return objective.Settings(
        n=n,
        epochs=run.epochs,
        lanes=lanes,
        loss=minimised.loss,
        scale=1 / n if run.mean else 1.0,
        # A whole number here would compile the driver anew.
        weight_decay=float(run.weight_decay),
        gradient_tolerance=float(optimizer.gradient_tolerance),
        cost_tolerance=float(optimizer.cost_tolerance),
    )


def history_of(state: Any, seconds: float) -> SecondOrderHistory:
    """What the driver's state tells, or the error that it diverged."""
    status, epoch = int(state.position[objective.STATUS]), int(state.position[objective.EPOCH])
    if status == problem.DIVERGED:
        raise DivergenceError(
            "the cost or its gradient is not finite at the parameters that the descent starts "
            "from; the network still holds them. Try scaled inputs or smaller weights",
            0,
            History(state.cost[:1].copy(), seconds, np.full(1, np.nan)),
        )
    return SecondOrderHistory(
        J=state.costs[:epoch].copy(),
        seconds=seconds,
        learning_rate=np.full(epoch, np.nan),
        stopped=STOPPED[status],
        evaluations=int(state.position[objective.EVALUATIONS]),
        cost=float(state.cost[1]),
    )
