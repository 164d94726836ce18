"""JAX: the whole descent in one jitted loop, as its documentation advises."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..problem import Problem
from ..workload import Result, Run, UnavailableError


def descent(problem: Problem, dtype: str) -> Run:
    """`fori_loop` over the epochs, `scan` over the batches of one; buffers are donated."""
    jax = _jax()
    n, batch = len(problem.X), problem.batch_size or len(problem.X)
    if n % batch:
        raise UnavailableError(f"scan takes batches of one size, {n} examples are not whole ones")
    X, y = (
        jax.numpy.asarray(part.astype(dtype).reshape(n // batch, batch, -1))
        for part in (problem.X, problem.y)
    )
    step = _STEPS[problem.optimizer]
    value_and_gradient = jax.value_and_grad(partial(_cost, problem, jax))

    def one_batch(state: Any, examples: Any) -> Any:
        parameters, optimizer = state
        cost, gradient = value_and_gradient(parameters, *examples)
        return step(jax, problem.rate, parameters, optimizer, gradient), cost

    # Donated: the new parameters take the place of the old.
    @partial(jax.jit, donate_argnums=0)
    def train(parameters: Any, epochs: Any, X: Any, y: Any) -> Any:
        def one_epoch(epoch: Any, carry: Any) -> Any:
            state, costs = jax.lax.scan(one_batch, carry[0], (X, y))
            return state, costs.sum()

        zeros = jax.tree.map(jax.numpy.zeros_like, parameters)
        state = parameters, (zeros, zeros, jax.numpy.zeros((), dtype))
        nothing = jax.numpy.zeros((), dtype)
        (parameters, _), cost = jax.lax.fori_loop(0, epochs, one_epoch, (state, nothing))
        return parameters, cost

    def run(epochs: int) -> Result:
        start = [tuple(jax.numpy.array(part, dtype) for part in layer) for layer in problem.start]
        parameters, cost = train(start, epochs, X, y)
        mean_of_batches = n // batch if problem.reduction == "mean" else 1
        flat = [np.asarray(part).ravel() for layer in parameters for part in layer]
        return Result(np.concatenate(flat), float(cost) / mean_of_batches)

    return run


def prediction(problem: Problem, dtype: str) -> Run:
    """One jitted call per prediction; the inputs come as NumPy arrays, the outputs go as such."""
    jax = _jax()
    X = problem.X.astype(dtype)
    layers = [tuple(jax.numpy.array(part, dtype) for part in layer) for layer in problem.start]

    @jax.jit  # type: ignore[untyped-decorator]
    def outputs(layers: Any, x: Any) -> Any:
        z = _logits(problem, jax, layers, x)
        return jax.nn.softmax(z) if problem.loss == "softmax_cross_entropy" else z

    def run(calls: int) -> Result:
        out = X
        for _ in range(calls):
            out = np.asarray(outputs(layers, X))
        return Result(out.ravel())

    return run


def _jax() -> Any:
    try:
        jax: Any = importlib.import_module("jax")
    except ImportError:
        raise UnavailableError("jax is not installed") from None
    jax.config.update("jax_enable_x64", True)  # float64 exists only then
    return jax


def _logits(problem: Problem, jax: Any, layers: Any, x: Any) -> Any:
    """The network, up to the output's activation where the loss brings its own."""
    functions = {
        "sigmoid": jax.nn.sigmoid,
        "tanh": jax.numpy.tanh,
        "relu": jax.nn.relu,
        "identity": lambda z: z,
        "softmax": lambda z: z,
    }
    for (W, b), name in zip(layers, problem.activations, strict=True):
        x = functions[name](x @ W.T + b)
    return x


def _cost(problem: Problem, jax: Any, layers: Any, x: Any, y: Any) -> Any:
    """J of one batch."""
    output = _logits(problem, jax, layers, x)
    if problem.loss == "softmax_cross_entropy":
        total = -jax.numpy.sum(y * jax.nn.log_softmax(output))
    else:
        total = 0.5 * jax.numpy.sum((output - y) ** 2)
    return total / len(x) if problem.reduction == "mean" else total


def _sgd(jax: Any, rate: float, parameters: Any, state: Any, gradient: Any) -> Any:
    """w ← w − α g"""
    return jax.tree.map(lambda w, g: w - rate * g, parameters, gradient), state


def _adam(jax: Any, rate: float, parameters: Any, state: Any, gradient: Any) -> Any:
    """Adam with β1 = 0.9, β2 = 0.999, ε = 1e-8."""
    m, s, t = state
    t = t + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradient)
    s = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, s, gradient)
    length, scale = rate / (1 - 0.9**t), 1 / (1 - 0.999**t)
    parameters = jax.tree.map(
        lambda w, m, s: w - length * m / (jax.numpy.sqrt(s * scale) + 1e-8), parameters, m, s
    )
    return parameters, (m, s, t)


_STEPS: dict[str, Callable[..., Any]] = {"sgd": _sgd, "adam": _adam}
