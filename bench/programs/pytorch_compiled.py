"""PyTorch by `torch.compile`: several steps of a descent in one graph, behind a wrapper of C++."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache, partial
from itertools import repeat
from typing import Any

import numpy as np

from ..problems.problem import DescentProblem, Problem
from ..problems.workload import Prepare, Result, Run, UnavailableError
from .pytorch import (
    batches,
    build_loss,
    build_model,
    load,
    prediction_modules,
    predictions_of,
    tensors,
)

# Steps in one graph: each call of a graph costs Python and PyTorch some 20 µs.
STEPS = 4
# How `torch.compile` is called for a descent; tests take another backend, as C++ takes seconds.
COMPILE: dict[str, Any] = {"options": {"cpp_wrapper": True}}
# Parameters, what the optimizer keeps, and the batches → the cost of each batch.
_Steps = Callable[[Any, Any, Any], Any]


def descent(problem: DescentProblem, dtype: str) -> Run:
    """Loss, gradient and step of four batches in one graph (`torch.func`, `torch.compile`).

    Where an epoch has one batch, the four are of as many epochs. What is left over is done by a
    graph of one step; the first run compiles both.
    """
    torch = compiler()
    examples = batches(*tensors(problem, dtype), problem)
    steps = _steps(problem, dtype)
    names = [name for name, _ in build_model(problem, dtype).named_parameters()]
    start = [torch.from_numpy(part.astype(dtype)) for layer in problem.start for part in layer]

    def fresh() -> tuple[Any, Any]:
        parameters = {name: value.clone() for name, value in zip(names, start, strict=True)}
        if problem.optimizer == "sgd":
            return parameters, []  # its length is compiled in: unused vectors would cost time
        zeros = [{key: torch.zeros_like(w) for key, w in parameters.items()} for _ in "ms"]
        return parameters, [*zeros, torch.zeros(1, dtype=start[0].dtype)]

    @cache
    def compile_all() -> None:
        descend(STEPS + 1 if len(examples) == 1 else 1)

    def run(epochs: int) -> Result:
        # In the first run and not before: a graph is for the number of threads that it meets.
        compile_all()
        return descend(epochs)

    def descend(epochs: int) -> Result:
        state = fresh()
        total = torch.zeros(())
        if len(examples) == 1:
            for group in _groups(list(repeat(examples[0], epochs))):
                total = steps(*state, group)[-1]
        else:
            groups = _groups(examples)
            for _ in range(epochs):
                costs = [steps(*state, group) for group in groups]
            total = sum(cost.sum() for cost in costs)
        values = [value.numpy().ravel() for value in state[0].values()]
        return Result(np.concatenate(values), float(total))

    return run


def _groups(examples: list[Any]) -> list[Any]:
    """So many batches for each call of a graph, and the rest one by one.

    >>> _groups([1, 2, 3, 4, 5, 6])
    [[1, 2, 3, 4], [5], [6]]
    """
    whole = len(examples) // STEPS * STEPS
    groups = [examples[first : first + STEPS] for first in range(0, whole, STEPS)]
    return groups + [[batch] for batch in examples[whole:]]


def _steps(problem: DescentProblem, dtype: str) -> _Steps:
    """The graph: a step for each batch that it is given."""
    torch = load()
    model, loss, update = (
        build_model(problem, dtype),
        build_loss(problem),
        UPDATES[problem.optimizer],
    )

    def batch_loss(parameters: Any, x: Any, y: Any) -> Any:
        return loss(torch.func.functional_call(model, parameters, x), y)

    @torch.compile(**COMPILE)  # type: ignore[untyped-decorator]
    def steps(parameters: Any, memory: Any, examples: Any) -> Any:
        costs = []
        for x, y, share in examples:
            gradient, value = torch.func.grad_and_value(batch_loss)(parameters, x, y)
            with torch.no_grad():
                update(parameters, memory, gradient, problem.rate)
            costs.append(value * share)
        return torch.stack(costs)

    return steps  # type: ignore[no-any-return]


def prediction(problem: Problem, dtype: str, **options: bool) -> Run:
    """The compiled model's outputs of all examples at once, again and again."""
    torch = compiler()
    model = torch.nn.Sequential(*prediction_modules(problem, dtype))
    return predictions_of(
        problem, dtype, torch.compile(model, **({"options": options} if options else {}))
    )


PREDICTIONS: dict[str, Prepare] = {
    "as it is": prediction,
    "weights frozen": partial(prediction, freezing=True),
}


def compiler() -> Any:
    """PyTorch, set to complain where it would give up compiling and go on slowly.

    It keeps eight graphs of a function by default, and runs the ninth uncompiled, silently. All
    rows share the functions above.
    """
    torch = load()
    if not any(map(shutil.which, ("g++", "clang++", "c++"))):
        raise UnavailableError("torch.compile needs a C++ compiler, none is on the PATH")
    torch._dynamo.config.recompile_limit = 256
    torch._dynamo.config.fail_on_recompile_limit_hit = True
    return torch


def _sgd(parameters: Any, memory: Any, gradient: Any, rate: float) -> None:
    """w ← w − α g"""
    for name, w in parameters.items():
        w.sub_(rate * gradient[name])


def _adam(parameters: Any, memory: Any, gradient: Any, rate: float) -> None:
    """Adam with β1 = 0.9, β2 = 0.999, ε = 1e-8.

    t is a tensor, or every step would compile; it has an axis, or the graph's addition is lost.
    """
    m, s, t = memory
    t.add_(1)
    length, scale = rate / (1 - 0.9**t), 1 / (1 - 0.999**t)
    for name, w in parameters.items():
        g = gradient[name]
        m[name].lerp_(g, 0.1)
        s[name].lerp_(g * g, 0.001)
        w.sub_(length * m[name] / ((s[name] * scale).sqrt() + 1e-8))


UPDATES = {"sgd": _sgd, "adam": _adam}
