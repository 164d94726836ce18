"""How examples and weights lie in memory: three layouts that JAX users write.

XLA multiplies by what lies well and copies what does not; which layout is fastest depends on the
network and the processor, so all of them are forms of JAX's rows (`bench.measure.forms`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..problems.problem import DescentProblem
from ..problems.workload import Array


class Layout(NamedTuple):
    """Where inputs and outputs of a layer stand.

    Attributes
    ----------
    inputs_first
        Whether W is (d_in, d_out).
    columns
        Whether examples are columns: (d, n).
    """

    inputs_first: bool = False
    columns: bool = False

    @property
    def units(self) -> int:
        """The axis of a layer's units in its outputs."""
        return 0 if self.columns else 1

    def weights(self, W: Array) -> Array:
        """W, which comes as (d_out, d_in); its own inverse."""
        return np.ascontiguousarray(W.T) if self.inputs_first else W

    def examples(self, values: Array) -> Array:
        """Examples, which come as rows of the last two axes; its own inverse."""
        return np.ascontiguousarray(values.swapaxes(-1, -2)) if self.columns else values

    def affine(self, W: Any, b: Any, x: Any) -> Any:
        """z = W a + b of every example."""
        if self.columns:
            return W @ x + b[:, None]
        return x @ (W if self.inputs_first else W.T) + b


USUAL = Layout()
LAYOUTS = {
    "W (out, in)": USUAL,
    "W (in, out)": Layout(inputs_first=True),
    "columns": Layout(columns=True),
}


def logits(jax: Any, problem: DescentProblem, layout: Layout, layers: Any, inputs: Any) -> Any:
    """The network, up to the output's activation where the loss brings its own."""
    functions = {
        "sigmoid": jax.nn.sigmoid,
        "tanh": jax.numpy.tanh,
        "relu": jax.nn.relu,
        "identity": lambda z: z,
        "softmax": lambda z: z,
    }

    def called(layer: tuple[Any, Any], name: str) -> Callable[[Any], Any]:
        return lambda x: functions[name](layout.affine(layer[0], layer[1], x))

    return problem.output(list(map(called, layers, problem.activations)), inputs)


def cost(jax: Any, problem: DescentProblem, layout: Layout) -> Callable[[Any, Any, Any], Any]:
    """J of one batch, as a function of layers, inputs and targets."""
    return partial(_cost, jax, problem, layout)


def _cost(
    jax: Any, problem: DescentProblem, layout: Layout, layers: Any, inputs: Any, y: Any
) -> Any:
    output = logits(jax, problem, layout, layers, inputs)
    if problem.loss == "softmax_cross_entropy":
        total = -jax.numpy.sum(y * jax.nn.log_softmax(output, axis=layout.units))
    else:
        total = 0.5 * jax.numpy.sum((output - y) ** 2)
    return total / y.shape[1 - layout.units] if problem.reduction == "mean" else total
