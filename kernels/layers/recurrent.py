"""What recurrent layers share: their row, their memory, and the products with the state before.

A recurrent layer is two rows of the table. The first, a convolution with windows of one step, makes
W x + b of all steps at once. The second goes through the time: it adds U h of the step before and
applies the gates. Its input, which nothing else reads, is the gates' z; `forward` puts the gates
where their z was. On the way back `back` writes δ of the gates' z, for all steps, into delta_in;
the gradient of U is one sum over steps and samples of that δ and the states.

Blocks are (step · units + unit, lanes), so that a step's values lie side by side. Steps count in
the order in which the layer reads them. `Memory` says what the workspace holds.

A step at which an example's mask is 0 leaves its state as it is, and no δ goes into the step. Both
are chosen and not computed by factors of 0, so that nothing of what a masked step holds counts,
were it NaN. Steps that no example counts are passed over. A block whose examples all count every
step has no mask: networks of any length always read one, and nothing is to be chosen there.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.jit import Integers, Vector, kernel, routine
from ..compile.memory import copy, part, window
from ..formulas import activations
from ..formulas.elementary import like, sigmoid, tanh
from ..products.taps import Grid, Taps, tap_products, tap_sums
from ..products.tiles import FROM_OUT, FROM_START, FROM_ZERO, Product
from .dense_single import add_lane_products, add_multiple, weighted_sum
from .dropout import NO_DROPOUT, draw_mask, key_of, multiply
from .masks import left_out
from .operations import (
    GEOMETRY_0,
    GEOMETRY_1,
    GEOMETRY_2,
    GEOMETRY_3,
    GEOMETRY_4,
    GEOMETRY_5,
    GRU,
    KEEP,
    LSTM,
    SIMPLE_RNN,
    Layer,
    Row,
)
from .pooling import clear

# Those whose derivative is a function of the output, and that the loops through time know.
ACTIVATIONS = ("identity", "relu", "sigmoid", "tanh")
_IDENTITY, _RELU, _SIGMOID, _TANH = (activations.CODES[name] for name in ACTIVATIONS)

# Bits of the column of flags.
SEQUENCES, BACKWARDS, ALIGNED, MASKED, STATEFUL = 1, 2, 4, 8, 16


class Recurrence(NamedTuple):
    """How a recurrent layer goes through the time."""

    time: int  # steps
    units: int
    activation: int  # codes of `ACTIVATIONS`
    recurrent_activation: int
    cut: int  # no δ goes back from a step that is a multiple of this; 0: it always does
    sequences: bool  # whether the output is the states of all steps, or the last one
    backwards: bool  # whether it reads the last step first
    aligned: bool  # whether the states stand in the order of the input, and not of the reading
    masked: bool  # whether the workspace begins with a mask
    stateful: bool  # whether the first state is given, and the last one kept


class Memory(NamedTuple):
    """The parts of a recurrent layer's workspace; `lanes` numbers make a unit of each."""

    mask: Vector  # (time,): ≠ 0 where a step counts; empty if all do, of all examples
    given: Vector  # the first state, and the last one after `forward`; empty if the first is 0
    states: Vector  # (time + 1, units): before the first step, and behind each
    dropped: Vector  # (units,): the mask of dropout between the steps; empty without
    fed: Vector  # (time, units): the states that the products read: those of `states`, thinned
    kept: Vector  # what the kind keeps


def recurrent_row(plain: Row, own: Recurrence, gates: int, kept: int, biased: bool = False) -> Row:
    """The row with all columns of a recurrent layer of so many gates.

    plain has kind, parameters, output, source and `keep`. The kind keeps so many units besides the
    states: kept. Parameters are U (gates · units, units), then a bias if biased. An LSTM's state
    is h and c.
    """
    units, sums = own.units, gates * own.units
    d_out = units * (own.time if own.sequences else 1)
    given = state_units(own, gates) if own.stateful else 0
    fed = (own.time + 1) * units if plain.keep else 0
    memory = (own.time if own.masked else 0) + given + (own.time + 1) * units + fed + kept
    flags = (
        SEQUENCES * own.sequences + BACKWARDS * own.backwards + ALIGNED * own.aligned
        + MASKED * own.masked + STATEFUL * own.stateful
    )  # fmt: skip
    return plain._replace(
        d_in=own.time * sums, d_out=d_out, size=sums * units + (sums if biased else 0),
        decayed=sums * units, workspace=plain.output + d_out, kept=memory, weight_rows=sums,
        row_weights=units, work=own.time * sums * units, learns=1, geometry_0=own.time,
        geometry_1=units, geometry_2=flags, geometry_3=own.activation,
        geometry_4=own.recurrent_activation, geometry_5=own.cut,
    )  # fmt: skip


def with_cut(row: Row, cut: int) -> Row:
    """The row with δ cut every so many steps, if it goes through the time; else the row itself."""
    return row._replace(geometry_5=cut) if row.kind in (SIMPLE_RNN, GRU, LSTM) else row


