"""The dense layer on sparse examples: z = W x + b, of which only the entries of x are looked at.

An example is a *record* of six ordinary numbers in place of its features. They say where in this
process the numbers of its columns lie (uint32), where its values lie, and how many of each there
are. So everything that packs, shuffles and selects examples does it with records as with any rows.
Addresses and counts are written as two digits of 24 bits, which float32 holds exactly.

The layer is the first one: nobody wants its δ_in. W is (d_out, features) as the user has it. One
unit after the other goes through all examples of the block, so that its row of W, or of ∇W, stays
in the first cache. `sparse_steps` has the same layer for descents, with W by features.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.jit import Scalar, Vector, kernel
from ..compile.memory import indices_at, values_at, window
from ..formulas import activations
from .dense import bias_gradient
from .operations import D_OUT, GEOMETRY_0, SPARSE, Layer, Row

# Numbers of a record: two digits each of the address of the columns, of the values, and the count.
RECORD = 6
COLUMNS_DIGIT, VALUES_DIGIT, COUNT_DIGIT = 0, 2, 4
# What a digit counts to: 2^24.
DIGIT = 1 << 24

FEATURES = GEOMETRY_0
# Of a uint32: the column of an entry.
COLUMN_BYTES = 4
# Entries of an example, for the work of a pass: how many there are is known of data alone.
_USUAL_ENTRIES = 100


def row(features: int, d_out: int, activation: int, parameters: int, output: int) -> Row:
    """Table row; the parameters are W (d_out, features), then b (d_out,), as of a dense layer.

    It reads all of the data, which is records.
    """
    weights = features * d_out
    workspace = output + d_out if activations.of(activation).needs_workspace else output
    return Row(
        kind=SPARSE, activation=activation, d_in=RECORD, d_out=d_out, parameters=parameters,
        size=weights + d_out, decayed=weights, output=output, workspace=workspace, wide=0,
        sample_major=0, keep=0, weight_rows=d_out, row_weights=features, source=-1,
        work=(min(features, _USUAL_ENTRIES) + 1) * d_out, learns=1, geometry_0=features,
    )  # fmt: skip


class Entries(NamedTuple):
    """Where the entries of an example are: x is values_e at the feature columns_e, and 0 elsewhere.

    Columns may be in any order, and several may be of one feature.
    """

    size: int
    columns: int  # address of uint32 (size,)
    values: int  # address of (size,); 0: all are 1


@kernel
def number_of(records: Vector, place: int, stride: int) -> int:
    """The whole number of two digits, the second `stride` behind the first."""
    return int(records[place]) + int(records[place + stride]) * DIGIT


@kernel
def entries_of(records: Vector, sample: int, stride: int) -> Entries:
    """The entries of a sample; digit k of its record is records[sample + k · stride]."""
    return Entries(
        number_of(records, sample + COUNT_DIGIT * stride, stride),
        number_of(records, sample + COLUMNS_DIGIT * stride, stride),
        number_of(records, sample + VALUES_DIGIT * stride, stride),
    )


@kernel
def product(weight: Vector, entries: Entries) -> Scalar:
    """Σ_e x_e w at the entries of one sample."""
    columns = indices_at(entries.columns, entries.size)
    total = weight.dtype.type(0)
    if entries.values:
        values = values_at(weight, entries.values, entries.size)
        for e in range(columns.size):
            total += values[e] * weight[columns[e]]
    else:
        for e in range(columns.size):
            total += weight[columns[e]]
    return total


@kernel
def add_entries(weight: Vector, entries: Entries, factor: Scalar) -> None:
    """w ← w + factor · x at the entries of one sample."""
    columns = indices_at(entries.columns, entries.size)
    if entries.values:
        values = values_at(weight, entries.values, entries.size)
        for e in range(columns.size):
            weight[columns[e]] += factor * values[e]
    else:
        for e in range(columns.size):
            weight[columns[e]] += factor


@kernel
def forward(layer: Layer) -> None:
    """z ← W x + b; z (d_out, lanes) is written, a_in is records (RECORD, lanes)."""
    row, lanes = layer.row, layer.lanes
    features, d_out = row[FEATURES], row[D_OUT]
    for j in range(d_out):
        weight = window(layer.parameters, j * features, features)
        z, bias = window(layer.a_out, j * lanes, lanes), layer.parameters[features * d_out + j]
        for s in range(lanes):
            z[s] = bias + product(weight, entries_of(layer.a_in, s, lanes))


@kernel
def gradient(layer: Layer) -> None:
    """∇W ← δ_out xᵀ and ∇b ← Σ_s δ_out, added to what the gradient holds if `accumulate`."""
    row, lanes = layer.row, layer.lanes
    features, d_out = row[FEATURES], row[D_OUT]
    for j in range(d_out):
        weight = window(layer.gradient, j * features, features)
        if not layer.accumulate:
            for i in range(features):
                weight[i] = 0
        for s in range(lanes):
            add_entries(weight, entries_of(layer.a_in, s, lanes), layer.delta_out[j * lanes + s])
    bias = window(layer.gradient, features * d_out, d_out)
    bias_gradient(bias, layer.delta_out, lanes, layer.accumulate)
