"""PyTorch on the processor, eager, as its tutorials write it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..problems.image_problem import ImageProblem
from ..problems.problem import DescentProblem, Problem
from ..problems.workload import Array, Prepare, Result, Run, UnavailableError
from . import pytorch_images


def descent(problem: DescentProblem, dtype: str, by_hand: bool = False) -> Run:
    """Epochs of gradient descent or Adam, or iterations of L-BFGS with the strong-Wolfe search.

    By hand, plain descent takes its gradients from `torch.autograd.grad` and subtracts them,
    without an optimizer.
    """
    torch = load()
    X, y = tensors(problem, dtype)
    model, loss = build_model(problem, dtype), build_loss(problem)
    start = [torch.from_numpy(part.astype(dtype)) for layer in problem.start for part in layer]
    train = _lbfgs if problem.optimizer == "lbfgs" else _steps_by_hand if by_hand else _steps

    def run(epochs: int) -> Result:
        with torch.no_grad():
            for parameter, value in zip(model.parameters(), start, strict=True):
                parameter.copy_(value)
        cost, evaluations = train(model, loss, X, y, problem, epochs)
        values = [parameter.detach().numpy().ravel() for parameter in model.parameters()]
        return Result(np.concatenate(values), cost, evaluations)

    return run


def prediction(problem: Problem, dtype: str) -> Run:
    """The model's outputs of all examples at once, from and to NumPy arrays, again and again."""
    torch = load()
    return predictions_of(problem, dtype, torch.nn.Sequential(*prediction_modules(problem, dtype)))


def descents(optimizer: str) -> dict[str, Prepare]:
    """The forms of a descent by such an optimizer."""
    forms: dict[str, Prepare] = {"fused optimizer": descent}
    return forms | {"step by hand": partial(descent, by_hand=True)} if optimizer == "sgd" else forms


def functional_prediction(problem: Problem, dtype: str) -> Run:
    """The same without modules, by the functions behind them."""
    torch = load()
    layers = [(torch.from_numpy(W.astype(dtype)), torch.from_numpy(b.astype(dtype)))
              for W, b in problem.start]  # fmt: skip
    functions = {"relu": torch.relu_, "softmax": lambda z: torch.softmax(z, 1)}

    def model(a: Any) -> Any:
        for (W, b), name in zip(layers, problem.activations, strict=True):
            a = functions[name](torch.nn.functional.linear(a, W, b))
        return a

    return predictions_of(problem, dtype, model)


PREDICTIONS: dict[str, Prepare] = {"modules": prediction, "functions": functional_prediction}


def predictions_of(problem: Problem, dtype: str, model: Any) -> Run:
    """A model's outputs; `inference_mode` keeps nothing for a gradient."""
    torch = load()
    X = problem.X.astype(dtype)

    def run(calls: int) -> Result:
        outputs = X
        with torch.inference_mode():
            for _ in range(calls):
                outputs = model(torch.from_numpy(X)).numpy()
        return Result(outputs.ravel())

    return run


def prediction_modules(problem: Problem, dtype: str) -> list[Any]:
    """The model at its start, with the output's activation."""
    torch = load()
    model = build_model(problem, dtype)
    start = [torch.from_numpy(part.astype(dtype)) for layer in problem.start for part in layer]
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), start, strict=True):
            parameter.copy_(value)
    return [*model, torch.nn.Softmax(dim=1)]


def cost(problem: Problem, parameters: Array) -> float:
    """PyTorch's own loss at the given parameters."""
    torch = load()
    X, y = tensors(problem, "float64")
    model = build_model(problem, "float64")
    torch.nn.utils.vector_to_parameters(torch.from_numpy(parameters), model.parameters())
    return float(build_loss(problem)(model(*X), y).item())


def load() -> Any:
    """The module; raises `UnavailableError` without it."""
    try:
        import torch
    except ImportError:
        raise UnavailableError("torch is not installed") from None
    return torch


def tensors(problem: DescentProblem, dtype: str) -> tuple[tuple[Any, ...], Any]:
    """Inputs, one tensor each, and targets; class numbers for the softmax cross-entropy."""
    torch = load()
    y = problem.y.astype(dtype)
    if problem.loss == "softmax_cross_entropy":
        y = problem.y.argmax(axis=1)
    return tuple(torch.from_numpy(X.astype(dtype)) for X in problem.inputs), torch.from_numpy(y)


