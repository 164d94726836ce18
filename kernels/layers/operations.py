"""The operation table: a network is rows of integers over flat buffers.

A row names one operation: which kernels compute it, where its parameters start in the flat vector,
from where it reads and where its output starts in the activation buffer (counted in units: unit u
of a block occupies elements u·lanes … (u+1)·lanes). Every row comes after those that it reads, so
the rows are a graph without cycles. A row reads one value. An operation on several values, as a sum
of two, is several rows with one output, which the later ones change in place.

The columns are the same for every kind of layer; a kind gives `D_IN`, `D_OUT` and the geometry
their meaning. The table is a flat int64 vector, so that a row is a window.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..compile.called import Contract
from ..compile.jit import Integers, Key, Vector, kernel


def bits_of(number: float) -> int:
    """The int64 with the bits of a float64, for a column; `number_at` reads it."""
    return int(np.float64(number).view(np.int64))


ONE = bits_of(1.0)


class Row(NamedTuple):
    """One operation, as its kind's row builder makes it; `build_table` fills in the rest."""

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
    in_step: int = 0  # how the step makes its gradient: BY_PRODUCT, LAZY, …; 0: it does not
    weight_rows: int = 0  # rows of its weights: a unit's incoming ones, or those of a filter
    row_weights: int = 0  # how many weights a row has; all rows together are those that decay
    # The graph.
    source: int = -1  # first unit of its input in the activation buffer; −1 − u: unit u of the data
    continues: int = 0  # 1: it changes what the row before made, and in `delta` δ_out for that row
    work: int = 0  # multiply-adds of a sample
    learns: int = 0  # 1: its parameters are trained
    loss: int = -1  # code of the loss of its output; −1: none
    loss_weight: int = ONE  # factor of that loss, the bits of a float64
    rate: int = ONE  # factor of the learning rate, likewise
    decay: int = ONE  # factor of weight decay, likewise
    geometry_0: int = 0  # what its kind has to say of shapes
    geometry_1: int = 0
    geometry_2: int = 0
    geometry_3: int = 0
    geometry_4: int = 0
    geometry_5: int = 0
    geometry_6: int = 0
    geometry_7: int = 0
    # What `build_table` finds out.
    delta_out: int = 0  # first unit of the deltas where its δ lies; = output, see `delta_places`
    delta_in: int = -1  # the same where δ_in is written; −1: it is not wanted
    adds: int = -1  # the same where it is then added, with what other readers gave; −1: nowhere
    shares: int = 0  # 1: its parameters are another row's too, 2: which has made its gradient
    # The same in every row: values of an example and of an output, and where these begin.
    example: int = 0
    outputs: int = 0
    result: int = 0
    buffer_units: int = 0  # of the activation buffer
    first_loss: int = 0  # where the first row with a loss begins in the table
    # Of a layer that looks at a whole batch, see `whole_batch`.
    averages: int = 0  # how many of its parameters, the last ones, it changes itself; no step does
    statistics: int = 0  # numbers that it keeps of each block in a descent; 0: it looks at a block
    kept: int = 0  # units of its workspace where they are others than d_out; 0: as many as that
    # Of an output with several positions, as steps of a sequence, each with a loss of its own.
    positions: int = 0  # softmax and the loss take one after another; 0: all of d_out together
    counted: int = -1  # first unit of their mask, see `masks`; −1: all positions count
    # Where compiled functions lie in this process, see `linking`; 0: not linked, or none is called.
    forward: int = 0  # of the kind of layer
    delta: int = 0
    gradient: int = 0
    product: int = 0  # `gemm`
    step_products: int = 0  # `add_products`, `add_entry_products` or `lazy_step`
    pack: int = 0  # `blocks.pack`, in the first row
    pack_inputs: int = 0  # the same for the examples' inputs, or `blocks.pack_bytes`
    optimizer_step: int = 0  # of the optimizer, in the first row
    step_in_parts: int = 0  # of plain descent whose step makes a gradient, likewise
    activate: int = 0  # of the activation
    derive: int = 0
    cost: int = 0  # of the loss
    cost_delta: int = 0
    costs: int = 0
    output_cost: int = 0  # of an output with a factor or with positions, see `network.outputs`
    output_delta: int = 0
    whole: int = 0  # of the kind of layer, for a whole batch
    lazy: int = 0  # where the numbers of a layer by features lie, see `network.entry_sums`

    @property
    def end(self) -> int:
        """The first unit of the activation buffer after the layer's own."""
        end = max(self.output + self.d_out, self.workspace + (self.kept or self.d_out))
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
    SOURCE,
    CONTINUES,
    WORK,
    LEARNS,
    LOSS,
    LOSS_WEIGHT,
    RATE,
    DECAY,
    GEOMETRY_0,
    GEOMETRY_1,
    GEOMETRY_2,
    GEOMETRY_3,
    GEOMETRY_4,
    GEOMETRY_5,
    GEOMETRY_6,
    GEOMETRY_7,
    DELTA_OUT,
    DELTA_IN,
    ADDS,
    SHARES,
    EXAMPLE,
    OUTPUTS,
    RESULT,
    BUFFER_UNITS,
    FIRST_LOSS,
    AVERAGES,
    STATISTICS,
    KEPT,
    POSITIONS,
    COUNTED,
    FORWARD,
    DELTA,
    GRADIENT,
    PRODUCT,
    STEP_PRODUCTS,
    PACK,
    PACK_INPUTS,
    OPTIMIZER_STEP,
    STEP_IN_PARTS,
    ACTIVATE,
    DERIVE,
    COST,
    COST_DELTA,
    COSTS,
    OUTPUT_COST,
    OUTPUT_DELTA,
    WHOLE,
    LAZY_NUMBERS,
) = range(COLUMNS)
# Values of the column IN_STEP. By a product of all blocks of the batch; or, of a layer on sparse
# examples, by their entries: the step of all rows of W, or lazily of those with entries alone.
BY_PRODUCT, LAZY, BY_ENTRIES = 1, 2, 3
# So many columns describe a chain of layers in a checkpoint, and so many a graph; those behind them
# follow from these, or are addresses of this process.
_CHAIN_COLUMNS, _GRAPH_COLUMNS = WEIGHT_ROWS, DELTA_OUT


