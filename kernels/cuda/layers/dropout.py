"""The twin of `kernels.layers.dropout`: the same masks, whatever the size of a block of samples.

The CPU draws a mask by the place of a value in a block of its own size. So a GPU thread works out
where the CPU would have had the value.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...compile.jit import Vector
from ...formulas import elementary
from ...layers import dropout as cpu
from ...layers.operations import KEEP, OUTPUT
from ..compile.jit import cuda, kernel, twin
from .operations import Draw, Layer

block_key, layer_key = twin(cpu.block_key), twin(cpu.layer_key)
bits_at, scale_of = twin(cpu.bits_at), twin(cpu.scale_of)
like = twin(elementary.like)


@kernel
def keep(row: Vector, draw: Draw, unit: int, sample: int, one: Any) -> Any:
    """1/p in the dtype of one if the unit's value is kept for this sample of the tile, else 0."""
    if not draw.active:
        return one
    place = draw.first + sample
    block = place // draw.lanes
    key = layer_key(block_key(draw.seed, draw.step, block), row[OUTPUT])
    i = unit * draw.lanes + place - block * draw.lanes
    is_kept = bits_at(key, i) < np.uint64(row[KEEP])
    return like(one, scale_of(row[KEEP])) if is_kept else like(one, 0)


@kernel
def forward(layer: Layer) -> None:
    """a_out ← mask ⊙ a_in; workspace (d, lanes) becomes the mask: 1/p for what is kept, else 0."""
    mask, lanes = layer.workspace, layer.lanes
    for i in range(cuda.threadIdx.x, mask.size, cuda.blockDim.x):
        unit = i // lanes
        mask[i] = keep(layer.row, layer.draw, unit, i - unit * lanes, mask.dtype.type(1))
        layer.a_out[i] = mask[i] * layer.a_in[i]
    cuda.syncthreads()


@kernel
def delta(layer: Layer) -> None:
    """δ_in ← δ_in ⊙ mask ⊙ δ_out, where delta_in holds f'(z) of the layer before."""
    for i in range(cuda.threadIdx.x, layer.workspace.size, cuda.blockDim.x):
        layer.delta_in[i] *= layer.workspace[i] * layer.delta_out[i]
    cuda.syncthreads()
