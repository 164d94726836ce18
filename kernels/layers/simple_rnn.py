"""The simple recurrent layer: h_t = f(W x_t + b + U h_(t−1)); see `recurrent`.

Source: J. L. Elman, "Finding structure in time", Cognitive Science 14 (1990). Behind the states the
workspace has ∂J/∂h of a step, and what masked examples keep of it.
"""

from __future__ import annotations

from ..compile.jit import kernel
from ..compile.memory import copy, part
from .masked_states import choose, choose_zero, counts
from .operations import LEARNS, SIMPLE_RNN, Layer, Row
from .pooling import clear
from .recurrent import (
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
    state_delta,
)

# A state is h alone.
_VECTORS = 1


def row(own: Recurrence, keep: int, parameters: int, output: int, source: int) -> Row:
    """Table row of what goes through the time; its parameters are U (units, units)."""
    plain = plain_row(SIMPLE_RNN, keep, parameters, output, source)
    return recurrent_row(plain, own, gates=1, kept=2 * own.units)


@kernel
def forward(layer: Layer) -> None:
    """h_k ← f(z + U h_(k−1)), then a_out; a_in (time · units, lanes) holds z."""
    own, lanes = recurrence_of(layer.row), layer.lanes
    memory, width = memory_of(layer, own, _VECTORS), own.units * lanes
    begin_states(layer, memory, memory.states, 0)
    draw_dropout(layer, memory)
    for k in range(own.time):
        step = input_step(own, k)
        before, state = part(memory.states, k, width), part(memory.states, k + 1, width)
        feed(memory, k, width)
        if not counts(memory, step, lanes):
            copy(state, before)
            continue
        copy(state, part(layer.a_in, step, width))
        if k or own.stateful:
            add_recurrent(state, layer.parameters, part(memory.fed, k, width), own.units, lanes)
        apply(state, own.activation)
        choose(state, before, memory, step, lanes)
    end_states(layer, own, memory)


@kernel
def back(layer: Layer) -> None:
    """δ_k ← (∂J/∂h_k + Uᵀ δ_(k+1)) ⊙ f'; delta_in (time · units, lanes) is written."""
    own, lanes = recurrence_of(layer.row), layer.lanes
    memory, width = memory_of(layer, own, _VECTORS), own.units * lanes
    delta_state, passed = part(memory.kept, 0, width), part(memory.kept, 1, width)
    clear(delta_state)
    for k in range(own.time - 1, -1, -1):
        step = input_step(own, k)
        state_delta(layer, own, delta_state, k)
        delta_z = part(layer.delta_in, step, width)
        if counts(memory, step, lanes):
            copy(delta_z, delta_state)
            multiply_slope(delta_z, part(memory.states, k + 1, width), own.activation)
            choose_zero(delta_z, memory, step, lanes)
            if goes_on(own, k):
                if memory.mask.size:
                    copy(passed, delta_state)
                back_recurrent(delta_state, layer.parameters, delta_z, memory.dropped, lanes)
                choose(delta_state, passed, memory, step, lanes)
        else:
            clear(delta_z)
        if not goes_on(own, k):
            clear(delta_state)


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
