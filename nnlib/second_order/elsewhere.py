"""L-BFGS with its costs and gradients from elsewhere: a GPU, or the workers of a cluster.

Per evaluation the parameters go there and a gradient comes back. The step between is that of the
CPU: 4 m p multiply-adds for p parameters and m pairs, little beside a pass over the data.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..kernels.network import problem
from ..kernels.second_order import lbfgs, objective

Array = NDArray[Any]


class Cost(Protocol):
    """Σ J over the examples and its gradient, wherever they are computed."""

    def at(self, parameters: Array, gradient: Array) -> float:
        """The sum at these parameters; its gradient is written."""

    def close(self) -> None:
        """Give up what belongs to these examples."""


def model(table: Array, parameters: Array) -> problem.Model:
    """What `lbfgs.descend_from` reads and writes of a network; the rest is elsewhere."""
    none, empty = np.empty(0, np.int64), np.empty(0, parameters.dtype)
    return problem.Model(table, none, parameters, np.zeros_like(parameters), *[empty] * 5)


def descend(
    model: problem.Model,
    data: Cost,
    state: lbfgs.LBFGSState,
    settings: objective.Settings,
    budget: int,
) -> None:
    """Run up to `budget` evaluations of L-BFGS, from where state stands; see `lbfgs.descend`."""
    while budget > 0 and state.position[objective.STATUS] == problem.RUNNING:
        budget -= 1
        state.cost[0] = data.at(model.parameters, model.gradient)
        lbfgs.descend_from(model, state, settings)
