"""The residual network of images: nnlib, PyTorch with channels first and last, and JAX.

Results are the parameters without running averages, whose rules differ: kernel, γ and β of each
unit, then W and b.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..problems.normalised_problem import NormalisedProblem, residual
from ..problems.workload import Array, Prepare, Result, Run
from .jax_loop import STEPS
from .jax_loop import load as load_jax
from .pytorch import load


def flat(units: Sequence[Sequence[Any]], last: Sequence[Any]) -> Array:
    """All arrays as one vector."""
    parts = [part for unit in units for part in unit]
    return np.concatenate([np.asarray(part).ravel() for part in (*parts, *last)])


def nnlib_descent(problem: NormalisedProblem, dtype: str) -> Run:
    """`Network.descent`, its checks of the input included."""
    import nnlib
    from nnlib import layers

    x = layers.Input(problem.X.shape[1:])
    kernels = [
        layers.Conv2D(len(kernel), 3, padding="same", use_bias=False) for kernel in problem.kernels
    ]
    norms = [layers.BatchNormalization(epsilon=problem.epsilon) for _ in kernels]
    units = [_behind(kernel, norm) for kernel, norm in zip(kernels, norms, strict=True)]
    h = layers.GlobalAveragePooling2D()(residual(units, layers.Activation("relu"), x))
    end = layers.Dense(len(problem.last[1]), "softmax")
    net = nnlib.Network(inputs=x, outputs=end(h), loss="softmax_cross_entropy", dtype=dtype)
    for layer, kernel in zip(kernels, problem.kernels, strict=True):
        layer.weights["weight"][...] = kernel
    for own, value in zip(end.weights.values(), problem.last, strict=True):
        own[...] = value
    start, X = net.parameters.copy(), problem.X.astype(dtype)

    def run(epochs: int) -> Result:
        net.parameters = start
        history = net.descent(
            X, problem.labels, optimizer="adam", learning_rate=problem.rate, epochs=epochs,
            batch_size=problem.batch_size, shuffle=False, progress=False,
        )  # fmt: skip
        pairs = zip(kernels, norms, strict=True)
        found = [
            (kernel.weights["weight"], norm.weights["gamma"], norm.weights["beta"])
            for kernel, norm in pairs
        ]
        return Result(flat(found, list(end.weights.values())), float(history.J[-1]))

    return run


def _behind(first: Callable[[Any], Any], second: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: second(first(x))


def pytorch_descent(problem: NormalisedProblem, dtype: str, channels_last: bool) -> Run:
    """Eager, with a fused Adam; tensors have their channels first, or last in memory."""
    torch = load()
    kind = getattr(torch, dtype)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    images = torch.tensor(problem.X, dtype=kind).movedim(-1, 1).contiguous(memory_format=layout)
    examples = list(
        zip(
            images.split(problem.batch_size),
            torch.tensor(problem.labels).split(problem.batch_size),
            strict=True,
        )
    )
    nn, epsilon = torch.nn, problem.epsilon

    def model() -> tuple[Any, Any]:
        units = []
        with torch.no_grad():
            for kernel in problem.kernels:
                unit = nn.Conv2d(
                    kernel.shape[-1], len(kernel), 3, padding=1, bias=False, dtype=kind
                )
                unit.weight.copy_(torch.tensor(np.moveaxis(kernel, -1, 1)))
                units.append(nn.Sequential(unit, nn.BatchNorm2d(len(kernel), epsilon, 0.01)))
            last = nn.Linear(*problem.last[0].shape[::-1], dtype=kind)
            last.weight.copy_(torch.tensor(problem.last[0]))
            last.bias.copy_(torch.tensor(problem.last[1]))
        modules = nn.ModuleList([*units, last]).to(kind).to(memory_format=layout)
        return modules[:-1], modules[-1]

    def run(epochs: int) -> Result:
        units, last = model()
        parameters = [*units.parameters(), *last.parameters()]
        optimizer = torch.optim.Adam(parameters, lr=problem.rate, fused=True)
        total = 0.0
        for _ in range(epochs):
            total = 0.0
            for x, y in examples:
                optimizer.zero_grad()
                value = nn.functional.cross_entropy(
                    last(residual(units, torch.relu, x).mean((2, 3))), y
                )
                value.backward()
                optimizer.step()
                total += value.detach() * len(y) / len(problem.labels)
        found = [
            (unit[0].weight.detach().movedim(1, -1), unit[1].weight.detach(), unit[1].bias.detach())
            for unit in units
        ]
        return Result(flat(found, [part.detach() for part in last.parameters()]), float(total))

    return run


def jax_descent(problem: NormalisedProblem, dtype: str) -> Run:
    """The whole descent in one jitted loop; images have their channels last."""
    jax = load_jax()
    jnp, (n, batch) = jax.numpy, (len(problem.labels), problem.batch_size)
    X = jnp.asarray(problem.X.astype(dtype).reshape(n // batch, batch, *problem.X.shape[1:]))
    y = jnp.asarray(problem.labels.reshape(n // batch, batch))
    units = [
        (
            jnp.asarray(kernel, dtype), jnp.ones(len(kernel), dtype), jnp.zeros(len(kernel), dtype)
        )
        for kernel in problem.kernels
    ]  # fmt: skip
    start = units, [jnp.asarray(part, dtype) for part in problem.last]

    def unit(own: Any, x: Any) -> Any:
        kernel, gamma, beta = own
        axes = ("NHWC", "OHWI", "NHWC")
        z = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=axes)
        mean, variance = z.mean((0, 1, 2)), z.var((0, 1, 2))
        return gamma * (z - mean) / jnp.sqrt(variance + problem.epsilon) + beta

    def cost(parameters: Any, x: Any, y: Any) -> Any:
        units, (W, b) = parameters
        h = residual([partial(unit, own) for own in units], jax.nn.relu, x)
        logits = jax.nn.log_softmax(h.mean((1, 2)) @ W.T + b)
        return -jnp.take_along_axis(logits, y[:, None], axis=1).mean()

    def one_batch(state: Any, examples: Any) -> Any:
        parameters, memory = state
        value, gradient = jax.value_and_grad(cost)(parameters, *examples)
        return STEPS["adam"](jax, problem.rate, parameters, memory, gradient), value

    @jax.jit  # type: ignore[untyped-decorator]
    def train(parameters: Any, epochs: Any) -> Any:
        zeros = jax.tree.map(jnp.zeros_like, parameters)
        state = parameters, (zeros, zeros, jnp.zeros((), dtype))

        def one_epoch(epoch: Any, carry: Any) -> Any:
            state, costs = jax.lax.scan(one_batch, carry[0], (X, y))
            return state, costs.mean()

        return jax.lax.fori_loop(0, epochs, one_epoch, (state, jnp.zeros((), dtype)))

    def run(epochs: int) -> Result:
        ((units, last), _), value = train(start, epochs)
        return Result(flat(units, last), float(value))

    return run


PYTORCH: dict[str, Prepare] = {
    "channels last": partial(pytorch_descent, channels_last=True),
    "channels first": partial(pytorch_descent, channels_last=False),
}
