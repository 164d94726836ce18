"""Populations in JAX: `vmap` over the networks, the whole descent in one jitted loop."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..problems.population_problem import PopulationProblem
from ..problems.workload import Array, Prepare, Result, Run
from . import jax_loop
from .jax_layouts import LAYOUTS, USUAL, Layout, cost


def descents(
    problem: PopulationProblem, dtype: str, layout: Layout = USUAL, members_last: bool = False
) -> Run:
    """`fori_loop` over the epochs, `scan` over the batches, `vmap` over the members.

    The members are the first axis of all parameters, or the last.
    """
    jax = jax_loop.load()
    network = problem.network
    n, batch = len(network.X), network.batch_size or len(network.X)
    *X, y = (
        jax.numpy.asarray(layout.examples(part.astype(dtype).reshape(n // batch, batch, -1)))
        for part in (*network.inputs, network.y)
    )
    layers = _starts(jax, problem, dtype, layout, members_last)
    axis = -1 if members_last else 0
    one = jax.value_and_grad(cost(jax, network, layout))
    all_members = jax.vmap(one, in_axes=(axis, None, None), out_axes=(0, axis))

    def step(parameters: Any, examples: Any) -> Any:
        costs, gradient = all_members(parameters, *examples)
        rate = network.rate
        return jax.tree.map(lambda w, g: w - rate * g, parameters, gradient), costs

    def epoch(number: Any, carry: Any) -> Any:
        parameters, kept = carry
        parameters, costs = jax.lax.scan(step, parameters, (X, y))
        mean = costs.mean(axis=0) if network.reduction == "mean" else costs.sum(axis=0)
        return parameters, jax.numpy.where(number == problem.compared, mean, kept)

    @jax.jit  # type: ignore[untyped-decorator]
    def train(parameters: Any) -> Any:
        nothing = jax.numpy.zeros(len(problem.seeds), dtype)
        return jax.lax.fori_loop(0, problem.epochs, epoch, (parameters, nothing))

    def run(count: int) -> Result:
        for _ in range(count):
            parameters, costs = train(layers)
            jax.block_until_ready(parameters)
        return Result(np.asarray(costs))

    return run


def _starts(
    jax: Any, problem: PopulationProblem, dtype: str, layout: Layout, members_last: bool
) -> Any:
    """W and b of each layer, all members in one array."""

    def placed(values: Array) -> Any:
        return jax.numpy.asarray(np.moveaxis(values, 0, -1) if members_last else values)

    return [
        (placed(W.swapaxes(1, 2) if layout.inputs_first else W), placed(b))
        for W, b in problem.layers(dtype)
    ]


DESCENTS: dict[str, Prepare] = {
    name + (", members last" if last else ""): partial(descents, layout=layout, members_last=last)
    for last in (False, True)
    for name, layout in LAYOUTS.items()
}
