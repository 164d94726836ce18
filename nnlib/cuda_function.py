"""F, J and derJ on a GPU."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import cuda_launch
from .cuda_arrays import flat, on_device
from .cuda_memory import Buffers
from .kernels import problem
from .kernels.cuda import evaluate, layers, steps
from .kernels.cuda.jit import cuda, launcher
from .kernels.cuda.problem import Header
from .kernels.operations import COLUMNS, D_IN, D_OUT

Array = NDArray[Any]


def widths(table: Array) -> list[int]:
    """Units of every layer that a table describes, the inputs first."""
    rows = table.reshape(-1, COLUMNS)
    return [int(rows[0, D_IN]), *map(int, rows[:, D_OUT])]


def evaluation(
    table: Array, parameters: Array, units: int, n: int, loss: int = 0, weighted: int = 0
) -> tuple[cuda_launch.Cut, Buffers]:
    """The cut and the buffers of one pass over n examples."""
    sizes = widths(table)
    cut = cuda_launch.cut(n, sizes, parameters.size, units, parameters.itemsize, once=True)
    header = Header(
        table_size=table.size,
        size=parameters.size,
        units=units,
        d_in=sizes[0],
        d_out=sizes[-1],
        epochs=0,
        lanes=cut.lanes,
        loss=loss,
        mean=0,
        optimizer=0,
        dropout=0,
        cpu_lanes=1,
        n=n,
        batch_size=n,
        validation_n=n,
        shuffled=0,
        validated=0,
        weighted=weighted,
        blocks=cut.blocks,
        groups=cut.groups,
        first_size=0,
        second_size=0,
        tile_size=cut.tile_size,
    )
    buffers = Buffers(header, table, parameters.dtype)
    buffers.network(0)[0].parameters[:] = parameters
    return cut, buffers


def outputs(table: Array, parameters: Array, units: int, X: Any) -> Any:
    """F(X) (n · d_L,) as an array on the GPU; X is (n, d_1), there or on the host."""
    n, d_out = len(X), widths(table)[-1]
    cut, own = evaluation(table, parameters, units, n)
    buffers, x = own.upload(), on_device(flat(X))
    out = cuda.device_array(n * d_out, parameters.dtype)
    if cut.kind == "together":
        launcher(evaluate.outputs, cut.blocks, cut.threads, cut.shared)(out, x, *buffers)
        return out
    dummy = cuda.to_device(np.zeros(0, parameters.dtype))
    passes = cuda_launch.Layers(cut, table, buffers, (x, dummy, dummy, dummy, dummy))
    write = launcher(layers.write_outputs, cut.groups, cut.threads)
    for start in range(0, n, cut.lanes):
        passes.forward(start)
        write(out, *buffers, start)
    return out


def total_cost(
    table: Array,
    parameters: Array,
    units: int,
    loss: int,
    X: Any,
    y: Any,
    weights: Any,
    gradient: Array,
) -> float:
    """Σ v J over the data; gradient ← Σ v ∇J, or nothing if it is empty."""
    weighted = (1 if gradient.size else 2) if len(weights) else 0
    cut, own = evaluation(table, parameters, units, len(X), loss, weighted)
    model, state, parts = own.network(0)
    state.position[problem.VALIDATING] = not gradient.size
    buffers = own.upload()
    dummy = np.zeros(1, parameters.dtype)
    x, targets = on_device(flat(X)), on_device(flat(y))
    v = cuda.to_device(weights if len(weights) else dummy)
    examples = x, targets, v, x, targets
    cuda_launch.one_pass(cut, table, buffers, examples)(len(X))
    if gradient.size:
        grid = min(cut.groups, -(-parameters.size // cut.threads))
        launcher(steps.norms, grid, cut.threads, 8 * cut.threads)(*buffers, *examples)
        gradient[:] = own.fetch(model.gradient)
    return math.fsum(own.fetch(parts.costs))
