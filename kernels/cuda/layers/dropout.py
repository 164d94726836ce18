"""The twin of `kernels.layers.dropout`: the same masks, whatever the size of a block of samples.

The CPU draws a mask by the place of a value in a block of its own size. So a GPU thread works out
where the CPU would have had the value.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...compile.jit import Vector
from ...formulas import elementary
from ...layers import dropout as cpu
from ...layers.dropout import _GOLDEN, _S32, _WHOLE
from ...layers.operations import KEEP, OUTPUT
from ..compile.jit import cuda, kernel, twin

block_key, mix, like = twin(cpu.block_key), twin(cpu.mix), twin(elementary.like)


class Draw(NamedTuple):
    """What the masks of a tile of samples depend on."""

    active: bool  # False: keep everything
    seed: int
    step: int
    first: int  # place of the tile's first sample in its batch
    lanes: int  # samples of a block on the CPU


@kernel
def keep(row: Vector, draw: Draw, unit: int, sample: int, one: Any) -> Any:
    """1/p in the dtype of one if the unit's value is kept for this sample of the tile, else 0."""
    if not draw.active:
        return one
    place = draw.first + sample
    block = place // draw.lanes
    key = block_key(draw.seed, draw.step, block) + _GOLDEN * np.uint64(row[OUTPUT])
    i = unit * draw.lanes + place - block * draw.lanes
    bits = mix(key ^ (np.uint64(i) * _GOLDEN)) >> _S32
    return like(one, _WHOLE / row[KEEP]) if bits < np.uint64(row[KEEP]) else like(one, 0)


@kernel
def forward(
    a_out: Vector, workspace: Vector, a_in: Vector, row: Vector, lanes: int, draw: Draw
) -> None:
    """a_out ← mask ⊙ a_in; workspace (d, lanes) becomes the mask: 1/p for what is kept, else 0."""
    for i in range(cuda.threadIdx.x, workspace.size, cuda.blockDim.x):
        unit = i // lanes
        workspace[i] = keep(row, draw, unit, i - unit * lanes, workspace.dtype.type(1))
        a_out[i] = workspace[i] * a_in[i]
    cuda.syncthreads()


@kernel
def delta(delta_in: Vector, workspace: Vector, delta_out: Vector) -> None:
    """δ_in ← δ_in ⊙ mask ⊙ δ_out, where delta_in holds f'(z) of the layer before."""
    for i in range(cuda.threadIdx.x, workspace.size, cuda.blockDim.x):
        delta_in[i] *= workspace[i] * delta_out[i]
    cuda.syncthreads()
