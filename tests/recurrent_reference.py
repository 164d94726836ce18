"""Recurrent layers in naive NumPy, example by example and step by step, as Keras defines them.

Gradients are complex steps: the imaginary part of J(p + i h) over h, for an h so small that nothing
is rounded away. So they share no formula with back-propagation. Source: W. Squire and G. Trapp,
"Using complex variables to estimate derivatives of real functions", SIAM Review 40 (1998).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_STEP = 1e-100

ACTIVATIONS = {
    "identity": lambda z: z,
    "relu": lambda z: np.where(z.real > 0, z, 0),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
}


class Settings(NamedTuple):
    """How a recurrent layer goes through the time."""

    activation: str = "tanh"
    recurrent_activation: str = "sigmoid"
    sequences: bool = False
    backwards: bool = False
    aligned: bool = False
    cut: int = 0  # no derivative goes back from a step that is a multiple of this
    state: tuple[np.ndarray, ...] = ()  # before the first step; empty: 0


def step(kind, arrays, x, state, settings):
    """The state behind a step, a tuple; x is (features,)."""
    f, gate = ACTIVATIONS[settings.activation], ACTIVATIONS[settings.recurrent_activation]
    z = arrays["weight"] @ x + arrays.get("bias", 0)
    s = arrays["recurrent_weight"] @ state[0] + arrays.get("recurrent_bias", 0)
    if kind == "SimpleRNN":
        return (f(z + s),)
    if kind == "LSTM":
        i, forget, c, o = np.split(z + s, 4)
        cell = gate(forget) * state[1] + gate(i) * f(c)
        return gate(o) * f(cell), cell
    (update, reset, candidate), (s_update, s_reset, inner) = np.split(z, 3), np.split(s, 3)
    update = gate(update + s_update)
    g = f(candidate + gate(reset + s_reset) * inner)
    return (update * state[0] + (1 - update) * g,)


def output(kind, arrays, x, settings, mask=None):
    """What the layer makes of one example x (time, features), and its last state."""
    units = arrays["recurrent_weight"].shape[1]
    count = 2 if kind == "LSTM" else 1
    state = settings.state or tuple(np.zeros(units) for _ in range(count))
    order = range(len(x))[::-1] if settings.backwards else range(len(x))
    states = []
    for k, t in enumerate(order):
        if settings.cut and k % settings.cut == 0:
            state = tuple(part.real for part in state)
        if mask is None or mask[t]:
            state = step(kind, arrays, x[t], state, settings)
        states.append(state[0])
    if not settings.sequences:
        return state[0], state
    return np.array(states[::-1] if settings.aligned and settings.backwards else states), state


def complex_step(function, vector):
    """∂function/∂vector of a real function; vector is flat."""
    found = np.empty(vector.size)
    for k in range(vector.size):
        moved = vector.astype(complex)
        moved[k] += 1j * _STEP
        found[k] = function(moved).imag / _STEP
    return found


def arrays_of(shapes, flat):
    """The arrays of these shapes, by name, one behind the other in a flat vector."""
    found, start = {}, 0
    for name, shape in shapes.items():
        size = int(np.prod(shape))
        found[name] = flat[start : start + size].reshape(shape)
        start += size
    return found
