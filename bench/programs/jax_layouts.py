"""How examples and weights lie in memory: three layouts that JAX users write.

XLA multiplies by what lies well and copies what does not; which layout is fastest depends on the
network and the processor, so all of them are forms of JAX's rows (`bench.measure.forms`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..problems.image_problem import ImageProblem
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
        if layer[0].ndim > 2:
            assert isinstance(problem, ImageProblem)
            return lambda x: _convolution(jax, problem, layer, x)
        return lambda x: functions[name](layout.affine(layer[0], layer[1], _flat(x)))

    return problem.output(list(map(called, layers, problem.activations)), inputs)


def _flat(x: Any) -> Any:
    """Images with one axis behind that of the examples."""
    return x.reshape(len(x), -1) if x.ndim > 2 else x


def _convolution(jax: Any, problem: ImageProblem, layer: tuple[Any, Any], x: Any) -> Any:
    """Convolution, ReLU and pooling; XLA is told where the channels are."""
    (W, b), axes = layer, "HW"[3 - x.ndim + 1 :]
    names = f"N{axes}C", f"O{axes}I", f"N{axes}C"
    pool = (1, *(problem.pool,) * len(axes), 1)
    if not problem.channels_last:
        x, W = jax.numpy.moveaxis(x, -1, 1), jax.numpy.moveaxis(W, -1, 1)
        names, pool = (f"NC{axes}", f"OI{axes}", f"NC{axes}"), (1, *pool[:-1])
        b = b.reshape(-1, *(1,) * len(axes))
    z = jax.lax.conv_general_dilated(x, W, (1,) * len(axes), "VALID", dimension_numbers=names)
    lowest = -jax.numpy.inf
    a = jax.lax.reduce_window(jax.nn.relu(z + b), lowest, jax.lax.max, pool, pool, "VALID")
    return a if problem.channels_last else jax.numpy.moveaxis(a, 1, -1)


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
