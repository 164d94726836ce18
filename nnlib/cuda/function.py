"""F, J and derJ on a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks.examples import Examples
from ..kernels.cuda.compile.jit import cuda, launcher
from ..kernels.cuda.network import evaluate
from ..kernels.cuda.network.problem import Dataset, Header
from ..kernels.cuda.training import steps
from ..kernels.cuda.wide import layers
from ..kernels.layers.operations import rows_of
from ..kernels.network import problem
from . import launch as cuda_launch
from .arrays import flat, on_device
from .memory import Buffers
from .streaming import rows_that_fit

Array = NDArray[Any]


def evaluation(
    table: Array, parameters: Array, units: int, n: int, loss: int = 0, weighted: int = 0
) -> tuple[cuda_launch.Cut, Buffers]:
    """The cut and the buffers of one pass over n examples."""
    rows = rows_of(table)
    cut = cuda_launch.cut(n, table, parameters.size, units, parameters.itemsize, once=True)
    header = Header(
        table_size=table.size,
        size=parameters.size,
        units=units,
        d_in=rows[0].d_in,
        d_out=rows[-1].d_out,
        epochs=0,
        lanes=cut.lanes,
        loss=loss,
        mean=0,
        optimizer=0,
        dropout=0,
        cpu_lanes=1,
        n=n,
        batch_size=n,
        held=1,
        validation_n=n,
        shuffled=0,
        validated=0,
        weighted=weighted,
        blocks=cut.blocks,
        groups=cut.groups,
        first_size=0,
        second_size=0,
        tile_size=cut.tile_size,
        stage=cut.stage,
    )
    buffers = Buffers(header, table, parameters.dtype)
    buffers.network(0)[0].parameters[:] = parameters
    return cut, buffers


def outputs(table: Array, parameters: Array, units: int, X: Any) -> Any:
    """F(X) (n · d_L,) as an array on the GPU; X is (n, d_1), there or on the host."""
    n, d_out = len(X), rows_of(table)[-1].d_out
    cut, own = evaluation(table, parameters, units, n)
    buffers, x = own.upload(), on_device(flat(X))
    out = cuda.device_array(n * d_out, parameters.dtype)
    if cut.kind == "together":
        launcher(evaluate.outputs, cut.blocks, cut.threads, cut.shared)(out, x, *buffers)
        return out
    dummy = cuda.to_device(np.zeros(0, parameters.dtype))
    passes = cuda_launch.Layers(cut, table, buffers, Dataset(x, dummy, dummy))
    write = launcher(layers.write_outputs, cut.groups, cut.threads)
    for start in range(0, n, cut.lanes):
        for launch in passes.forward(start):
            launch()
        write(out, *buffers, start)
    return out


def outputs_of_rows(out: Array, table: Array, parameters: Array, units: int, X: Array) -> None:
    """out (n · d_L,) ← F(X), both on the host, as many rows at a time as fit the GPU."""
    n, d_out = len(X), rows_of(table)[-1].d_out
    rows = rows_that_fit(n, X, out)
    for first in range(0, n, rows):
        part = out[first * d_out : min(first + rows, n) * d_out]
        outputs(table, parameters, units, X[first : first + rows]).copy_to_host(part)


class DataCost:
    """Σ v J over a data set and its gradient, at parameters that change; all else stays there.

    Parameters
    ----------
    table, parameters, units, loss
        The network; of its parameters, size and dtype.
    examples : Examples
        On the GPU or on the host; their weights are empty or one factor per example.
    gradient : bool
        Whether gradients are wanted, not costs alone.
    """

    def __init__(
        self,
        table: Array,
        parameters: Array,
        units: int,
        loss: int,
        examples: Examples,
        gradient: bool,
    ) -> None:
        X, weights = examples.X, examples.weights
        weighted = (1 if gradient else 2) if len(weights) else 0
        cut, self._own = evaluation(table, parameters, units, len(X), loss, weighted)
        self._model, state, self._parts = self._own.network(0)
        state.position[problem.VALIDATING] = not gradient
        self._buffers = self._own.upload()
        v = weights if len(weights) else np.zeros(1, parameters.dtype)
        dataset = Dataset(on_device(flat(X)), on_device(flat(examples.y)), on_device(v))
        self._pass = cuda_launch.one_pass(cut, table, self._buffers, dataset)(len(X))
        grid = cuda_launch.step_blocks(cut, parameters.size)
        self._add_up = launcher(steps.norms, grid, cut.threads, 8 * cut.threads)

    def at(self, parameters: Array, gradient: Array) -> float:
        """Σ v J at these parameters; gradient ← Σ v ∇J, or nothing if it is empty."""
        self._own.send(self._model.parameters, parameters)
        for launch in self._pass:
            launch()
        if gradient.size:
            self._add_up(*self._buffers)
            gradient[:] = self._own.fetch(self._model.gradient)
        costs = self._own.fetch(self._parts.costs)
        # A line search may try parameters whose cost is beyond all numbers.
        with np.errstate(over="ignore", invalid="ignore"):
            return float(costs.sum())

    def close(self) -> None:
        """Nothing: the memory goes with the arrays."""


def total_cost(
    table: Array,
    parameters: Array,
    units: int,
    loss: int,
    examples: Examples,
    gradient: Array,
) -> float:
    """Σ v J over the data; gradient ← Σ v ∇J, or nothing if it is empty.

    Data on the host of which the GPU has no room for all goes there in parts, added in their order.
    """
    n, cost = len(examples.X), 0.0
    rows = rows_that_fit(n, examples.X, examples.y, examples.weights)
    total = np.zeros_like(gradient)
    for first in range(0, n, rows):
        part = slice(first, first + rows)
        some = Examples(examples.X[part], examples.y[part], examples.weights[part])
        own = DataCost(table, parameters, units, loss, some, gradient=gradient.size > 0)
        cost += own.at(parameters, gradient)
        total += gradient
    gradient[:] = total
    return cost
