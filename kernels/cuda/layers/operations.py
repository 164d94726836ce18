"""The twin of `layers.operations`: what a layer is given of one tile of samples."""

from __future__ import annotations

from typing import NamedTuple

from ...compile.jit import Vector
from ...layers.operations import SIZE
from ..compile.jit import kernel, window
from ..products.block import copy


class Draw(NamedTuple):
    """What the masks of a tile of samples depend on."""

    active: bool  # False: keep everything
    seed: int
    step: int
    first: int  # place of the tile's first sample in its batch
    lanes: int  # samples of a block on the CPU


class Layer(NamedTuple):
    """One layer of one tile of samples: windows on its pass, as `kernels.layers.operations.Layer`.

    What its pass does not use may reach beyond the buffers, and is not looked at.
    """

    row: Vector  # of the table
    parameters: Vector
    a_in: Vector  # (d_in, lanes)
    a_out: Vector  # (d_out, lanes): written by `forward`
    workspace: Vector  # (d_out, lanes): what `forward` keeps
    delta_out: Vector  # (d_out, lanes)
    delta_in: Vector  # (d_in, lanes): holds f'(z) of the layer before, which `delta` multiplies
    gradient: Vector  # as the parameters: written by `gradient`, or added to if `accumulate`
    lanes: int
    accumulate: bool
    draw: Draw
    stage: Vector  # shared memory that the parameters are copied to, or empty
    scratch: Vector  # float64, one per thread
    precision: int  # of products, see `block_product`


@kernel
def shared_parameters(layer: Layer) -> tuple[Vector]:
    """The layer's parameters in shared memory: copied to its stage, or there if that is empty.

    A tile of many samples leaves the first-level cache less room than 128 × 128 weights take.
    """
    if layer.stage.size == 0:
        return (layer.parameters,)
    staged = window(layer.stage, 0, layer.row[SIZE])
    copy(staged, layer.parameters)
    return (staged,)  # in a tuple: of arrays alone, Numba returns only those it was given