class Layer(NamedTuple):
    """One layer of one block of samples: windows on the buffers of its pass.

    Empty windows stand for what a pass does not have: for F there are no deltas and no gradient.
    Every kind of layer has `forward(layer)`, `delta(layer)` and, with parameters,
    `gradient(layer)`. A kind that continues an output finds in a_out what the rows before it made,
    and its `delta` turns delta_out into the δ of that.
    """

    row: Integers  # of the table, see `Row`
    parameters: Vector
    a_in: Vector  # (d_in, lanes), or (samples, d_in)
    a_out: Vector  # (d_out, lanes): written by `forward`
    workspace: Vector  # (d_out or `kept`, lanes): what `forward` keeps, if the row has one
    delta_out: Vector  # (d_out, lanes)
    delta_in: Vector  # (d_in, lanes): written by `delta`; empty if nobody wants it
    gradient: Vector  # as the parameters: written by `gradient`, or added to if `accumulate`
    lanes: int
    accumulate: bool
    key: Key  # the block's for dropout, or NO_DROPOUT


# How a layer is called at an address of its row.
LAYER_CONTRACT = Contract(Layer)

# Kinds of layer; `kinds` has their functions.
DENSE, DROPOUT, COPY, ADD, MULTIPLY, MAXIMUM, CONCATENATE, SCALE, PRELU = range(9)
CONVOLUTION, MAX_POOLING, AVERAGE_POOLING, ZERO_PADDING, UPSAMPLING = range(9, 14)
LAYER_NORMALIZATION, BATCH_NORMALIZATION, RESCALING, RANDOM_IMAGE, SPARSE, EMBEDDING = range(14, 20)
MASK, SIMPLE_RNN, GRU, LSTM, MASKED_STEPS = range(20, 25)
MASKED_AVERAGE, MASKED_MAXIMUM = range(25, 27)


@kernel
def number_at(table: Integers, place: int) -> float:
    """The float64 whose bits a column holds."""
    bits = np.int64(table[place])
    number: float = bits.view(np.float64)
    return number


class Ends(NamedTuple):
    """Where a table begins and ends: the data, and the values that F gives."""

    example: int  # values of an example
    result: int  # first unit of the outputs
    outputs: int


def build_table(rows: Sequence[Row], ends: Ends | None = None, whole: bool = False) -> Vector:
    """The rows as one flat int64 vector, with what they have to know of one another.

    Parameters
    ----------
    rows : sequence of Row
        In an order in which each comes after those that it reads.
    ends : Ends or None
        None: the first row reads all of the data, and the last one makes the outputs.
    whole : bool
        Whether every δ is wanted, also where nothing below learns.
    """
    if ends is None:
        ends = Ends(rows[0].d_in, rows[-1].output, rows[-1].d_out)
    buffer = max(row.end for row in rows)
    table = np.array(rows, dtype=np.int64)
    table[:, [EXAMPLE, RESULT, OUTPUTS]] = ends
    table[:, DELTA_OUT], table[:, SHARES] = table[:, OUTPUT], 0
    spare = _place_deltas(table, rows, buffer, whole)
    _mark_shared(table, rows)
    first_loss = next((k for k, row in enumerate(rows) if row.loss >= 0), len(rows) - 1)
    table[:, [BUFFER_UNITS, FIRST_LOSS]] = buffer + spare, first_loss * COLUMNS
    return table.reshape(-1)