def state_units(own: Recurrence, gates: int) -> int:
    """How many units a state has: h, and c where there are four gates."""
    return own.units * (2 if gates == 4 else 1)


def plain_row(kind: int, keep: int, parameters: int, output: int, source: int) -> Row:
    """A row of a kind at its place, without anything else but the probability of its dropout."""
    return Row(
        kind=kind, activation=activations.IDENTITY, d_in=0, d_out=0, parameters=parameters, size=0,
        decayed=0, output=output, workspace=output, wide=0, sample_major=0, keep=keep,
        source=source,
    )  # fmt: skip


@kernel
def recurrence_of(row: Integers) -> Recurrence:
    """What the row's columns hold."""
    flags = row[GEOMETRY_2]
    return Recurrence(
        time=row[GEOMETRY_0],
        units=row[GEOMETRY_1],
        activation=row[GEOMETRY_3],
        recurrent_activation=row[GEOMETRY_4],
        cut=row[GEOMETRY_5],
        sequences=flags & SEQUENCES != 0,
        backwards=flags & BACKWARDS != 0,
        aligned=flags & ALIGNED != 0,
        masked=flags & MASKED != 0,
        stateful=flags & STATEFUL != 0,
    )


@kernel
def memory_of(layer: Layer, own: Recurrence, vectors: int) -> Memory:
    """The parts of the workspace; vectors: of how many vectors of `units` a state consists."""
    work, lanes = layer.workspace, layer.lanes
    width = own.units * lanes
    given = own.time * lanes if own.masked else 0
    mask = window(work, 0, given)
    states = given + (vectors * width if own.stateful else 0)
    dropped = states + (own.time + 1) * width
    drops = layer.row[KEEP] != 0
    fed = dropped + (width if drops else 0)
    kept = fed + (own.time * width if drops else 0)
    thins = drops and layer.key != NO_DROPOUT
    return Memory(
        mask=window(mask, 0, given if left_out(mask) else 0),
        given=window(work, given, states - given),
        states=window(work, states, (own.time + 1) * width),
        dropped=window(work, dropped, width if thins else 0),
        fed=window(work, fed if thins else states, own.time * width),
        kept=window(work, kept, work.size - kept),
    )


@kernel
def input_step(own: Recurrence, k: int) -> int:
    """Which step of the input the layer reads as its k-th."""
    return own.time - 1 - k if own.backwards else k


@kernel
def begin_states(layer: Layer, memory: Memory, states: Vector, vector: int) -> None:
    """The state before the first step ← the given one, or 0; vector: which vector of a state."""
    width = layer.row[GEOMETRY_1] * layer.lanes
    first = window(states, 0, width)
    if memory.given.size:
        copy(first, part(memory.given, vector, width))
    else:
        clear(first)


@kernel
def draw_dropout(layer: Layer, memory: Memory) -> None:
    """The mask of the block's dropout between the steps, if there is any."""
    if memory.dropped.size:
        draw_mask(memory.dropped, key_of(layer), layer.row[KEEP])


@kernel
def feed(memory: Memory, k: int, width: int) -> None:
    """What the products of step k read ← the state before it, thinned by dropout."""
    if memory.dropped.size:
        multiply(part(memory.fed, k, width), memory.dropped, part(memory.states, k, width))


@kernel
def end_states(layer: Layer, own: Recurrence, memory: Memory) -> None:
    """a_out ← the states of all steps, or that of the last one; h of the last one is kept."""
    width = own.units * layer.lanes
    if not own.sequences:
        copy(layer.a_out, part(memory.states, own.time, width))
    elif own.aligned and own.backwards:
        for k in range(own.time):
            copy(part(layer.a_out, own.time - 1 - k, width), part(memory.states, k + 1, width))
    else:
        copy(layer.a_out, window(memory.states, width, layer.a_out.size))
    if memory.given.size:
        copy(part(memory.given, 0, width), part(memory.states, own.time, width))


@kernel
def state_delta(layer: Layer, own: Recurrence, delta: Vector, k: int) -> None:
    """δ ← δ + ∂J/∂h_k of the layer's own output; δ is (units, lanes)."""
    if own.sequences or k == own.time - 1:
        place = input_step(own, k) if own.aligned else k
        given = part(layer.delta_out, place if own.sequences else 0, delta.size)
        for i in range(delta.size):
            delta[i] += given[i]


@kernel
def goes_on(own: Recurrence, k: int) -> bool:
    """Whether δ goes from step k to the state before it."""
    return k > 0 and (own.cut == 0 or k % own.cut != 0)


@kernel
def _taps_of(product: Product) -> Taps:
    """A product of a matrix: every output is a sum over all inputs, which are adjacent units.

    Tiles of `taps` have eight outputs: twice those of `weighted_sums`, and all that a block of one
    vector of lanes has to hide the latency of a multiply-add.
    """
    return Taps(
        outputs=product.outputs,
        weight_output=product.output_stride,
        rows=1,
        row=0,
        weight_row=0,
        columns=1,
        column=0,
        weight_column=0,
        run=product.inputs,
        weight_run=product.input_stride,
        lanes=product.lanes,
        begin=product.begin,
    )


