"""One step of a recurrent network that keeps its state: nnlib's stepper, NumPy, eager PyTorch.

An LSTM behind whose state a dense unit stands reads one step of a sequence in a call from Python,
and so on; NumPy arrays come in and out. The result is the output of the last step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..problems.recurrent_problem import RecurrentProblem, drawn
from ..problems.workload import Array, Prepare, Result, Run
from .pytorch import load
from .recurrent_networks import flat

# The output at a step x (features,), with the state behind the steps before it.
Step = Callable[[Array], Array]


def _run_of(problem: RecurrentProblem, dtype: str, begin: Callable[[], Step]) -> Run:
    """A run that reads the steps of the first sequence, over and over; `begin` forgets them."""
    steps = list(problem.X[0].astype(dtype))

    def run(count: int) -> Result:
        step, out = begin(), steps[0]
        for k in range(count):
            out = step(steps[k % len(steps)])
        return Result(np.array(out, dtype=float))

    return run


def nnlib_steps(problem: RecurrentProblem, dtype: str) -> Run:
    """`Network.stepper`, its checks of the input included."""
    net = drawn(problem, dtype)
    net.parameters = flat((*problem.arrays, *problem.last))
    stepper = net.stepper()

    def begin() -> Step:
        stepper.reset()
        step: Step = stepper
        return step

    return _run_of(problem, dtype, begin)


def numpy_steps(problem: RecurrentProblem, dtype: str) -> Run:
    """The formulas, with one product for all gates, and x and h one behind the other."""
    W, b, U = (array.astype(dtype) for array in problem.arrays)
    weights, units = np.ascontiguousarray(np.hstack([W, U])), problem.units
    last, bias = (array.astype(dtype) for array in problem.last)
    features = problem.X.shape[2]

    def begin() -> Step:
        read, cell = np.zeros(features + units, dtype), np.zeros(units, dtype)

        def step(x: Array) -> Array:
            read[:features] = x
            z = weights @ read
            z += b
            i, f = 1 / (1 + np.exp(-z[: 2 * units])).reshape(2, units)
            np.multiply(f, cell, out=cell)
            cell[:] += i * np.tanh(z[2 * units : 3 * units])
            read[features:] = np.tanh(cell) / (1 + np.exp(-z[3 * units :]))
            out: Array = last @ read[features:] + bias
            return out

        return step

    return _run_of(problem, dtype, begin)


def _tensors(problem: RecurrentProblem, dtype: str) -> list[Any]:
    """W, U, b, no second bias, and W and b of the dense unit, for PyTorch."""
    torch = load()
    W, b, U = problem.arrays
    arrays = (W, U, b, np.zeros_like(b), *problem.last)
    return [torch.tensor(array, dtype=getattr(torch, dtype)) for array in arrays]


def pytorch_modules(problem: RecurrentProblem, dtype: str) -> Run:
    """`LSTMCell` and `Linear`; `inference_mode` keeps nothing for a gradient."""
    torch, given = load(), _tensors(problem, dtype)
    features, units = problem.X.shape[2], problem.units
    number = getattr(torch, dtype)
    cell, dense = (
        torch.nn.LSTMCell(features, units, dtype=number),
        torch.nn.Linear(units, 1, dtype=number),
    )
    with torch.no_grad():
        for parameter, array in zip([*cell.parameters(), *dense.parameters()], given, strict=True):
            parameter.copy_(array)
    return _pytorch_run(problem, dtype, cell, dense)


def pytorch_functions(problem: RecurrentProblem, dtype: str) -> Run:
    """The functions that the modules call."""
    torch, (W, U, b, none, last, bias) = load(), _tensors(problem, dtype)
    linear = torch.nn.functional.linear
    return _pytorch_run(
        problem, dtype,
        lambda x, state: torch.lstm_cell(x, state, W, U, b, none),
        lambda h: linear(h, last, bias),
    )  # fmt: skip


def _pytorch_run(
    problem: RecurrentProblem, dtype: str, cell: Callable[..., Any], dense: Callable[..., Any]
) -> Run:
    """Steps of a cell with a state (1, units) of h and c, and of the dense unit behind it."""
    torch = load()
    zeros = torch.zeros(1, problem.units, dtype=getattr(torch, dtype))

    def begin() -> Step:
        state = [(zeros, zeros)]

        def step(x: Array) -> Array:
            with torch.inference_mode():
                state[0] = cell(torch.from_numpy(x)[None], state[0])
                out: Array = dense(state[0][0]).numpy()[0]
            return out

        return step

    return _run_of(problem, dtype, begin)


PYTORCH: dict[str, Prepare] = {"modules": pytorch_modules, "functions": pytorch_functions}
