"""One network in PyTorch: eager, compiled in three ways, and as a CUDA graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...problems.problem import Problem
from ...problems.workload import Array
from ...programs import pytorch, pytorch_compiled
from ..measure.clock import torch_clock
from ..measure.program import Program
from .pytorch_steps import Step, compiled, graphed, products

EAGER = "PyTorch", "PyTorch CUDA graph"
COMPILED = "PyTorch compiled", "PyTorch reduce-overhead", "PyTorch compiled, CUDA graph"


def single(
    problem: Problem,
    device: str,
    form: str,
    compiler: str = "inductor",
    precision: str = "float32",
) -> Program:
    """A step per epoch on all the data, which is on the device; the parameters change in place."""
    import torch

    (X,), y = pytorch.tensors(problem, "float32")
    X, y = X.to(device), y.to(device)
    model = pytorch.build_model(problem, "float32").to(device)
    parameters = dict(model.named_parameters())
    start = [torch.from_numpy(part.astype(np.float32)) for layer in problem.start for part in layer]
    whole = form in ("PyTorch compiled", "PyTorch compiled, CUDA graph")
    make = _whole_step if whole else _modules_step
    with products(precision):
        step, memory = make(problem, model, X, y, form, compiler)
        once = graphed(step) if form.endswith("CUDA graph") else step

    def run(steps: int) -> None:
        with torch.no_grad():
            for parameter, value in zip(parameters.values(), start, strict=True):
                parameter.copy_(value)
            for tensor in memory():
                tensor.zero_()
        with products(precision):
            for _ in range(steps):
                once()

    def fetch() -> Array:
        return np.concatenate([p.detach().cpu().numpy().ravel() for p in parameters.values()])

    return Program(run, fetch, torch_clock(device), 1, precision)


def _modules_step(
    problem: Problem, model: Any, X: Any, y: Any, form: str, compiler: str
) -> tuple[Step, Any]:
    """As tutorials write it: the model's loss, perhaps compiled, backward, a fused optimizer."""
    import torch

    loss = pytorch.build_loss(problem)
    options: dict[str, Any] = {"lr": problem.rate, "fused": True}
    if problem.optimizer == "adam" and X.is_cuda:
        options["capturable"] = True
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[problem.optimizer]
    optimizer = kind(model.parameters(), **options)

    def cost(x: Any, targets: Any) -> Any:
        return loss(model(x), targets)

    if form == "PyTorch reduce-overhead":
        cost = compiled(cost, compiler, mode="reduce-overhead")

    begin_graph: Any = torch.compiler.cudagraph_mark_step_begin

    def step() -> None:
        if form == "PyTorch reduce-overhead":
            begin_graph()
        optimizer.zero_grad(set_to_none=True)
        cost(X, y).backward()
        optimizer.step()

    def memory() -> list[Any]:
        states = optimizer.state.values()
        return [value for state in states for value in state.values() if torch.is_tensor(value)]

    return step, memory


def _whole_step(
    problem: Problem, model: Any, X: Any, y: Any, form: str, compiler: str
) -> tuple[Step, Any]:
    """Gradient and step compiled together, the fastest of what PyTorch has on the processor."""
    import torch

    loss, update = pytorch.build_loss(problem), pytorch_compiled.UPDATES[problem.optimizer]
    parameters = {name: value.detach() for name, value in model.named_parameters()}
    memory: list[Any] = []
    if problem.optimizer == "adam":
        zeros = [{name: torch.zeros_like(w) for name, w in parameters.items()} for _ in "ms"]
        memory = [*zeros, torch.zeros(1, device=X.device)]

    def cost(parameters: Any, x: Any, targets: Any) -> Any:
        return loss(torch.func.functional_call(model, parameters, (x,)), targets)

    def train(parameters: Any, memory: Any, x: Any, targets: Any) -> None:
        gradient = torch.func.grad(cost)(parameters, x, targets)
        with torch.no_grad():
            update(parameters, memory, gradient, problem.rate)

    step = compiled(train, compiler)
    tensors = [tensor for part in memory[:2] for tensor in part.values()] + memory[2:]
    return lambda: step(parameters, memory, X, y), lambda: tensors
