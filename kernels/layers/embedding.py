"""The embedding: each whole number of an example is looked up, and gives a row of W."""

from __future__ import annotations

from ..compile.jit import kernel
from ..compile.memory import window
from .operations import D_IN, EMBEDDING, GEOMETRY_0, Layer, Row

# Values that each number gives.
WIDTH = GEOMETRY_0


def row(time: int, entries: int, width: int, parameters: int, output: int, source: int) -> Row:
    """Table row; the parameters are W (entries, width), of which `time` rows are looked up."""
    units = time * width
    return Row(
        kind=EMBEDDING, activation=0, d_in=time, d_out=units, parameters=parameters,
        size=entries * width, decayed=entries * width, output=output, workspace=output, wide=0,
        sample_major=0, keep=0, weight_rows=entries, row_weights=width, source=source, work=units,
        learns=1, geometry_0=width,
    )  # fmt: skip


@kernel
def forward(layer: Layer) -> None:
    """a_out (time · width, lanes) ← the rows of W whose numbers a_in (time, lanes) holds."""
    lanes, width = layer.lanes, layer.row[WIDTH]
    for step in range(layer.row[D_IN]):
        numbers = window(layer.a_in, step * lanes, lanes)
        for j in range(width):
            out = window(layer.a_out, (step * width + j) * lanes, lanes)
            for s in range(lanes):
                out[s] = layer.parameters[int(numbers[s]) * width + j]


@kernel
def delta(layer: Layer) -> None:
    """δ_in ← 0: the numbers are names."""
    for k in range(layer.delta_in.size):
        layer.delta_in[k] = 0


@kernel
def gradient(layer: Layer) -> None:
    """∇W_i ← Σ δ_out over the places that hold i, added to what is there if `accumulate`."""
    lanes, width, total = layer.lanes, layer.row[WIDTH], layer.gradient
    if not layer.accumulate:
        for k in range(total.size):
            total[k] = 0
    for step in range(layer.row[D_IN]):
        numbers = window(layer.a_in, step * lanes, lanes)
        for j in range(width):
            delta_out = window(layer.delta_out, (step * width + j) * lanes, lanes)
            for s in range(lanes):
                total[int(numbers[s]) * width + j] += delta_out[s]
