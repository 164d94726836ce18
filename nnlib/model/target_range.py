"""Which values a network's output can take, and a warning of targets beyond them."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ..activations import Custom
from ..layers.formulas import loss_family
from .architecture import Architecture

# Between which values f lies; silu and gelu have a minimum a little below 0.
_RANGES = {
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "heaviside": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, math.inf),
    "softplus": (0.0, math.inf),
    "elu": (-1.0, math.inf),
    "silu": (-0.2785, math.inf),
    "gelu": (-0.1701, math.inf),
}
# Losses that compare the output itself with y; those on logits have checks of their own.
_COMPARING = ("half_squared_error", "absolute_error", "huber", "log_cosh", "quantile", "hinge")


def warn_of_unreachable(y: Any, activation: str | Custom, loss: str, stacklevel: int) -> None:
    """Warn if the output activation cannot reach some of the targets y.

    Not an error: the nearest values that it does reach may be what is wanted. Targets on a GPU are
    not looked at.

    >>> warn_of_unreachable(np.array([0.0, 212.0]), "identity", "half_squared_error", 2)
    """
    if isinstance(activation, Custom) or activation not in _RANGES or loss not in _COMPARING:
        return
    if not isinstance(y, np.ndarray):
        return
    (low, high), lowest, highest = _RANGES[activation], float(y.min()), float(y.max())
    if lowest >= low and highest <= high:
        return
    reached = f"at least {low:g}" if high == math.inf else f"between {low:g} and {high:g}"
    warnings.warn(
        f"y goes from {lowest:.6g} to {highest:.6g}, but the output activation {activation!r} "
        f"gives only values of {reached}: end with 'identity', as in activation=['tanh', "
        "'identity'] for one hidden layer, or scale y",
        UserWarning,
        stacklevel=stacklevel + 1,
    )


def warn_of_targets(architecture: Architecture, y: Any, stacklevel: int) -> None:
    """`warn_of_unreachable` for the targets (n, d_L) of every output."""
    graph, first = architecture.graph, 0
    outputs = zip(graph.outputs, graph.output_units, architecture.losses, strict=True)
    for number, units, loss in outputs:
        if number >= 0:
            activation = graph.layers[graph.nodes[number].layer].activation
            part = y if len(graph.outputs) == 1 else y[:, first : first + units]
            warn_of_unreachable(part, activation, loss_family(loss), stacklevel + 1)
        first += units
