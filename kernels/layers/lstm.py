"""Long short-term memory, its gates in Keras' order i, f, c, o; see `recurrent`.

i, f, o = σ(z_i), σ(z_f), σ(z_o), g = φ(z_c), c_t = f c_(t−1) + i g and h_t = o φ(c_t), with
z = W x_t + b + U h_(t−1). Source: F. Gers, J. Schmidhuber and F. Cummins, "Learning to forget:
continual prediction with LSTM", Neural Computation 12 (2000).
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.jit import Vector, kernel
from ..compile.memory import copy, part, window
from .masked_states import choose, choose_zero, counts
from .operations import LEARNS, LSTM, Layer, Row
from .pooling import clear
from .recurrent import (
    Memory,
    Recurrence,
    add_recurrent,
    apply,
    back_recurrent,
    begin_states,
    draw_dropout,
    end_states,
    feed,
    goes_on,
    input_step,
    memory_of,
    multiply_slope,
    plain_row,
    recurrence_of,
    recurrent_gradient,
    recurrent_row,
    sloped_product,
    state_delta,
)

# A state is h and c.
_VECTORS = 2


class Cells(NamedTuple):
    """What an LSTM keeps besides the states."""

    cells: Vector  # (time + 1, units): c before the first step, and behind each
    squashed: Vector  # (time, units): φ(c)
    delta: Vector  # (units,): ∂J/∂h of a step
    delta_cell: Vector  # ∂J/∂c of it
    passed: Vector  # the same two before a step, for masked examples
    passed_cell: Vector


class Gates(NamedTuple):
    """The gates of a step, or their δ: (units, lanes) each."""

    entered: Vector
    forgotten: Vector
    candidate: Vector
    opened: Vector


def row(own: Recurrence, keep: int, parameters: int, output: int, source: int) -> Row:
    """Table row of what goes through the time; its parameters are U (4 units, units)."""
    plain = plain_row(LSTM, keep, parameters, output, source)
    return recurrent_row(plain, own, gates=4, kept=(2 * own.time + 5) * own.units)


@kernel
def _cells_of(own: Recurrence, memory: Memory, width: int) -> Cells:
    """The parts of what is kept."""
    kept, squashed = memory.kept, (own.time + 1) * width
    last = 2 * own.time + 1
    return Cells(
        cells=window(kept, 0, squashed),
        squashed=window(kept, squashed, own.time * width),
        delta=part(kept, last, width),
        delta_cell=part(kept, last + 1, width),
        passed=part(kept, last + 2, width),
        passed_cell=part(kept, last + 3, width),
    )


@kernel
def _gates_of(values: Vector, width: int) -> Gates:
    """The parts of a step's (4 · units, lanes)."""
    return Gates(
        entered=part(values, 0, width),
        forgotten=part(values, 1, width),
        candidate=part(values, 2, width),
        opened=part(values, 3, width),
    )


@kernel
def forward(layer: Layer) -> None:
    """a_out ← the states; a_in (time · 4 units, lanes) holds z, and the gates afterwards."""
    own, lanes = recurrence_of(layer.row), layer.lanes
    memory, width = memory_of(layer, own, _VECTORS), own.units * lanes
    kept = _cells_of(own, memory, width)
    begin_states(layer, memory, memory.states, 0)
    begin_states(layer, memory, kept.cells, 1)
    draw_dropout(layer, memory)
    for k in range(own.time):
        step = input_step(own, k)
        before, state = part(memory.states, k, width), part(memory.states, k + 1, width)
        cell_before, cell = part(kept.cells, k, width), part(kept.cells, k + 1, width)
        feed(memory, k, width)
        if not counts(memory, step, lanes):
            copy(state, before)
            copy(cell, cell_before)
            continue
        z = part(layer.a_in, step, 4 * width)
        if k or own.stateful:
            add_recurrent(z, layer.parameters, part(memory.fed, k, width), own.units, lanes)
        _open(own, z, width)
        gates, squashed = _gates_of(z, width), part(kept.squashed, k, width)
        _new_cell(cell, gates, cell_before)
        copy(squashed, cell)
        apply(squashed, own.activation)
        _product(state, gates.opened, squashed)
        choose(state, before, memory, step, lanes)
        choose(cell, cell_before, memory, step, lanes)
    end_states(layer, own, memory)
    if own.stateful:
        copy(part(memory.given, 1, width), part(kept.cells, own.time, width))