def build_model(problem: DescentProblem, dtype: str) -> Any:
    """Linear layers and activations; none on the output where the loss takes the logits."""
    torch = load()
    if isinstance(problem, ImageProblem):
        return pytorch_images.modules(torch, problem).to(getattr(torch, dtype))
    linear = [torch.nn.Linear(*W.shape[::-1]) for W, _ in problem.start]
    connected = _chain if isinstance(problem, Problem) else _graph
    return connected(problem, linear).to(getattr(torch, dtype))


def _chain(problem: DescentProblem, linear: list[Any]) -> Any:
    torch = load()
    kinds = {"sigmoid": torch.nn.Sigmoid, "tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}
    modules = []
    for layer, name in zip(linear, problem.activations, strict=True):
        modules += [layer, kinds.get(name, torch.nn.Identity)()]
    if problem.loss != "half_squared_error":
        modules.pop()
    return torch.nn.Sequential(*modules)


def _graph(problem: DescentProblem, linear: list[Any]) -> Any:
    torch = load()
    functions = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu}

    class Graph(torch.nn.Module):  # type: ignore[misc,name-defined]
        """Modules with parameters, and functions: a call of a module takes Python longer."""

        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.ModuleList(linear)
            self.layers = [
                _composed(functions[name], layer) if name in functions else layer
                for layer, name in zip(linear, problem.activations, strict=True)
            ]

        def forward(self, *inputs: Any) -> Any:
            return problem.output(self.layers, inputs)

    return Graph()


def _composed(f: Callable[[Any], Any], layer: Any) -> Callable[[Any], Any]:
    return lambda x: f(layer(x))


def build_loss(problem: DescentProblem) -> Callable[[Any, Any], Any]:
    """J of a batch: the mean over its examples, or the sum where the problem says so."""
    torch = load()
    if problem.loss == "binary_cross_entropy":
        return torch.nn.BCEWithLogitsLoss()  # type: ignore[no-any-return]
    if problem.loss == "softmax_cross_entropy":
        return torch.nn.CrossEntropyLoss()  # type: ignore[no-any-return]
    if problem.reduction == "sum":
        return lambda output, y: 0.5 * torch.sum((output - y) ** 2)
    return lambda output, y: 0.5 * torch.sum((output - y) ** 2) / len(y)


def _steps(
    model: Any, loss: Any, X: Any, y: Any, problem: DescentProblem, epochs: int
) -> tuple[float, int]:
    kind = {"sgd": load().optim.SGD, "adam": load().optim.Adam}[problem.optimizer]
    # fused: one call for all parameters, a sixth less time a step on the smallest network.
    optimizer = kind(model.parameters(), lr=problem.rate, fused=True)
    examples = batches(X, y, problem)
    total = 0.0
    for _ in range(epochs):
        total = 0.0
        for x_batch, y_batch, share in examples:
            optimizer.zero_grad()
            value = loss(model(*x_batch), y_batch)
            value.backward()
            optimizer.step()
            total += value.detach() * share
    return float(total), epochs


def _steps_by_hand(
    model: Any, loss: Any, X: Any, y: Any, problem: DescentProblem, epochs: int
) -> tuple[float, int]:
    torch = load()
    parameters, examples = list(model.parameters()), batches(X, y, problem)
    total = 0.0
    for _ in range(epochs):
        total = 0.0
        for x_batch, y_batch, share in examples:
            value = loss(model(*x_batch), y_batch)
            gradients = torch.autograd.grad(value, parameters)
            with torch.no_grad():
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter.sub_(gradient, alpha=problem.rate)
            total += value.detach() * share
    return float(total), epochs


def batches(X: Any, y: Any, problem: DescentProblem) -> list[tuple[Any, Any, float]]:
    """Inputs and targets of each batch, and what part of J its loss is."""
    size = problem.batch_size or len(y)
    mean = problem.reduction == "mean"
    x_batches = zip(*(part.split(size) for part in X), strict=True)
    return [
        (x_batch, y_batch, len(y_batch) / len(y) if mean else 1.0)
        for x_batch, y_batch in zip(x_batches, y.split(size), strict=True)
    ]


def _lbfgs(
    model: Any, loss: Any, X: Any, y: Any, problem: DescentProblem, epochs: int
) -> tuple[float, int]:
    lbfgs = load().optim.LBFGS(
        model.parameters(),
        max_iter=epochs,
        max_eval=10**9,
        history_size=10,
        tolerance_grad=0.0,
        tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )

    def evaluate() -> Any:
        lbfgs.zero_grad()
        value = loss(model(*X), y)
        value.backward()
        return value

    cost = float(lbfgs.step(evaluate).item())
    return cost, int(lbfgs.state_dict()["state"][0]["func_evals"])
