"""The three products of a wide dense layer, for every way to multiply: z, δ and ∇W.

`multiply` stands for any of the ways to multiply, and what happens to the sums is written here
once; `entries` compiles the three for one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from numba import types

from ...compile.jit import Vector
from ...formulas.activations import LOG_SOFTMAX, SOFTMAX
from ...layers.operations import ACTIVATION, D_IN, D_OUT, PARAMETERS, SIZE
from ..compile.instructions import INSTRUCTIONS
from ..compile.jit import cuda, entry_with, kernel, variant, window
from ..formulas.activations import apply, derivative
from ..network.problem import LANES, device_unpack, global_tile
from . import gemm, tensor_gemm
from .layers import idle, layer, training
from .slabs import Block, Matrix, Way, multiplication

# What `entries` has each of the kernels call instead: a way to multiply.
multiply: Any = None


class Entries(NamedTuple):
    """What is launched for a layer, a block per rectangle of the result."""

    forward: Any
    gradient: Any
    delta: Any
    block: Block


class Units(NamedTuple):
    """Where the sums of a pass forward or back go: (units, lanes)."""

    out: Vector
    bias: Vector
    kept: Vector  # what f' is a function of
    lanes: int
    activation: int


@kernel
def put_output(to: Units, unit: int, s: int, value: Any) -> None:
    """a = f(W a + b); softmax stays z."""
    place = unit * to.lanes + s
    to.out[place] = value + to.bias[unit]
    if to.activation != SOFTMAX and to.activation != LOG_SOFTMAX:
        apply(to.out, to.kept, place, to.activation)


@kernel
def put_delta(to: Units, unit: int, s: int, value: Any) -> None:
    """δ = f'(z) ⊙ Wᵀ δ_out."""
    place = unit * to.lanes + s
    to.out[place] = value * derivative(to.kept, place, to.activation)


class Weights(NamedTuple):
    """Where the sums of a gradient go: (units, features), and a bias for each unit."""

    out: Vector
    units: int
    features: int
    accumulate: bool


@kernel
def put_gradient(to: Weights, unit: int, feature: int, value: Any) -> None:
    """∇W = δ aᵀ, and ∇b = Σ δ in the column after the last."""
    place = unit * to.features + feature
    if feature == to.features:
        place = to.units * to.features + unit
    to.out[place] = value + to.out[place] if to.accumulate else value


def forward(integers: Vector, reals: Vector, memory: Vector, number: int) -> None:
    """a_out ← f(W a + b) of layer `number`; softmax stays z."""
    model, state, parts = device_unpack(integers, reals, memory, 0)
    if idle(state):
        return
    lanes = integers[LANES]
    row, _, a_in, a_out, workspace, _ = layer(
        model.table, number, global_tile(integers, parts.tile), lanes
    )
    d_in, d_out, code = row[D_IN], row[D_OUT], row[ACTIVATION]
    parameters = window(model.parameters, row[PARAMETERS], row[SIZE])
    to = Units(a_out, window(parameters, d_in * d_out, d_out), workspace, lanes, code)
    left, right = Matrix(parameters, d_out, d_in, True), Matrix(a_in, lanes, lanes, False)
    multiply(put_output, to, left, right, 0, d_in, False)


def gradient(integers: Vector, reals: Vector, memory: Vector, number: int, start: int) -> None:
    """∇W and ∇b of layer `number`; the samples are split over the grid's third dimension."""
    model, state, parts = device_unpack(integers, reals, memory, 0)
    if idle(state) or not training(state):
        return
    lanes = integers[LANES]
    row, _, a_in, delta_out, _, _ = layer(
        model.table, number, global_tile(integers, parts.tile), lanes
    )
    d_in, d_out = row[D_IN], row[D_OUT]
    split, splits = cuda.blockIdx.z, cuda.gridDim.z
    part = (lanes + splits - 1) // splits
    begin, end = min(split * part, lanes), min((split + 1) * part, lanes)
    out = window(parts.gradients, split * model.parameters.size + row[PARAMETERS], row[SIZE])
    to = Weights(out, d_out, d_in, start > 0)
    left, right = Matrix(delta_out, d_out, lanes, True), Matrix(a_in, d_in, lanes, True)
    multiply(put_gradient, to, left, right, begin, end, True)


def delta(integers: Vector, reals: Vector, memory: Vector, number: int) -> None:
    """δ of the layer before `number`, in the place of its activations: f'(z) ⊙ Wᵀ δ_out."""
    model, state, parts = device_unpack(integers, reals, memory, 0)
    if idle(state) or not training(state):
        return
    lanes = integers[LANES]
    row, before, delta_in, delta_out, _, kept = layer(
        model.table, number, global_tile(integers, parts.tile), lanes
    )
    d_in, d_out = row[D_IN], row[D_OUT]
    weight = window(model.parameters, row[PARAMETERS], d_in * d_out)
    to = Units(delta_in, window(weight, 0, 0), kept, lanes, before[ACTIVATION])
    left, right = Matrix(weight, d_in, d_in, False), Matrix(delta_out, lanes, lanes, False)
    multiply(put_delta, to, left, right, 0, d_out, False)


def entries(way: Way) -> Entries:
    """The three kernels with the multiplication in this way as their `multiply`.

    As globals of their own, not in a closure, whose contents Numba's cache does not know again.
    """
    own, compiled = multiplication(way), entry_with(way.most_registers)

    def made(function: Callable[..., None]) -> Any:
        return compiled(variant(function, f"{function.__name__}_{way.name}", multiply=own))

    return Entries(made(forward), made(gradient), made(delta), way.block)


# Of each precision the products of large blocks first, which take longer to fill the GPU.
PRODUCTS: dict[str, tuple[Entries, ...]] = {
    "float32": tuple(entries(gemm.way(types.float32, tile)) for tile in gemm.TILES),
    "float64": (entries(gemm.way(types.float64, min(gemm.TILES))),),
    **{
        instruction.name: tuple(
            entries(tensor_gemm.way(instruction, tile)) for tile in tensor_gemm.TILES
        )
        for instruction in INSTRUCTIONS
    },
}
