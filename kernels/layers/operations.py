"""The operation table: a network is rows of integers over flat buffers.

A row names one layer: which kernels compute it, where its parameters start in the flat vector,
and where its output starts in the activation buffer (counted in units: unit u of a block occupies
elements u·lanes … (u+1)·lanes). The columns are the same for every kind of layer; a kind gives
`D_IN` and `D_OUT` their meaning. The table is a flat int64 vector, so that a row is a window.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from ..compile.called import Contract
from ..compile.jit import Integers, Key, Vector


class Row(NamedTuple):
    """One layer, as its kind's row builder makes it."""

    kind: int
    activation: int  # code in activations.CODES, applied to the layer's output
    d_in: int
    d_out: int
    parameters: int  # offset of the layer's parameters in the flat vector
    size: int  # how many parameters it has
    decayed: int  # how many of them, from the first on, weight decay shrinks: W, not b
    output: int  # first unit of its output in the activation buffer
    workspace: int  # first of as many more units, if its activation needs them; else = output
    wide: int  # 1: products by `gemm`, 0: by `tiles`
    sample_major: int  # 1: the input block is (samples, d_in) instead of (d_in, lanes)
    keep: int  # 2^32 times the probability that dropout keeps a value; 0 for other kinds
    transposed: int = 0  # first of d_in more units, for a block of rows as columns; 0: none
    in_step: int = 0  # 1: its gradient is made in the step, of all blocks of the batch
    weight_rows: int = 0  # rows of its weights: a unit's incoming ones, or those of a filter
    row_weights: int = 0  # how many weights a row has; all rows together are those that decay
    # Where compiled functions lie in this process, see `linking`; 0: not linked, or none is called.
    forward: int = 0  # of the kind of layer
    delta: int = 0
    gradient: int = 0
    product: int = 0  # `gemm`
    step_products: int = 0  # `in_step.add_products`
    pack: int = 0  # `blocks.pack`, in the first row
    optimizer_step: int = 0  # of the optimizer, in the first row
    activate: int = 0  # of the activation
    derive: int = 0
    cost: int = 0  # of the loss, in the last row
    cost_delta: int = 0
    costs: int = 0

    @property
    def end(self) -> int:
        """The first unit of the activation buffer after the layer's own."""
        end = max(self.output, self.workspace) + self.d_out
        return self.transposed + self.d_in if self.transposed else end


COLUMNS = len(Row._fields)
(
    KIND,
    ACTIVATION,
    D_IN,
    D_OUT,
    PARAMETERS,
    SIZE,
    DECAYED,
    OUTPUT,
    WORKSPACE,
    WIDE,
    SAMPLE_MAJOR,
    KEEP,
    TRANSPOSED,
    IN_STEP,
    WEIGHT_ROWS,
    ROW_WEIGHTS,
    FORWARD,
    DELTA,
    GRADIENT,
    PRODUCT,
    STEP_PRODUCTS,
    PACK,
    OPTIMIZER_STEP,
    ACTIVATE,
    DERIVE,
    COST,
    COST_DELTA,
    COSTS,
) = range(COLUMNS)
# So many columns describe a network in a checkpoint; those behind them follow from these, or are
# addresses of this process.
DESCRIBING = WEIGHT_ROWS


class Layer(NamedTuple):
    """One layer of one block of samples: windows on the buffers of its pass.

    Empty windows stand for what a pass does not have: for F there are no deltas and no gradient.
    Every kind of layer has `forward(layer)`, `delta(layer)` and, with parameters,
    `gradient(layer)`.
    """

    row: Integers  # of the table, see `Row`
    parameters: Vector
    a_in: Vector  # (d_in, lanes), or (samples, d_in)
    a_out: Vector  # (d_out, lanes): written by `forward`
    workspace: Vector  # (d_out, lanes): what `forward` keeps, if the row has one
    delta_out: Vector  # (d_out, lanes)
    delta_in: Vector  # (d_in, lanes): written by `delta`; empty for the first layer
    gradient: Vector  # as the parameters: written by `gradient`, or added to if `accumulate`
    lanes: int
    accumulate: bool
    key: Key  # the block's for dropout, or NO_DROPOUT


# How a layer is called at an address of its row.
LAYER_CONTRACT = Contract(Layer)

# Kinds of layer, and their names for messages.
DENSE, DROPOUT = range(2)
KIND_NAMES = {DENSE: "dense", DROPOUT: "dropout"}


class Part(NamedTuple):
    """Some rows of one layer's W, and its b with the last of them: what one member steps alone.

    What a layer has besides W, as b, is the tail of its parameters, behind the last row of W.
    """

    layer: int  # where the layer's row begins in the table
    unit: int  # first row of W
    units: int
    weights: int  # how many weights that makes; biases come after them
    first: int  # first of the part's parameters in the flat vector
    last: int  # one more than the last of them


