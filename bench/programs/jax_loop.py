"""JAX: the whole descent in one jitted loop, as its documentation advises."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..problems.problem import DescentProblem, Problem
from ..problems.workload import Prepare, Result, Run, UnavailableError
from .jax_layouts import LAYOUTS, USUAL, Layout, cost, logits


def descent(problem: DescentProblem, dtype: str, layout: Layout = USUAL, unroll: int = 1) -> Run:
    """`fori_loop` over the epochs, `scan` over the batches of one; buffers are donated.

    So many batches of the scan are written out one after another.
    """
    jax = load()
    n, batch = len(problem.y), problem.batch_size or len(problem.y)
    if n % batch:
        raise UnavailableError(f"scan takes batches of one size, {n} examples are not whole ones")
    if unroll > n // batch:
        raise UnavailableError(f"an epoch has no {unroll} batches that could be written out")
    *X, y = (
        jax.numpy.asarray(layout.examples(values.reshape(n // batch, batch, *values.shape[1:])))
        for values in (part.astype(dtype) for part in (*problem.inputs, problem.y))
    )
    start = [(layout.weights(W.astype(dtype)), b.astype(dtype)) for W, b in problem.start]
    train = _trainer(jax, problem, layout, unroll)

    def run(epochs: int) -> Result:
        state = jax.tree.map(jax.numpy.array, start)
        layers, total = train(state, epochs, X, y)
        mean_of_batches = n // batch if problem.reduction == "mean" else 1
        parts = [(layout.weights(np.asarray(W)), np.asarray(b)) for W, b in layers]
        flat = np.concatenate([part.ravel() for layer in parts for part in layer])
        return Result(flat, float(total) / mean_of_batches)

    return run


def _trainer(jax: Any, problem: DescentProblem, layout: Layout, unroll: int) -> Callable[..., Any]:
    """Parameters after so many epochs, and the last one's cost."""
    step = STEPS[problem.optimizer]
    value_and_gradient = jax.value_and_grad(cost(jax, problem, layout))

    def one_batch(state: Any, examples: Any) -> Any:
        parameters, optimizer = state
        value, gradient = value_and_gradient(parameters, *examples)
        return step(jax, problem.rate, parameters, optimizer, gradient), value

    # Donated: the new parameters take the place of the old.
    @partial(jax.jit, donate_argnums=0)
    def train(parameters: Any, epochs: Any, X: Any, y: Any) -> Any:
        def one_epoch(epoch: Any, carry: Any) -> Any:
            if len(y) == 1:
                return one_batch(carry[0], ([part[0] for part in X], y[0]))
            state, costs = jax.lax.scan(one_batch, carry[0], (X, y), unroll=unroll)
            return state, costs.sum()

        zeros = jax.tree.map(jax.numpy.zeros_like, parameters)
        nothing = jax.numpy.zeros((), y.dtype)
        state = parameters, (zeros, zeros, nothing)
        (parameters, _), total = jax.lax.fori_loop(0, epochs, one_epoch, (state, nothing))
        return parameters, total

    return train  # type: ignore[no-any-return]


DESCENTS: dict[str, Prepare] = {
    **{name: partial(descent, layout=layout) for name, layout in LAYOUTS.items()},
    "W (out, in), 4 steps written out": partial(descent, unroll=4),
    "columns, 4 steps written out": partial(descent, layout=LAYOUTS["columns"], unroll=4),
}


def prediction(problem: Problem, dtype: str, layout: Layout = USUAL, ahead: bool = False) -> Run:
    """One compiled call per prediction; the inputs come as NumPy arrays, the outputs go as such.

    Compiled ahead, a call looks for no other shapes, but goes through more of Python.
    """
    jax = load()
    X = problem.X.astype(dtype)
    layers = [
        (jax.numpy.array(layout.weights(W), dtype), jax.numpy.array(b, dtype))
        for W, b in problem.start
    ]

    def outputs(layers: Any, x: Any) -> Any:
        z = logits(jax, problem, layout, layers, [x.T if layout.columns else x])
        a = jax.nn.softmax(z, axis=layout.units) if "softmax" in problem.activations[-1] else z
        return a.T if layout.columns else a

    call = jax.jit(outputs)
    if ahead:
        call = call.lower(layers, X).compile()

    def run(calls: int) -> Result:
        out = X
        for _ in range(calls):
            out = np.asarray(call(layers, X))
        return Result(out.ravel())

    return run


PREDICTIONS: dict[str, Prepare] = {
    name + (", compiled ahead" if ahead else ""): partial(prediction, layout=layout, ahead=ahead)
    for ahead in (False, True)
    for name, layout in LAYOUTS.items()
}


def load() -> Any:
    """The module, with float64."""
    try:
        jax: Any = importlib.import_module("jax")
    except ImportError:
        raise UnavailableError("jax is not installed") from None
    jax.config.update("jax_enable_x64", True)  # float64 exists only then
    return jax


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


STEPS: dict[str, Callable[..., Any]] = {"sgd": _sgd, "adam": _adam}