@kernel
def _open(own: Recurrence, z: Vector, width: int) -> None:
    """The gates of a step, in place of their z."""
    pair, candidate, opened = window(z, 0, 2 * width), part(z, 2, width), part(z, 3, width)
    apply(pair, own.recurrent_activation)
    apply(candidate, own.activation)
    apply(opened, own.recurrent_activation)


@kernel
def _new_cell(cell: Vector, gates: Gates, before: Vector) -> None:
    """c ← f c_(t−1) + i g, in two loops: over five arrays one would not be vectorised."""
    for i in range(cell.size):
        cell[i] = gates.entered[i] * gates.candidate[i]
    for i in range(cell.size):
        cell[i] += gates.forgotten[i] * before[i]


@kernel
def _product(out: Vector, left: Vector, right: Vector) -> None:
    """out ← left ⊙ right."""
    for i in range(out.size):
        out[i] = left[i] * right[i]


@kernel
def back(layer: Layer) -> None:
    """δ of the gates' z at all steps; delta_in (time · 4 units, lanes) is written."""
    own, lanes = recurrence_of(layer.row), layer.lanes
    memory, width = memory_of(layer, own, _VECTORS), own.units * lanes
    kept = _cells_of(own, memory, width)
    clear(kept.delta)
    clear(kept.delta_cell)
    for k in range(own.time - 1, -1, -1):
        step = input_step(own, k)
        state_delta(layer, own, kept.delta, k)
        delta_z = part(layer.delta_in, step, 4 * width)
        if counts(memory, step, lanes):
            if memory.mask.size:
                copy(kept.passed, kept.delta)
                copy(kept.passed_cell, kept.delta_cell)
            _gate_deltas(layer, own, kept, k)
            choose_zero(delta_z, memory, step, lanes)
            if goes_on(own, k):
                back_recurrent(kept.delta, layer.parameters, delta_z, memory.dropped, lanes)
                choose(kept.delta, kept.passed, memory, step, lanes)
                choose(kept.delta_cell, kept.passed_cell, memory, step, lanes)
        else:
            clear(delta_z)
        if not goes_on(own, k):
            clear(kept.delta)
            clear(kept.delta_cell)


@kernel
def _gate_deltas(layer: Layer, own: Recurrence, kept: Cells, k: int) -> None:
    """δ of the gates' z at a step, and ∂J/∂c of the step before, from ∂J/∂h and ∂J/∂c."""
    width, place = kept.delta.size, input_step(own, k)
    gates = _gates_of(part(layer.a_in, place, 4 * width), width)
    deltas = _gates_of(part(layer.delta_in, place, 4 * width), width)
    squashed, before = part(kept.squashed, k, width), part(kept.cells, k, width)
    inner, outer, delta_cell = own.activation, own.recurrent_activation, kept.delta_cell
    sloped_product(deltas.opened, kept.delta, squashed, gates.opened, outer)
    # By way of φ: kept.delta is free from here on.
    for i in range(width):
        kept.delta[i] *= gates.opened[i]
    multiply_slope(kept.delta, squashed, inner)
    for i in range(width):
        delta_cell[i] += kept.delta[i]
    sloped_product(deltas.entered, delta_cell, gates.candidate, gates.entered, outer)
    sloped_product(deltas.candidate, delta_cell, gates.entered, gates.candidate, inner)
    sloped_product(deltas.forgotten, delta_cell, before, gates.forgotten, outer)
    for i in range(width):
        delta_cell[i] *= gates.forgotten[i]


@kernel
def delta(layer: Layer) -> None:
    """δ_in of all steps; `gradient` has written it if the layer learns."""
    if not layer.row[LEARNS]:
        back(layer)


@kernel
def gradient(layer: Layer) -> None:
    """∇U ← Σ_k δ_k h_(k−1)ᵀ, added if `accumulate`; delta_in is written too."""
    back(layer)
    own = recurrence_of(layer.row)
    fed = memory_of(layer, own, _VECTORS).fed
    recurrent_gradient(layer, own, fed, layer.gradient, layer.delta_in, own.backwards)
