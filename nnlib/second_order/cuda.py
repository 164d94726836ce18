"""The costs and gradients of L-BFGS on a GPU: the data stays there."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from ..checks.examples import Examples
from ..cuda.function import DataCost
from ..cuda.streaming import check_fits

Array = NDArray[Any]


def data_cost(table: Array, parameters: Array, units: int, loss: int, train: Examples) -> DataCost:
    """The examples, on the GPU; raises `ValueError` if they do not fit."""
    check_fits("optimizer 'lbfgs'", train.X, train.y, train.weights)
    return DataCost(table, parameters, units, loss, train, gradient=True)