@kernel
def add_recurrent(out: Vector, weight: Vector, state: Vector, units: int, lanes: int) -> None:
    """out ← out + U h; out is (sums, lanes), weight (sums, units), state (units, lanes)."""
    if lanes == 1:
        add_lane_products(out, state, weight)
    else:
        product = Product(out.size // lanes, units, units, 1, lanes, FROM_OUT)
        tap_sums(out, weight, state, weight, _taps_of(product))


@kernel
def biased_recurrent(out: Vector, weight: Vector, bias: Vector, state: Vector, lanes: int) -> None:
    """out ← U h + b, as `add_recurrent`; an empty bias or state stands for zeros."""
    sums, units = out.size // lanes, state.size // lanes
    if lanes == 1:
        for j in range(sums):
            out[j] = bias[j] if bias.size else out.dtype.type(0)
        if units:
            add_lane_products(out, state, weight)
    else:
        begin = FROM_START if bias.size else FROM_ZERO
        start = bias if bias.size else weight
        product = Product(sums, units, units, 1, lanes, begin)
        tap_sums(out, weight, state, start, _taps_of(product))


@kernel
def back_recurrent(out: Vector, weight: Vector, delta: Vector, dropped: Vector, lanes: int) -> None:
    """out ← Uᵀ δ, thinned by dropout.

    out is (units, lanes), weight (sums, units), delta (sums, lanes).
    """
    units, sums = out.size // lanes, delta.size // lanes
    if lanes == 1:
        weighted_sum(out, delta, weight, sums)
    else:
        product = Product(units, sums, 1, units, lanes, FROM_ZERO)
        tap_sums(out, weight, delta, weight, _taps_of(product))
    if dropped.size:
        multiply(out, dropped, out)


@kernel
def recurrent_gradient(
    layer: Layer, own: Recurrence, fed: Vector, weight: Vector, delta: Vector, reversed_order: bool
) -> None:
    """∇U ← Σ_k δ_k h_(k−1)ᵀ over steps and samples, added if `accumulate`.

    weight is (sums, units), fed (time · units, lanes), delta (time · sums, lanes); reversed_order
    says whether the steps of δ are in the order of a reversed input.
    """
    lanes, units = layer.lanes, own.units
    sums = weight.size // units
    # The state before the first step is 0, unless it is given.
    first = 0 if own.stateful else min(1, own.time - 1)
    steps = own.time if own.stateful else own.time - 1
    apart = -sums if reversed_order else sums
    place = own.time - 1 - first if reversed_order else first
    deltas = window(delta, place * sums * lanes, sums * lanes)
    states = window(fed, first * units * lanes, units * lanes)
    if lanes > 1:
        grid = Grid(
            outputs=sums, weight_output=units, inputs=units, input=1, rows=1, delta_row=0, row=0,
            columns=steps, delta_column=apart, column=units, lanes=lanes,
        )  # fmt: skip
        tap_products(weight, deltas, states, layer.accumulate, grid)
        return
    if not layer.accumulate:
        clear(weight)
    for k in range(steps):
        state, step = window(states, k * units, units), window(deltas, k * apart, sums)
        for j in range(sums):
            add_multiple(part(weight, j, units), step[j], state)


@routine
def apply(values: Vector, code: int) -> None:
    """a ← f(a), in place: with two names for one array no loop would be vectorised."""
    if code == _TANH:
        for i in range(values.size):
            values[i] = tanh(values[i])
    elif code == _SIGMOID:
        for i in range(values.size):
            values[i] = sigmoid(values[i])
    elif code == _RELU:
        for i in range(values.size):
            values[i] = activations.relu(values[i])


@routine
def sloped_product(out: Vector, delta: Vector, factor: Vector, values: Vector, code: int) -> None:
    """out ← δ ⊙ factor ⊙ f'(z), of values f(z); out is none of the others, see `apply`."""
    if code == _TANH:
        for i in range(out.size):
            slope = (like(values[i], 1) - values[i]) * (like(values[i], 1) + values[i])
            out[i] = delta[i] * factor[i] * slope
    elif code == _SIGMOID:
        for i in range(out.size):
            slope = values[i] * (like(values[i], 1) - values[i])
            out[i] = delta[i] * factor[i] * slope
    elif code == _RELU:
        for i in range(out.size):
            out[i] = delta[i] * factor[i] * activations.relu_derivative(values[i])
    else:
        for i in range(out.size):
            out[i] = delta[i] * factor[i]


@routine
def multiply_slope(delta: Vector, values: Vector, code: int) -> None:
    """δ ← δ ⊙ f'(z), in place, of values f(z)."""
    if code == _TANH:
        for i in range(values.size):
            delta[i] *= (like(values[i], 1) - values[i]) * (like(values[i], 1) + values[i])
    elif code == _SIGMOID:
        for i in range(values.size):
            delta[i] *= values[i] * (like(values[i], 1) - values[i])
    elif code == _RELU:
        for i in range(values.size):
            delta[i] *= activations.relu_derivative(values[i])
