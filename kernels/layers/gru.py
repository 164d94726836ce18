"""Gated recurrent units, gates in Keras' order z, r, h, reset after the product; see `recurrent`.

z, r = σ(x_z + s_z), σ(x_r + s_r), g = φ(x_h + r s_h) and h_t = z h_(t−1) + (1 − z) g, with
x = W x_t + b and s = U h_(t−1) + b_U. Source: K. Cho et al., arXiv 1406.1078 (2014); the reset
behind the product, as in cuDNN, PyTorch and Keras' default.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.jit import Vector, kernel
from ..compile.memory import copy, part, window
from .dense import lane_sum
from .masked_states import choose, choose_zero, counts
from .operations import GRU, LEARNS, SIZE, Layer, Row
from .pooling import clear
from .recurrent import (
    Memory,
    Recurrence,
    apply,
    back_recurrent,
    begin_states,
    biased_recurrent,
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

# A state is h alone.
_VECTORS = 1


class Sums(NamedTuple):
    """What gated recurrent units keep besides the states."""

    inner: Vector  # (time, units): s_h
    deltas: Vector  # (time, 3 units): δ of s
    gated: Vector  # (2 units,): s_z and s_r of a step
    delta: Vector  # (units,): ∂J/∂h of a step
    straight: Vector  # of that, what goes to the state before by z h
    passed: Vector  # ∂J/∂h before a step, for masked examples


def row(own: Recurrence, biased: bool, keep: int, parameters: int, output: int, source: int) -> Row:
    """Table row of the way through the time: U (3 units, units), then b_U (3 units,) if biased."""
    plain = plain_row(GRU, keep, parameters, output, source)
    return recurrent_row(plain, own, gates=3, kept=(4 * own.time + 5) * own.units, biased=biased)


@kernel
def _sums_of(own: Recurrence, memory: Memory, width: int) -> Sums:
    """The parts of what is kept."""
    kept, last = memory.kept, 4 * own.time
    return Sums(
        inner=window(kept, 0, own.time * width),
        deltas=window(kept, own.time * width, 3 * own.time * width),
        gated=window(kept, last * width, 2 * width),
        delta=part(kept, last + 2, width),
        straight=part(kept, last + 3, width),
        passed=part(kept, last + 4, width),
    )


@kernel
def forward(layer: Layer) -> None:
    """a_out ← the states; a_in (time · 3 units, lanes) holds x, and the gates afterwards."""
    own, lanes = recurrence_of(layer.row), layer.lanes
    memory, width = memory_of(layer, own, _VECTORS), own.units * lanes
    kept = _sums_of(own, memory, width)
    begin_states(layer, memory, memory.states, 0)
    draw_dropout(layer, memory)
    for k in range(own.time):
        step = input_step(own, k)
        before, state = part(memory.states, k, width), part(memory.states, k + 1, width)
        feed(memory, k, width)
        if not counts(memory, step, lanes):
            copy(state, before)
            continue
        _sum_up(layer, own, memory, kept, k)
        gates = part(layer.a_in, step, 3 * width)
        _open(own, gates, kept, k)
        _new_state(state, before, gates)
        choose(state, before, memory, step, lanes)
    end_states(layer, own, memory)


@kernel
def _sum_up(layer: Layer, own: Recurrence, memory: Memory, kept: Sums, k: int) -> None:
    """s of a step ← U h_(k−1) + b_U."""
    width, lanes, gate = own.units * layer.lanes, layer.lanes, own.units * own.units
    biases = own.units if layer.row[SIZE] > 3 * gate else 0
    fed = window(memory.fed, k * width, width if k or own.stateful else 0)
    weight = window(layer.parameters, 0, 2 * gate)
    bias = window(layer.parameters, 3 * gate, 2 * biases)
    biased_recurrent(kept.gated, weight, bias, fed, lanes)
    weight = window(layer.parameters, 2 * gate, gate)
    bias = window(layer.parameters, 3 * gate + 2 * biases, biases)
    biased_recurrent(part(kept.inner, k, width), weight, bias, fed, lanes)


@kernel
def _open(own: Recurrence, gates: Vector, kept: Sums, k: int) -> None:
    """z, r and g of step k, in place of x."""
    width = kept.delta.size
    pair = window(gates, 0, 2 * width)
    for i in range(2 * width):
        pair[i] += kept.gated[i]
    apply(pair, own.recurrent_activation)
    reset, inner = part(gates, 1, width), part(kept.inner, k, width)
    candidate = part(gates, 2, width)
    for i in range(width):
        candidate[i] += reset[i] * inner[i]
    apply(candidate, own.activation)


@kernel
def _new_state(state: Vector, before: Vector, gates: Vector) -> None:
    """h_t ← g + z (h_(t−1) − g)."""
    width = state.size
    update, candidate = part(gates, 0, width), part(gates, 2, width)
    for i in range(width):
        state[i] = candidate[i] + update[i] * (before[i] - candidate[i])


@kernel
def back(layer: Layer) -> None:
    """δ of x and of s at all steps: delta_in (time · 3 units, lanes), and `Sums.deltas`."""
    own, lanes = recurrence_of(layer.row), layer.lanes
    memory, width = memory_of(layer, own, _VECTORS), own.units * lanes
    kept = _sums_of(own, memory, width)
    weight = window(layer.parameters, 0, 3 * own.units * own.units)
    clear(kept.delta)
    for k in range(own.time - 1, -1, -1):
        step = input_step(own, k)
        state_delta(layer, own, kept.delta, k)
        delta_x = part(layer.delta_in, step, 3 * width)
        delta_s = part(kept.deltas, k, 3 * width)
        if counts(memory, step, lanes):
            if memory.mask.size:
                copy(kept.passed, kept.delta)
            _gate_deltas(layer, own, memory, kept, k)
            choose_zero(delta_x, memory, step, lanes)
            choose_zero(delta_s, memory, step, lanes)
            if goes_on(own, k):
                back_recurrent(kept.delta, weight, delta_s, memory.dropped, lanes)
                for i in range(width):
                    kept.delta[i] += kept.straight[i]
                choose(kept.delta, kept.passed, memory, step, lanes)
        else:
            clear(delta_x)
            clear(delta_s)
        if not goes_on(own, k):
            clear(kept.delta)


@kernel
def _gate_deltas(layer: Layer, own: Recurrence, memory: Memory, kept: Sums, k: int) -> None:
    """δ of x and of s at a step, and what goes straight to the state before, from ∂J/∂h."""
    width, place = kept.delta.size, input_step(own, k)
    gates, deltas = part(layer.a_in, place, 3 * width), part(layer.delta_in, place, 3 * width)
    sums, before = part(kept.deltas, k, 3 * width), part(memory.states, k, width)
    update, reset, candidate = part(gates, 0, width), part(gates, 1, width), part(gates, 2, width)
    of_update, of_candidate = part(deltas, 0, width), part(deltas, 2, width)
    inner, delta = part(kept.inner, k, width), kept.delta
    for i in range(width):
        of_update[i] = delta[i] * (before[i] - candidate[i])
    multiply_slope(of_update, update, own.recurrent_activation)
    for i in range(width):
        kept.straight[i] = delta[i] * update[i]
    for i in range(width):
        of_candidate[i] = delta[i] - kept.straight[i]
    multiply_slope(of_candidate, candidate, own.activation)
    of_reset = part(deltas, 1, width)
    sloped_product(of_reset, of_candidate, inner, reset, own.recurrent_activation)
    copy(window(sums, 0, 2 * width), deltas)
    of_inner = part(sums, 2, width)
    for i in range(width):
        of_inner[i] = of_candidate[i] * reset[i]


@kernel
def delta(layer: Layer) -> None:
    """δ_in of all steps; `gradient` has written it if the layer learns."""
    if not layer.row[LEARNS]:
        back(layer)


@kernel
def gradient(layer: Layer) -> None:
    """∇U ← Σ_k δ_k h_(k−1)ᵀ and ∇b_U ← Σ_k δ_k of s, added if `accumulate`; δ_in is written."""
    back(layer)
    own, lanes = recurrence_of(layer.row), layer.lanes
    memory, width = memory_of(layer, own, _VECTORS), own.units * lanes
    deltas, weights = _sums_of(own, memory, width).deltas, 3 * own.units * own.units
    recurrent_gradient(layer, own, memory.fed, window(layer.gradient, 0, weights), deltas, False)
    bias = window(layer.gradient, weights, layer.row[SIZE] - weights)
    if not layer.accumulate:
        clear(bias)
    for k in range(own.time):
        step = part(deltas, k, 3 * width)
        for j in range(bias.size):
            bias[j] += lane_sum(part(step, j, lanes))
