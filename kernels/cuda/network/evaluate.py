"""The twin of `kernels.network.evaluate`: F over a whole data set, and what its values may be.

J and its gradient take the launches of a step, see `steps`.
"""

from __future__ import annotations

import math

from ...compile.jit import Vector
from ...layers.operations import COLUMNS, OUTPUT
from ..compile.jit import ALL_REGISTERS, cuda, entry, entry_with, window
from ..layers.operations import Draw
from ..products.block import total
from ..products.block_product import FLOAT32
from .problem import STAGE, device_settings, device_unpack, pack, shared_tile
from .propagate import Pass, forward


@entry_with(ALL_REGISTERS)
def outputs(out: Vector, x: Vector, integers: Vector, reals: Vector, memory: Vector) -> None:
    """out (n, d_L) ← F(x), x (n, d_1); block b takes the tiles b, b + blocks, …"""
    settings = device_settings(integers, reals, 0)
    model, state, _ = device_unpack(integers, reals, memory, 0)
    tile, _ = shared_tile(integers, memory, integers[STAGE], 0)
    lanes, d_out = settings.lanes, tile.targets.size // settings.lanes - 1
    last = window(model.table, model.table.size - COLUMNS, COLUMNS)[OUTPUT]
    own = Pass(
        table=model.table,
        parameters=model.parameters,
        inputs=tile.inputs,
        activations=tile.activations,
        deltas=tile.activations,
        gradient=model.gradient,
        lanes=lanes,
        accumulate=False,
        draw=Draw(False, 0, 0, 0, 1),
        stage=tile.stage,
        scratch=tile.scratch,
        precision=FLOAT32,
    )
    for start in range(cuda.blockIdx.x * lanes, settings.n, settings.blocks * lanes):
        count = min(lanes, settings.n - start)
        pack(tile.inputs, x, state.order, start, count, tile.inputs.size // lanes)
        cuda.syncthreads()
        forward(own)
        for place in range(cuda.threadIdx.x, count * d_out, cuda.blockDim.x):
            s = place // d_out
            unit = place - s * d_out
            out[start * d_out + place] = tile.activations[(last + unit) * lanes + s]
        cuda.syncthreads()


@entry
def survey(found: Vector, values: Vector) -> None:
    """Per block: how many values are not finite, how many below 0, how many above 1.

    found is float64 (blocks, 3).
    """
    scratch = cuda.shared.array(0, found.dtype)
    strange = below = above = 0.0
    for k in range(cuda.grid(1), values.size, cuda.gridsize(1)):
        value = float(values[k])
        strange += 0.0 if abs(value) < math.inf else 1.0
        below += 1.0 if value < 0 else 0.0
        above += 1.0 if value > 1 else 0.0
    strange, below = total(scratch, strange), total(scratch, below)
    above = total(scratch, above)
    if cuda.threadIdx.x == 0:
        found[3 * cuda.blockIdx.x] = strange
        found[3 * cuda.blockIdx.x + 1] = below
        found[3 * cuda.blockIdx.x + 2] = above


@entry
def row_errors(errors: Vector, values: Vector) -> None:
    """errors_s (n,) ← |Σ_j values_sj − 1|, values (n, d)."""
    width = values.size // errors.size
    for s in range(cuda.grid(1), errors.size, cuda.gridsize(1)):
        value = -1.0
        for j in range(width):
            value += values[s * width + j]
        errors[s] = abs(value)