def _place_deltas(table: Vector, rows: Sequence[Row], spare: int, whole: bool) -> int:
    """Write where each δ_in goes; returns how many spare units behind the buffer that takes.

    A value's reader that is the last in the table is the first to give a δ: it writes, and the
    others add, by way of the spare units. A row that continues an output has to be called for the
    sake of that, so that it writes into these units where nobody wants its δ_in.
    """
    wanted: set[int] = set()  # first units of values on which parameters have an influence
    for row in rows:
        if whole or row.learns or row.source in wanted:
            wanted.add(row.output)
    given = {row.output for row in rows if row.loss >= 0}  # the loss writes there first
    width = 0
    for number in range(len(rows) - 1, -1, -1):
        row = rows[number]
        place = adds = -1
        if row.source >= 0 and row.source in wanted:
            place = row.source
            if row.source in given:
                place, adds = spare, row.source
            given.add(row.source)
        elif row.continues:
            place = spare
        if place == spare:
            width = max(width, row.d_in)
        table[number, DELTA_IN], table[number, ADDS] = place, adds
    return width


def _mark_shared(table: Vector, rows: Sequence[Row]) -> None:
    """Mark the rows of shared parameters.

    The last of them is the first to make a gradient; it writes, the others add, and leave weight
    decay and the step to it.
    """
    last = {row.parameters: number for number, row in enumerate(rows) if row.size}
    if len(last) == sum(row.size > 0 for row in rows):
        return
    users = Counter(row.parameters for row in rows if row.size)
    for number, row in enumerate(rows):
        if row.size and users[row.parameters] > 1:
            owner = last[row.parameters] == number
            table[number, SHARES] = 1 if owner else 2
            if not owner:
                table[number, DECAYED] = 0


def described(table: Vector) -> Vector:
    """The columns that describe a network, for its fingerprint: a flat int64 vector."""
    shapes = table.reshape(-1, COLUMNS)[:, GEOMETRY_0:_GRAPH_COLUMNS]
    columns = _GRAPH_COLUMNS if shapes.any() or not is_chain(table) else _CHAIN_COLUMNS
    return np.ascontiguousarray(table.reshape(-1, COLUMNS)[:, :columns]).reshape(-1)


def rows_of(table: Vector) -> list[Row]:
    """The rows that `build_table` made the table of."""
    return [Row(*columns) for columns in table.reshape(-1, COLUMNS).tolist()]


def multiply_adds(table: Vector) -> int:
    """Multiply-adds of a sample's pass forward."""
    return int(table.reshape(-1, COLUMNS)[:, WORK].sum())


def drops(table: Vector) -> bool:
    """Whether it draws random numbers: for dropout, or to move images."""
    kinds, keep = table.reshape(-1, COLUMNS)[:, [KIND, KEEP]].T
    return bool(((keep > 0) | (kinds == RANDOM_IMAGE)).any())


def looks_at_batches(table: Vector) -> bool:
    """Whether any layer of a descent looks at whole batches, see `whole_batch`."""
    return bool(table.reshape(-1, COLUMNS)[:, STATISTICS].any())


def convolves(table: Vector) -> bool:
    """Whether it has a convolution."""
    return bool((table.reshape(-1, COLUMNS)[:, KIND] == CONVOLUTION).any())


def has_rates(table: Vector) -> bool:
    """Whether any layer has its own learning rate."""
    return bool((table.reshape(-1, COLUMNS)[:, RATE] != ONE).any())


def has_lazy_layers(table: Vector) -> bool:
    """Whether any layer steps the rows of its weights lazily."""
    return bool((table.reshape(-1, COLUMNS)[:, IN_STEP] == LAZY).any())


def is_chain(table: Vector) -> bool:
    """Whether every row reads the one before it, learns what it has and shares nothing.

    A chain has one loss. Ways that compute chains alone ask here, see `kinds.obstacle`.
    """
    rows = rows_of(table)
    source = -1
    for row in rows:
        factors = (row.rate, row.decay, row.loss_weight) == (ONE, ONE, ONE)
        plain = factors and not row.shares and not row.positions
        if row.source != source or not plain or row.learns != (row.size > 0):
            return False
        source = row.output
    losses = [row for row in rows if row.loss >= 0]
    last, ends = rows[-1], (rows[-1].result, rows[-1].outputs)
    return losses in ([], [last]) and ends == (last.output, last.d_out)
