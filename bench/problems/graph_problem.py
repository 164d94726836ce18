"""The graphs that are timed: networks whose dense layers form no chain.

A network is one function from layers and inputs to the output. It calls the layers, and adds and
multiplies what they give; so nnlib's layers, PyTorch's modules, JAX's and NumPy's functions all
make the same network of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .problem import DescentProblem, glorot
from .workload import Array


@dataclass(frozen=True, kw_only=True)
class GraphProblem(DescentProblem):
    """One descent of a graph of dense layers.

    Attributes
    ----------
    network
        Takes a callable for each layer, in the order of `start`, and a value for each input; gives
        the output.
    X
        Examples (n, d) of each input, float64.
    """

    network: Callable[[Sequence[Any], Sequence[Any]], Any]
    X: tuple[Array, ...]

    @property
    def inputs(self) -> tuple[Array, ...]:
        return self.X

    def output(self, layers: Sequence[Any], inputs: Sequence[Any]) -> Any:
        return self.network(layers, inputs)


def residual_network(layers: Sequence[Any], inputs: Sequence[Any]) -> Any:
    """h ← h + g(f(h)) in blocks of two layers f and g, between a first and a last layer."""
    first, *blocks, last = layers
    h = first(inputs[0])
    for f, g in zip(blocks[::2], blocks[1::2], strict=True):
        h = h + g(f(h))
    return last(h)


def two_towers_network(layers: Sequence[Any], inputs: Sequence[Any]) -> Any:
    """Two layers on each input, the product of what they give, and a last layer."""
    f, g, other_f, other_g, last = layers
    return last(g(f(inputs[0])) * other_g(other_f(inputs[1])))


SAMPLES, BATCH = 4_096, 64
RESIDUAL_SIZES = (16, *(64,) * 9, 1)


def residual() -> GraphProblem:
    """16-64, four blocks of 64-64-64, 64-1 on a smooth function R¹⁶ → R, by Adam."""
    return residual_of(RESIDUAL_SIZES, SAMPLES, BATCH)


def residual_of(sizes: tuple[int, ...], samples: int, batch_size: int) -> GraphProblem:
    """A residual network, relu in its first layer and in the first one of every block."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(samples, sizes[0]))
    blocks = (len(sizes) - 3) // 2
    return GraphProblem(
        network=residual_network,
        activations=("relu", *("relu", "identity") * blocks, "identity"),
        X=(X,),
        y=np.sin(X @ rng.normal(size=(sizes[0], 1)) / 2),
        start=glorot(rng, sizes),
        learning_rate=0.001,
        reduction="mean",
        batch_size=batch_size,
        optimizer="adam",
    )


TOWER_SIZES = (16, 32, 16)


def two_towers() -> GraphProblem:
    """16-32-16 twice, their product, 16-1, on how well two examples go together, by Adam."""
    return two_towers_of(TOWER_SIZES, SAMPLES, BATCH)


def two_towers_of(sizes: tuple[int, ...], samples: int, batch_size: int) -> GraphProblem:
    """Two towers of these sizes, the targets the cosine of two projections' difference."""
    rng = np.random.default_rng(0)
    inputs = tuple(rng.normal(size=(samples, sizes[0])) for _ in "ab")
    left, right = (X @ rng.normal(size=(sizes[0], 1)) / 4 for X in inputs)
    towers = [*glorot(rng, sizes), *glorot(rng, sizes)]
    return GraphProblem(
        network=two_towers_network,
        activations=("relu", "identity") * 2 + ("identity",),
        X=inputs,
        y=np.cos(left - right),
        start=(*towers, *glorot(rng, (sizes[-1], 1))),
        learning_rate=0.001,
        reduction="mean",
        batch_size=batch_size,
        optimizer="adam",
    )
