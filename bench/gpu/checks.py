"""Every CUDA kernel against float64 on the processor, with random data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import nnlib
from nnlib.cuda import launch
from nnlib.kernels.cuda.compile.jit import cuda
from nnlib.kernels.cuda.wide.products import PRODUCTS, Entries

from ..problems.workload import Array
from .measure.rows import CHECKED, FAILED, Row

# For each way to cut a descent: the widest tiled layer and one block's most work, which make any
# shape go that way, then sizes and examples.
KINDS = {
    "alone": (10**6, 10**12, (3, 6, 5, 2), 200),
    "together": (10**6, 0, (5, 33, 17, 3), 3000),
    "layers": (0, 0, (20, 150, 140, 3), 600),
}
TINY = (2, 3, 4, 2), 9
# Differences to the largest number of a result. The sums are a few thousand terms long, and three
# epochs of Adam carry their rounding on.
LIMITS = {"float32": 2e-4, "float64": 1e-11}
# Plain descent moves the parameters by a third of the largest one, and rounds the factors of its
# products to 2⁻¹¹ or 2⁻⁸ of themselves.
PRECISION_LIMITS = {"float32": LIMITS["float32"], "tf32": 1e-3, "bf16": 8e-3}
PLAIN = "tanh, mini-batches"
# Populations, their options, and whether they are of networks that have a thread each.
SMALL = 2, 3, 1
POPULATIONS: tuple[tuple[str, dict[str, Any], bool], ...] = (
    ("population by L-BFGS, weight decay",
     {"grid": {"weight_decay": [0.0, 0.01]}, "optimizer": "lbfgs"}, False),
    ("population 2-3-1, a thread each", {"learning_rate": 0.3}, True),
)  # fmt: skip


@dataclass(frozen=True)
class Check:
    """A network and a descent that make some kernels run.

    Attributes
    ----------
    name
        In the report.
    activation, loss
        Of the network; the targets suit the loss.
    options
        Of the descent.
    """

    name: str
    activation: Any
    loss: str
    options: dict[str, Any]


CHECKS = (
    Check("tanh, mini-batches, Adam", "tanh", "half_squared_error",
          {"optimizer": "adam", "learning_rate": 0.01}),
    Check("softmax, clipped norm, dropout", ["relu", "gelu", "softmax"], "softmax_cross_entropy",
          {"clip_norm": 0.05, "dropout": 0.2}),
    Check("weights, penalties, max-norm", ["elu", "silu", "identity"], "huber",
          {"weight_decay": 0.01, "l1": 1e-3, "max_norm": 1.5, "optimizer": "momentum"}),
    Check("validation, sigmoid", ["softplus", "tanh", "sigmoid"], "binary_cross_entropy",
          {"validation": 0.25, "optimizer": "rmsprop", "learning_rate": 0.001}),
    Check("many epochs, as CUDA graphs", "tanh", "half_squared_error",
          {"epochs": 20, "learning_rate": 0.05}),
)  # fmt: skip


def check(kind: str, tiny: bool) -> Iterator[Row]:
    """F, J, derJ and a descent of every check in both dtypes, cut in one way."""
    sizes, n = TINY if tiny else KINDS[kind][2:]
    name = f"{kind}, {'-'.join(map(str, sizes))}"
    with cut_as(kind):
        for dtype, limit in LIMITS.items():
            for one in CHECKS:
                yield _row(
                    f"{name}, {dtype}", one.name, limit, partial(_error, one, sizes, n, dtype)
                )
            if kind == "alone":
                for title, options, small in POPULATIONS:
                    shape, count = (SMALL, min(n, 60)) if small else (sizes, n)
                    error = partial(_population_error, options, shape, count, dtype)
                    yield _row(f"{name}, {dtype}", title, limit, error)
        # Simulated tensor cores are slow: one step shows what nine do.
        steps = {"epochs": 1, "batch_size": n} if tiny else {}
        if kind == "together":
            yield from _rounded(name, sizes, n, steps)
        if kind == "layers":
            yield from _products(name, sizes, n, steps)


def _rounded(name: str, sizes: tuple[int, ...], n: int, steps: dict[str, int]) -> Iterator[Row]:
    """Plain descent with the products of a tile on tensor cores."""
    for precision in ("tf32", "bf16"):
        options = {"learning_rate": 0.3, "precision": precision, **steps}
        one = Check(PLAIN, "tanh", "half_squared_error", options)
        error = partial(_error, one, sizes, n, "float32")
        yield _row(f"{name}, {precision.upper()}", PLAIN, PRECISION_LIMITS[precision], error)


def _products(name: str, sizes: tuple[int, ...], n: int, steps: dict[str, int]) -> Iterator[Row]:
    """Plain descent with products of every precision, in large blocks and in small ones."""
    for precision, limit in PRECISION_LIMITS.items():
        options: dict[str, Any] = {"learning_rate": 0.3, **steps}
        if precision != "float32":
            options["precision"] = precision
        for way in PRODUCTS[precision]:
            title = f"{PLAIN}, blocks of {way.block.rows} × {way.block.columns}"
            one = Check(title, "tanh", "half_squared_error", options)
            with multiplied_by(precision, way):
                error = partial(_error, one, sizes, n, "float32")
                yield _row(f"{name}, {precision.upper()}", one.name, limit, error)


def _row(workload: str, name: str, limit: float, find_error: Callable[[], float]) -> Row:
    """What came of one check."""
    try:
        error = find_error()
    except Exception as problem:
        message = f"{type(problem).__name__}: {problem}"
        return Row("kernels", workload, name, FAILED, message=message)
    status = CHECKED if error <= limit else FAILED
    return Row("kernels", workload, name, status, error=error, limit=limit)


@contextmanager
def multiplied_by(precision: str, way: Entries) -> Iterator[None]:
    """Every product of this precision in here is made in this way."""
    before = PRODUCTS[precision]
    try:
        PRODUCTS[precision] = (way,)
        yield
    finally:
        PRODUCTS[precision] = before


@contextmanager
def cut_as(kind: str) -> Iterator[None]:
    """Every descent in here is cut in this way, whatever its shape."""
    names = "MOST_WIDTH", "WORK_OF_ONE_BLOCK", "LEAST_LANES"
    before = {name: getattr(launch, name) for name in names}
    try:
        for name, value in zip(names, (*KINDS[kind][:2], 1), strict=True):
            setattr(launch, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(launch, name, value)


def _error(one: Check, sizes: tuple[int, ...], n: int, dtype: str) -> float:
    """Largest difference to float64 on the processor, in parts of each result's largest number."""
    rng = np.random.default_rng(1)
    X, targets = rng.normal(size=(n, sizes[0])), rng.uniform(size=(n, sizes[-1]))
    y = targets / targets.sum(axis=1, keepdims=True)
    options = {"epochs": 3, "batch_size": -(-n // 3), "seed": 3, "progress": False, **one.options}
    if "weight_decay" in options:
        options["sample_weight"] = rng.integers(0, 4, n)
    start = nnlib.Network(sizes, one.activation, one.loss, seed=1, device="cpu")
    views = list(zip(start.weights, start.biases, strict=True))
    X, y = X.astype(dtype), y.astype(dtype)
    # The masks are drawn by the processor's blocks, whose length depends on the dtype.
    exact = dtype if "dropout" in options else "float64"
    found = []
    for device, own in (("cpu", exact), ("cuda", dtype)):
        net = nnlib.Network(sizes, one.activation, one.loss, own, initializer=views, device=device)
        there = device == "cuda" and "validation" not in options
        data: Any = (cuda.to_device(X), cuda.to_device(y)) if there else (X, y)
        found.append(_results(net, X, data, options))
    return _largest_difference(zip(*found, strict=True))


def _population_error(options: dict[str, Any], sizes: tuple[int, ...], n: int, dtype: str) -> float:
    """The same of a population's parameters and costs."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, sizes[0])).astype(dtype)
    y = rng.uniform(size=(n, sizes[-1])).astype(dtype)
    exact, found = (
        nnlib.train_many(
            sizes, X, y, n=3, epochs=3, activation="tanh", dtype=own, device=device,
            progress=False, **options,
        )
        for device, own in (("cpu", "float64"), ("cuda", dtype))
    )  # fmt: skip
    pairs = (exact.parameters, found.parameters), (exact.J, found.J)
    return _largest_difference(pairs)


def _largest_difference(pairs: Iterable[tuple[Array, Array]]) -> float:
    """In parts of each first one's largest number."""
    return max(float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-300)) for a, b in pairs)


def _results(net: nnlib.Network, X: Any, data: Any, options: dict[str, Any]) -> list[Array]:
    dW, db = net.derJ(*data)
    results = [net.F(X), np.array([net.J(*data)]), *dW, *db]
    if net.device == "cpu":
        options = {name: value for name, value in options.items() if name != "precision"}
    history = net.descent(*data, **options)
    results += [history.J, net.parameters]
    if history.validation_J is not None:
        results.append(history.validation_J)
    return [np.asarray(result, np.float64) for result in results]
