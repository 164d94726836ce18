"""One sequence through a network, step by step, with a state that stays between two calls.

The table is that of a network of one step whose recurrent rows are `stateful`: they read their
state from their workspace and leave the next one there. So the activation buffer is the state.
"""

from __future__ import annotations

from ..compile.jit import Vector, entry
from ..compile.memory import part, window
from ..layers.dropout import NO_DROPOUT
from ..layers.operations import EXAMPLE, OUTPUTS, RESULT
from .evaluate import finite
from .propagate import Pass, forward

# What `run` met.
FINITE, INPUTS_NOT_FINITE, OUTPUTS_NOT_FINITE = range(3)


@entry
def run(
    out: Vector, x: Vector, table: Vector, parameters: Vector, activations: Vector, before: Vector
) -> int:
    """out (steps, d_L) ← what the network gives at each step; returns what it met.

    x (given, d_1) are the inputs of the first steps. Each step behind them reads the output of the
    step before it, which has as many values as an input then. activations (units,) holds the
    states, and is written; before (units,) ← what it held, for a caller that goes back. Nothing is
    done if x is not finite.
    """
    if not finite(x):
        return INPUTS_NOT_FINITE
    for i in range(before.size):
        before[i] = activations[i]
    d_in, d_out = table[EXAMPLE], table[OUTPUTS]
    given, steps = x.size // d_in, out.size // d_out
    empty = window(activations, 0, 0)
    result = window(activations, table[RESULT], d_out)
    for k in range(steps):
        read = part(x, k, d_in) if k < given else part(out, k - 1, d_out)
        forward(Pass(table, parameters, read, activations, empty, empty, 1, False, NO_DROPOUT))
        made = part(out, k, d_out)
        for i in range(d_out):
            made[i] = result[i]
    return FINITE if finite(out) else OUTPUTS_NOT_FINITE
