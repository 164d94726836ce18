"""Layers that look at a whole batch in a descent: what a stage of the batch's pass hands them.

Such a layer cuts the pass into stages (`network.stages`). In one, every block writes numbers of its
own values, its statistics; in the next one every block reads those of all blocks, in their order.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.called import Contract
from ..compile.jit import Doubles, Vector
from .operations import Layer

# What the layer is to do: keep a block's moments, compute its outputs; keep the sums of its δ,
# compute the δ before it.
MOMENTS, OUTPUTS, SUMS, DELTAS = range(4)


class WholeBatch(NamedTuple):
    """The statistics of all blocks of a batch, and which block is meant."""

    task: int
    statistics: Doubles  # (blocks, numbers)
    numbers: int  # of a block, for all layers
    first: int  # of the layer's own among them
    block: int
    blocks: int
    weight: Vector  # (lanes,) of the block's examples; those of weight 0 do not count


# How the function of such a layer is called at an address of its row.
WHOLE_CONTRACT = Contract(Layer, WholeBatch)
