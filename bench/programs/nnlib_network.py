"""nnlib itself, through its public interface."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..problems.image_problem import ImageProblem
from ..problems.problem import DescentProblem, Problem
from ..problems.workload import Array, Result, Run

if TYPE_CHECKING:
    import nnlib


def network(problem: DescentProblem, dtype: str) -> nnlib.Network:
    """The problem's network at its start."""
    import nnlib  # here, so that the report can be made without compiled kernels

    if not isinstance(problem, Problem):
        return _graph(problem, dtype)
    return nnlib.Network(
        list(problem.sizes),
        activation=list(problem.activations),
        loss=problem.loss,
        dtype=dtype,
        initializer=list(problem.start),
    )


def _graph(problem: DescentProblem, dtype: str) -> nnlib.Network:
    """Of layers that are called; a chain of sizes is the shorthand."""
    import nnlib

    inputs = [nnlib.layers.Input(X.shape[1:]) for X in problem.inputs]
    layers = [
        _convolution(W, problem.pool) if isinstance(problem, ImageProblem) and W.ndim > 2
        else _dense(len(b), name)
        for (W, b), name in zip(problem.start, problem.activations, strict=True)
    ]  # fmt: skip
    net = nnlib.Network(
        inputs=inputs, outputs=problem.output(layers, inputs), loss=problem.loss, dtype=dtype
    )
    net.parameters = problem.flat_start
    return net


def _dense(units: int, activation: str) -> Callable[[Any], Any]:
    """A dense layer, behind a Flatten where it reads an image."""
    import nnlib

    layer, flatten = nnlib.layers.Dense(units, activation), nnlib.layers.Flatten()
    return lambda x: layer(x if len(x.shape) == 1 else flatten(x))


def _convolution(W: Array, pool: int) -> Callable[[Any], Any]:
    """Convolution, ReLU and pooling."""
    from nnlib import layers

    filters, *kernel, _ = W.shape
    kinds = {1: (layers.Conv1D, layers.MaxPooling1D), 2: (layers.Conv2D, layers.MaxPooling2D)}
    convolution, pooling = kinds[len(kernel)]
    return lambda x: pooling(pool)(convolution(filters, kernel, activation="relu")(x))


def compiled_descent(problem: DescentProblem, dtype: str) -> Run:
    """`Network.descent` with a kernel for this network alone."""
    return descent(problem, dtype, compile=True)


def descent(problem: DescentProblem, dtype: str, compile: bool = False) -> Run:
    """`Network.descent`, its checks of the input included."""
    net = network(problem, dtype)
    start = net.parameters.copy()
    inputs, y = [X.astype(dtype) for X in problem.inputs], problem.y.astype(dtype)
    X = inputs if len(inputs) > 1 else inputs[0]

    def run(epochs: int) -> Result:
        net.parameters = start
        history = net.descent(
            X,
            y,
            optimizer=problem.optimizer,
            learning_rate=problem.learning_rate,
            epochs=epochs,
            reduction=problem.reduction,
            batch_size=problem.batch_size,
            shuffle=False,
            progress=False,
            compile=compile,
        )
        # The optimizers of full batches alone count their evaluations.
        evaluations = getattr(history, "evaluations", epochs)
        return Result(net.parameters.copy(), float(history.J[-1]), evaluations)

    return run


def cost(problem: Problem, parameters: Array) -> float:
    """J of the problem's examples at the given parameters, float64."""
    net = network(problem, "float64")
    net.parameters = parameters
    return float(net.J(problem.X, problem.y, reduction=problem.reduction))


def one_call(problem: Problem, dtype: str) -> Run:
    """`Network.F` on one number, again and again."""
    net = network(problem, dtype)
    x = float(problem.X[1, 0])

    def run(calls: int) -> Result:
        out = 0.0
        for _ in range(calls):
            out = net.F(x)
        return Result(np.array([out], dtype))

    return run


def prediction(problem: Problem, dtype: str) -> Run:
    """`Network.F` on all examples at once, again and again."""
    net = network(problem, dtype)
    X = problem.X.astype(dtype)

    def run(calls: int) -> Result:
        out = X
        for _ in range(calls):
            out = net.F(X)
        return Result(out.ravel())

    return run
