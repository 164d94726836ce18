"""Populations in JAX: `vmap` over the networks, a hundred epochs in one jitted loop."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import numpy as np

from ...problems.population_problem import PopulationProblem
from ...problems.workload import Array
from ..measure.clock import host_clock
from ..measure.program import Program


def population(problem: PopulationProblem, device: str, precision: str) -> Program:
    """The loop's length is a constant, as XLA makes most of it so; calls of it follow each other.

    precision is "float32" or "tf32", of the matrix products.
    """
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    import jax

    there = jax.devices({"cuda": "gpu"}.get(device, device))[0]
    put = partial(jax.device_put, device=there)
    network = problem.network
    X, y = (put(part.astype(np.float32)) for part in (network.X, network.y))
    start = [tuple(map(put, layer)) for layer in problem.layers("float32")]

    def cost(layers: Any) -> Any:
        a = X
        for W, b in layers:
            a = jax.numpy.tanh(a @ W.T + b)
        return 0.5 * jax.numpy.sum((a - y) ** 2) / len(X)

    def descend(layers: Any) -> Any:
        def step(_: Any, layers: Any) -> Any:
            gradient = jax.vmap(jax.grad(cost))(layers)
            return jax.tree.map(lambda w, g: w - network.rate * g, layers, gradient)

        return jax.lax.fori_loop(0, problem.epochs, step, layers)

    compiled: Any = jax.jit(descend)
    wait: Any = jax.block_until_ready
    reached: list[Any] = [start]

    def run(count: int) -> None:
        layers = start
        name = {"float32": "highest", "tf32": "tensorfloat32"}[precision]
        with jax.default_matmul_precision(name):
            for _ in range(count):
                layers = compiled(layers)
        reached[0] = wait(layers)

    def fetch() -> Array:
        members = len(problem.seeds)
        parts = [np.asarray(part).reshape(members, -1) for layer in reached[0] for part in layer]
        return np.concatenate(parts, axis=1)

    return Program(run, fetch, host_clock, problem.epochs, precision)
