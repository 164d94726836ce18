"""L-BFGS with its costs and gradients from a GPU.

The data stays there; per evaluation the parameters go up and a gradient comes down, and the step
between is that of the CPU, compiled there: 4 m p multiply-adds for p parameters and m pairs, little
beside a pass over the data.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks.examples import Examples
from ..cuda.function import DataCost
from ..cuda.streaming import check_fits
from ..kernels.network import problem
from ..kernels.second_order import lbfgs, objective

Array = NDArray[Any]


def model(table: Array, parameters: Array) -> problem.Model:
    """What `lbfgs.descend_from` reads and writes of a network; the GPU has the rest."""
    none, empty = np.empty(0, np.int64), np.empty(0, parameters.dtype)
    return problem.Model(table, none, parameters, np.zeros_like(parameters), *[empty] * 5)


def data_cost(table: Array, parameters: Array, units: int, loss: int, train: Examples) -> DataCost:
    """The examples, on the GPU; raises `ValueError` if they do not fit."""
    examples = train.X, train.y, train.weights
    check_fits("optimizer 'lbfgs'", *examples)
    return DataCost(table, parameters, units, loss, *examples, gradient=True)


def descend(
    model: problem.Model,
    data: DataCost,
    state: lbfgs.State,
    settings: objective.Settings,
    budget: int,
) -> None:
    """Run up to `budget` evaluations of L-BFGS, from where state stands; see `lbfgs.descend`."""
    while budget > 0 and state.position[objective.STATUS] == problem.RUNNING:
        budget -= 1
        state.cost[0] = data.at(model.parameters, model.gradient)
        lbfgs.descend_from(model, state, settings)
