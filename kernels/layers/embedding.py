"""Embedding: every whole number of the data has a vector of its own, which is trained.

W is (numbers, width). An example has one number at each of its positions, and gets the rows of W of
these numbers, one behind the other. The gradient is added to the rows that a block has, the others
have none.
"""

from __future__ import annotations

from typing import Any

from ..compile.jit import elementwise, kernel
from ..compile.memory import window
from .operations import D_IN, D_OUT, EMBEDDING, GEOMETRY_0, Layer, Row

NUMBERS = GEOMETRY_0


def row(positions: int, numbers: int, width: int, parameters: int, output: int, source: int) -> Row:
    """Table row; the parameters are W (numbers, width). It reads the data."""
    return Row(
        kind=EMBEDDING, activation=0, d_in=positions, d_out=positions * width,
        parameters=parameters, size=numbers * width, decayed=numbers * width, output=output,
        workspace=output, wide=0, sample_major=0, keep=0, weight_rows=numbers, row_weights=width,
        source=source, work=positions * width, learns=1, geometry_0=numbers,
    )  # fmt: skip


@elementwise
def row_of(value: Any, numbers: int) -> int:
    """The row of W of a value of the data.

    The data are checked before a descent, but may be the user's own memory, which another thread
    can write into: no value may lead beyond W.
    """
    return min(max(int(value), 0), numbers - 1)


@kernel
def forward(layer: Layer) -> None:
    """a_out ← W_x; a_in (positions, lanes) holds x, a_out is (positions, width, lanes)."""
    positions, lanes, numbers = layer.row[D_IN], layer.lanes, layer.row[NUMBERS]
    width = layer.row[D_OUT] // positions
    for position in range(positions):
        x = window(layer.a_in, position * lanes, lanes)
        out = window(layer.a_out, position * width * lanes, width * lanes)
        for s in range(lanes):
            weight = window(layer.parameters, row_of(x[s], numbers) * width, width)
            for j in range(width):
                out[j * lanes + s] = weight[j]


@kernel
def delta(layer: Layer) -> None:
    """δ_in ← 0: between whole numbers there is nothing to derive."""
    for i in range(layer.delta_in.size):
        layer.delta_in[i] = 0


@kernel
def gradient(layer: Layer) -> None:
    """∇W_x ← Σ δ_out over the positions and lanes with x, or added to what is there."""
    if not layer.accumulate:
        for k in range(layer.gradient.size):
            layer.gradient[k] = 0
    row_gradients(layer)


@kernel
def row_gradients(layer: Layer) -> None:
    """∇W_x ← ∇W_x + Σ δ_out over the positions and lanes with x."""
    positions, lanes, numbers = layer.row[D_IN], layer.lanes, layer.row[NUMBERS]
    width = layer.row[D_OUT] // positions
    for position in range(positions):
        x = window(layer.a_in, position * lanes, lanes)
        delta_out = window(layer.delta_out, position * width * lanes, width * lanes)
        for s in range(lanes):
            own = window(layer.gradient, row_of(x[s], numbers) * width, width)
            for j in range(width):
                own[j] += delta_out[j * lanes + s]