PART_COLUMNS = len(Part._fields)
LAYER, UNIT, UNITS, WEIGHTS, FIRST, LAST = range(PART_COLUMNS)

# A layer has a part for so many weights, at most; W's rows in a part are a multiple of so many.
_PART_WEIGHTS = 40_000
_PART_UNITS = 16


def build_table(rows: list[Row]) -> Vector:
    """The rows as one flat int64 vector."""
    return np.array(rows, dtype=np.int64).reshape(-1)


def described(table: Vector) -> Vector:
    """The columns that describe a network, for its fingerprint: a flat int64 vector."""
    return np.ascontiguousarray(table.reshape(-1, COLUMNS)[:, :DESCRIBING]).reshape(-1)


def rows_of(table: Vector) -> list[Row]:
    """The rows that `build_table` made the table of."""
    return [Row(*columns) for columns in table.reshape(-1, COLUMNS).tolist()]


def unknown_kind(table: Vector, known: Collection[int]) -> str | None:
    """The name of the first kind in the table that is not among the known ones; None: all are.

    A way to compute that does not walk the table by `propagate` states the kinds that it knows.
    Whoever chooses it asks here first: a layer of another kind would be computed as one of them.
    """
    for kind in table.reshape(-1, COLUMNS)[:, KIND].tolist():
        if kind not in known:
            return KIND_NAMES.get(kind, f"number {kind}")
    return None


def build_parts(table: Vector, most: int) -> Vector:
    """The flat parameter vector cut into parts, a layer into `most` of them: a flat int64 vector.

    Layers with few weights have fewer parts: short products waste time. A layer with parameters
    but without weights is one part of no rows.
    """
    parts: list[Part] = []
    for number, row in enumerate(rows_of(table)):
        if row.size:
            parts += _layer_parts(number * COLUMNS, row, most)
    return np.array(parts, dtype=np.int64).reshape(-1)


def _layer_parts(layer: int, row: Row, most: int) -> list[Part]:
    """The parts of the layer whose row begins at `layer` in the table."""
    end = row.parameters + row.size
    if not row.weight_rows:
        return [Part(layer, 0, 0, 0, row.parameters, end)]
    count = max(1, min(most, row.decayed // _PART_WEIGHTS))
    units = -(-row.weight_rows // (count * _PART_UNITS)) * _PART_UNITS
    parts = []
    for unit in range(0, row.weight_rows, units):
        last = min(unit + units, row.weight_rows)
        first = row.parameters + unit * row.row_weights
        weights = (last - unit) * row.row_weights
        after = first + weights if last < row.weight_rows else end
        parts.append(Part(layer, unit, last - unit, weights, first, after))
    return parts


def gradients_in_step(table: Vector, weights: int, units: int) -> Vector:
    """The table with the gradients of wide dense layers made in the step, of those that have at
    least so many weights and units.
    """
    table = table.copy()
    rows = table.reshape(-1, COLUMNS)
    large = (rows[:, DECAYED] >= weights) & (rows[:, WEIGHT_ROWS] >= units)
    rows[:, IN_STEP] = (rows[:, KIND] == DENSE) & (rows[:, WIDE] == 1) & large
    return table


def block_lanes(batch: int, units: int, d_in: int, itemsize: int) -> int:
    """Samples per block: a whole number of vectors, blocks of equal size, scratch near L1.

    A block's activations, deltas and inputs take (2 · units + d_in) · lanes elements. With 64 KiB
    of them a layer's share stays in the first-level cache; with 512 an epoch of 4-32-16-4 takes a
    fifth longer. Wide networks still get 256 lanes, since their products need long sides, and 1024
    are enough for the narrowest. A single sample is a block of its own, without padding.
    """
    if batch == 1:
        return 1
    vector = 64 // itemsize
    fitting = 2**16 // ((2 * units + d_in) * itemsize)
    most = min(max(fitting, 256), 1024)
    blocks = -(-batch // most)
    share = -(-batch // blocks)
    return -(-share // vector) * vector


def chunk_count(batch: int, parameters: int) -> int:
    """Parts of a batch that may be computed at the same time, whatever the number of threads.

    One where a batch takes less than about 40 µs, as to open and close two phases takes 1 to 2. A
    chunk has at least 64 samples, for the products; with many parameters it has 128 if that leaves
    two chunks, and 32 if there would be but one. There are at most 4 where adding up their
    gradients costs more than a few per cent of the passes.

    More threads than chunks have no part in a descent: 16 processors serve networks of at most
    20 000 parameters in batches of 1024 and more, larger ones take 4 in batches of 512 and more;
    64 serve none. They serve populations, whose members need not wait for each other, and F, which
    shares blocks.
    """
    if 3 * parameters * batch < 2_000_000:
        return 1
    if parameters > 20_000:
        return max(min(batch // 32, 2), min(batch // 128, 4), 1)
    return max(1, min(batch // 64, 16))
