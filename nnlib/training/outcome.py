"""How a descent by epochs ended: its trace, or the error that it diverged."""

from __future__ import annotations

import numpy as np

from ..errors import DivergenceError
from ..history import History
from ..kernels.network import problem

_REASONS = {
    problem.FINISHED: "epochs",
    problem.NO_PROGRESS: "patience",
    problem.TARGET_REACHED: "target_cost",
}


def history(state: problem.DescentState, seconds: float, stopped: str | None) -> History:
    """The trace of a descent.

    Parameters
    ----------
    state : problem.DescentState
        At an epoch's end.
    seconds : float
        What it took.
    stopped : str or None
        What ended it early, if that was not the driver.

    Returns
    -------
    History
    """
    epochs = int(state.position[problem.EPOCH])
    validation, best = None, None
    if state.validation_costs.size and epochs:
        validation = state.validation_costs[:epochs].copy()
        known = np.where(np.isfinite(validation), validation, np.inf)
        best = int(known.argmin()) if np.isfinite(known).any() else None
    reason = stopped or _REASONS.get(int(state.position[problem.STATUS]), "epochs")
    return History(
        state.costs[:epochs].copy(), seconds, state.rates[:epochs].copy(), validation, best, reason
    )


def divergence(
    state: problem.DescentState, epochs: int, kept: int, seconds: float
) -> DivergenceError:
    """What happened, as an error to raise.

    Parameters
    ----------
    state : problem.DescentState
        Where the cost or the parameters went bad.
    epochs : int
        How many were wanted.
    kept : int
        The epoch to whose start the network goes back.
    seconds : float
        What the descent took.

    Returns
    -------
    DivergenceError
    """
    epoch = int(state.position[problem.EPOCH])
    diverged = state.position[problem.STATUS] == problem.DIVERGED
    costs = state.costs[: epoch + 1] if diverged else state.costs[:epoch]
    value = costs[-1] if diverged else "NaN or infinite parameters"
    rate = state.rates[min(epoch, len(state.rates) - 1)]
    message = (
        f"the descent diverged in epoch {epoch} of {epochs} (cost {value}) with "
        f"learning_rate={rate:g}; the network holds the parameters of the start of epoch "
        f"{kept}. Try a smaller learning_rate, or scaled inputs"
    )
    trace = History(costs.copy(), seconds, state.rates[: len(costs)].copy())
    return DivergenceError(message, epoch, trace)
