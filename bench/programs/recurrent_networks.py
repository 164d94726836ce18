"""Recurrent networks: nnlib, PyTorch with time or batch first, and JAX.

Results are the parameters, with the gates in Keras' order: those of `RecurrentProblem.arrays`, then
W and b of the dense unit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..problems.recurrent_problem import RecurrentPopulation, RecurrentProblem, drawn
from ..problems.workload import Array, Prepare, Result, Run
from .jax_loop import STEPS
from .jax_loop import load as load_jax
from .pytorch import load


def flat(arrays: Sequence[Any]) -> Array:
    """All arrays as one vector."""
    return np.concatenate([np.asarray(part).ravel() for part in arrays])


def nnlib_descent(problem: RecurrentProblem, dtype: str) -> Run:
    """`Network.descent`, its checks of the input included."""
    net = drawn(problem, dtype)
    start = flat((*problem.arrays, *problem.last))
    X, y = problem.X.astype(dtype), problem.y.astype(dtype)

    def run(epochs: int) -> Result:
        net.parameters = start
        history = net.descent(
            X, y, optimizer="adam", learning_rate=problem.rate, epochs=epochs,
            batch_size=problem.batch_size, shuffle=False, progress=False,
        )  # fmt: skip
        return Result(net.parameters.copy(), float(history.J[-1]))

    return run


def nnlib_population(problem: RecurrentPopulation, dtype: str) -> Run:
    """`train_many`, drawing the starts and all checks included; the last costs are the result."""
    import nnlib

    one = problem.network
    net, X, y = problem.drawn(dtype), one.X.astype(dtype), one.y.astype(dtype)

    def run(count: int) -> Result:
        for _ in range(count):
            population = nnlib.train_many(
                net, X, y, seeds=problem.seeds, epochs=problem.epochs, optimizer="adam",
                learning_rate=one.rate, batch_size=one.batch_size, shuffle=False, progress=False,
            )  # fmt: skip
        return Result(population.J[:, -1])

    return run


def turned(array: Any, kind: str) -> Any:
    """The gates in PyTorch's order, or from there in Keras': z, r, h and r, z, n change places."""
    if kind != "GRU":
        return array
    update, reset, candidate = np.split(np.asarray(array), 3)
    return np.concatenate([reset, update, candidate])


def pytorch_descent(problem: RecurrentProblem, dtype: str, batch_first: bool) -> Run:
    """Eager, with a fused Adam.

    PyTorch has two biases where Keras has one: the second is left at 0, but for a GRU's.
    """
    torch = load()
    number, nn, kind = getattr(torch, dtype), torch.nn, problem.kind
    X = torch.tensor(problem.X, dtype=number)
    y = torch.tensor(problem.y, dtype=number)
    axis = 0 if batch_first else 1
    X = X if batch_first else X.transpose(0, 1).contiguous()
    size = problem.batch_size
    examples = list(zip(X.split(size, axis), y.split(size), strict=True))
    make = {"SimpleRNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}[kind]

    def model() -> tuple[Any, Any, list[Any]]:
        layer = make(problem.X.shape[2], problem.units, batch_first=batch_first, dtype=number)
        last = nn.Linear(problem.units, 1, dtype=number)
        own = [layer.weight_ih_l0, layer.bias_ih_l0, layer.weight_hh_l0, layer.bias_hh_l0]
        given = [turned(array, kind) for array in problem.arrays]
        with torch.no_grad():
            layer.bias_hh_l0.zero_()
            for parameter, array in zip(own, given, strict=False):
                parameter.copy_(torch.tensor(array))
            last.weight.copy_(torch.tensor(problem.last[0]))
            last.bias.copy_(torch.tensor(problem.last[1]))
        layer.bias_hh_l0.requires_grad_(kind == "GRU")
        return layer, last, own[: len(given)]

    def run(epochs: int) -> Result:
        layer, last, own = model()
        optimizer = torch.optim.Adam([*own, *last.parameters()], lr=problem.rate, fused=True)
        total = 0.0
        for _ in range(epochs):
            total = 0.0
            for x, target in examples:
                optimizer.zero_grad()
                states = layer(x)[0]
                state = states[:, -1] if batch_first else states[-1]
                value = 0.5 * ((last(state) - target) ** 2).sum() / len(target)
                value.backward()
                optimizer.step()
                total += value.detach() * len(target) / len(y)
        found = [turned(part.detach().numpy(), kind) for part in own]
        return Result(flat([*found, *(p.detach() for p in last.parameters())]), float(total))

    return run


def _steps_of(jax: Any, kind: str, arrays: Sequence[Any]) -> Callable[[Any, Any], Any]:
    """The state behind a step, a tuple, of that before it and of W x + b."""
    jnp, gate, recurrent = jax.numpy, jax.nn.sigmoid, arrays[2]

    def simple(state: Any, z: Any) -> Any:
        return (jnp.tanh(z + state[0] @ recurrent.T),)

    def lstm(state: Any, z: Any) -> Any:
        i, f, c, o = jnp.split(z + state[0] @ recurrent.T, 4, axis=1)
        cell = gate(f) * state[1] + gate(i) * jnp.tanh(c)
        return gate(o) * jnp.tanh(cell), cell

    def gru(state: Any, z: Any) -> Any:
        s = state[0] @ recurrent.T + arrays[3]
        both = gate(z[:, : -recurrent.shape[1]] + s[:, : -recurrent.shape[1]])
        update, reset = jnp.split(both, 2, axis=1)
        units = recurrent.shape[1]
        candidate = jnp.tanh(z[:, -units:] + reset * s[:, -units:])
        return (update * state[0] + (1 - update) * candidate,)

    return {"SimpleRNN": simple, "LSTM": lstm, "GRU": gru}[kind]


def _jax_cost(jax: Any, problem: RecurrentProblem, dtype: str, unroll: int) -> Callable[..., Any]:
    """J of a batch (time, batch, features), W x + b of all steps at once, then a scan over them."""
    jnp, batch = jax.numpy, problem.batch_size

    def cost(parameters: Any, x: Any, y: Any) -> Any:
        *arrays, W, b = parameters
        step = _steps_of(jax, problem.kind, arrays)
        zeros = jnp.zeros((batch, problem.units), dtype)
        state = (zeros, zeros) if problem.kind == "LSTM" else (zeros,)
        inputs = x @ arrays[0].T + arrays[1]
        state, _ = jax.lax.scan(lambda s, z: (step(s, z), None), state, inputs, unroll=unroll)
        return 0.5 * ((state[0] @ W.T + b - y) ** 2).sum() / batch

    return cost


def _jax_training(
    jax: Any, problem: RecurrentProblem, dtype: str, unroll: int
) -> Callable[[Any, Any], Any]:
    """(parameters, epochs) ↦ the parameters after so many epochs, and the last epoch's mean J."""
    jnp, (n, batch) = jax.numpy, (len(problem.y), problem.batch_size)
    X = problem.X.astype(dtype).reshape(n // batch, batch, *problem.X.shape[1:])
    X, y = jnp.asarray(X.swapaxes(1, 2)), jnp.asarray(problem.y.astype(dtype).reshape(-1, batch, 1))
    cost = _jax_cost(jax, problem, dtype, unroll)

    def one_batch(state: Any, examples: Any) -> Any:
        parameters, memory = state
        value, gradient = jax.value_and_grad(cost)(parameters, *examples)
        return STEPS["adam"](jax, problem.rate, parameters, memory, gradient), value

    def train(parameters: Any, epochs: Any) -> Any:
        zeros = jax.tree.map(jnp.zeros_like, parameters)
        state = parameters, (zeros, zeros, jnp.zeros((), dtype))

        def one_epoch(epoch: Any, carry: Any) -> Any:
            state, costs = jax.lax.scan(one_batch, carry[0], (X, y))
            return state, costs.mean()

        state, value = jax.lax.fori_loop(0, epochs, one_epoch, (state, jnp.zeros((), dtype)))
        return state[0], value

    return train


def jax_descent(problem: RecurrentProblem, dtype: str, unroll: int) -> Run:
    """The whole descent in one jitted loop."""
    jax = load_jax()
    train = jax.jit(_jax_training(jax, problem, dtype, unroll))
    start = [jax.numpy.asarray(part, dtype) for part in (*problem.arrays, *problem.last)]

    def run(epochs: int) -> Result:
        parameters, value = train(start, epochs)
        return Result(flat(parameters), float(value))

    return run


def jax_population(problem: RecurrentPopulation, dtype: str, unroll: int) -> Run:
    """`vmap` of that over the members; the costs of the last epoch are the result."""
    jax = load_jax()
    train = jax.jit(jax.vmap(_jax_training(jax, problem.network, dtype, unroll), in_axes=(0, None)))
    start = [jax.numpy.asarray(part, dtype) for part in problem.arrays()]

    def run(count: int) -> Result:
        for _ in range(count):
            parameters, costs = train(start, problem.epochs)
            jax.block_until_ready(parameters)
        return Result(np.asarray(costs))

    return run


PYTORCH: dict[str, Prepare] = {
    "batch first": partial(pytorch_descent, batch_first=True),
    "time first": partial(pytorch_descent, batch_first=False),
}
JAX: dict[str, Prepare] = {
    "scan": partial(jax_descent, unroll=1),
    "8 steps written out": partial(jax_descent, unroll=8),
}
JAX_POPULATIONS: dict[str, Prepare] = {
    "scan": partial(jax_population, unroll=1),
    "8 steps written out": partial(jax_population, unroll=8),
}
