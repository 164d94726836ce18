"""Populations in JAX: `vmap` over the networks, the whole descent in one jitted loop."""

from __future__ import annotations

import importlib
from functools import partial
from typing import Any

import numpy as np

from ..population_problem import PopulationProblem
from ..problem import Problem
from ..workload import Result, Run, UnavailableError


def descents(problem: PopulationProblem, dtype: str) -> Run:
    """`fori_loop` over the epochs, `scan` over the batches, `vmap` over the members."""
    jax = _jax()
    network = problem.network
    n, batch = len(network.X), network.batch_size or len(network.X)
    X, y = (
        jax.numpy.asarray(part.astype(dtype).reshape(n // batch, batch, -1))
        for part in (network.X, network.y)
    )
    layers = [tuple(map(jax.numpy.asarray, layer)) for layer in problem.layers(dtype)]
    one = jax.value_and_grad(partial(_cost, jax, network))

    def step(parameters: Any, examples: Any) -> Any:
        costs, gradient = jax.vmap(one, in_axes=(0, None, None))(parameters, *examples)
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


def _jax() -> Any:
    try:
        jax: Any = importlib.import_module("jax")
    except ImportError:
        raise UnavailableError("jax is not installed") from None
    return jax


def _cost(jax: Any, network: Problem, layers: Any, x: Any, y: Any) -> Any:
    """J of one batch."""
    for (W, b), name in zip(layers, network.activations, strict=True):
        z = x @ W.T + b
        x = {"sigmoid": jax.nn.sigmoid, "relu": jax.nn.relu, "softmax": jax.nn.log_softmax}[name](z)
    if network.loss == "softmax_cross_entropy":
        total = -jax.numpy.sum(y * x)
    else:
        total = 0.5 * jax.numpy.sum((x - y) ** 2)
    return total / len(y) if network.reduction == "mean" else total
