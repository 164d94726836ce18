"""``python -m bench.gpu``: everything that is to be known of a GPU, in one command.

First every kernel against float64 on the processor, with random data; then one table, timed
from the call until the GPU is done, beside PyTorch and JAX on the same GPU where they are
installed. --tiny runs the same at sizes for Numba's simulator, where times mean nothing.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import nnlib
from nnlib import cuda_launch
from nnlib.device import chosen_device
from nnlib.kernels.cuda.jit import SIMULATED, cuda

# Sizes, examples and epochs of the populations, and of how many networks.
POPULATIONS = [([1, 2, 1], 60, 200, 16384), ([4, 32, 16, 4], 256, 20, 4096),
               ([64, 32, 10], 256, 10, 2048)]  # fmt: skip
SINGLE = [64, 64, 64, 64, 1]
BATCHES = [2**exponent for exponent in range(10, 22)]
WIDE = [1024, 1024, 1024, 1024, 10]
STEPS = 20
ROUNDS = 5


@dataclass(frozen=True)
class Row:
    """One measurement: what, by whom, and how much of it in a second."""

    workload: str
    program: str
    rate: float
    unit: str


def main() -> None:
    """Check, measure, print and write the results."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="sizes for the simulator")
    parser.add_argument("--results", type=Path, help="file for the numbers, as JSON")
    given = parser.parse_args()
    chosen_device("cuda")
    check()
    rows = list(measure(given.tiny))
    name = "simulator" if SIMULATED else cuda.get_current_device().name.decode()
    print(f"\n{name}\n")
    for row in rows:
        rate = "not timed" if SIMULATED else f"{row.rate:12.4g} {row.unit}"
        print(f"{row.workload:28s} {row.program:18s} {rate}")
    if given.results is not None and not SIMULATED:
        record = {"gpu": name, "rows": [asdict(row) for row in rows]}
        given.results.write_text(json.dumps(record, indent=1), encoding="utf-8")


def check() -> None:
    """Every way to cut a descent, in both dtypes, against float64 on the processor."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(33, 3)), rng.normal(size=(33, 2))
    for kind, (wide, work) in {
        "alone": (10**6, 10**12), "together": (10**6, 0), "layers": (0, 0),
    }.items():  # fmt: skip
        cuda_launch.MOST_WIDTH, before = wide, cuda_launch.MOST_WIDTH
        cuda_launch.WORK_OF_ONE_BLOCK, work_before = work, cuda_launch.WORK_OF_ONE_BLOCK
        try:
            for dtype in ("float32", "float64"):
                error = _error(X, y, dtype)
                limit = 1e-4 if dtype == "float32" else 1e-12
                print(f"{kind:10s} {dtype:8s} largest error {error:.1e}, at most {limit:.0e}")
                if not error <= limit:
                    raise SystemExit(f"{kind} in {dtype} is off by {error:.1e}")
        finally:
            cuda_launch.MOST_WIDTH, cuda_launch.WORK_OF_ONE_BLOCK = before, work_before


def _error(X: Any, y: Any, dtype: str) -> float:
    """Largest difference of F, J, derJ and a descent from those in float64 on the processor."""
    start = nnlib.Network([3, 6, 5, 2], "tanh", seed=1)
    views = list(zip(start.weights, start.biases, strict=True))
    found = []
    for device, own in (("cpu", "float64"), ("cuda", dtype)):
        net = nnlib.Network([3, 6, 5, 2], "tanh", dtype=own, initializer=views, device=device)
        dW, db = net.derJ(X, y)
        values = [net.F(X).ravel(), [net.J(X, y)], *(part.ravel() for part in (*dW, *db))]
        history = net.descent(X, y, optimizer="adam", batch_size=12, epochs=3, seed=3)
        found.append(np.concatenate([*values, history.J, net.parameters]).astype(np.float64))
    return float(np.max(np.abs(found[0] - found[1])))


def measure(tiny: bool) -> Iterator[Row]:
    """All rows of the table."""
    for sizes, n, epochs, members in POPULATIONS:
        if tiny:
            n, epochs, members = 4, 1, 2
            sizes = [min(size, 4) for size in sizes]
        yield from population(sizes, n, epochs, members)
    for batch in BATCHES[:1] if tiny else BATCHES:
        yield from single("64 wide", [3, 4, 1] if tiny else SINGLE, 6 if tiny else batch)
    yield from single("1024 wide", [3, 9, 2] if tiny else WIDE, 6 if tiny else 256)


def population(sizes: list[int], n: int, epochs: int, members: int) -> Iterator[Row]:
    """Networks times epochs per second, and those of the peers."""
    name = "-".join(map(str, sizes)) + f" × {members}"
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, sizes[0])).astype(np.float32)
    y = rng.normal(size=(n, sizes[-1])).astype(np.float32)

    def train(count: int) -> None:
        nnlib.train_many(
            sizes, X, y, n=members, epochs=count, activation="tanh", dtype="float32", trace=1,
            device="cuda", progress=False,
        )  # fmt: skip

    # The difference of two lengths leaves out transfers and what happens once.
    train(1)
    seconds = _seconds(lambda: train(1 + epochs)) - _seconds(lambda: train(1))
    work = members * epochs
    yield Row(name, "nnlib", work / max(seconds, 1e-9), "networks × epochs/s")
    for program, once in _population_peers(sizes, X, y, members, epochs):
        yield Row(name, program, work / _seconds(once), "networks × epochs/s")


def single(name: str, sizes: list[int], batch: int) -> Iterator[Row]:
    """Examples per second of one network on batches of this size."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(batch, sizes[0])).astype(np.float32)
    y = rng.normal(size=(batch, sizes[-1])).astype(np.float32)
    net = nnlib.Network(sizes, "relu", dtype="float32", device="cuda")
    there = cuda.to_device(X), cuda.to_device(y)
    steps = 1 if SIMULATED else STEPS
    options: dict[str, Any] = {"optimizer": "adam", "progress": False}
    net.descent(*there, epochs=1, **options)
    seconds = _seconds(lambda: net.descent(*there, epochs=1 + steps, **options))
    seconds -= _seconds(lambda: net.descent(*there, epochs=1, **options))
    label = f"{name}, batch {batch}"
    yield Row(label, "nnlib", steps * batch / max(seconds, 1e-9), "examples/s")
    for program, step in _single_peers(sizes, X, y):
        yield Row(label, program, STEPS * batch / _seconds(step), "examples/s")


def _seconds(once: Callable[[], Any]) -> float:
    """The median time of a call, until the GPU has done what it began."""
    times = []
    for _ in range(1 if SIMULATED else ROUNDS):
        cuda.synchronize()
        begin = time.perf_counter()
        once()
        cuda.synchronize()
        times.append(time.perf_counter() - begin)
    return float(np.median(times))


def _single_peers(sizes: list[int], X: Any, y: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    """PyTorch on the same GPU: eager, compiled, and as a CUDA graph; each makes `STEPS` steps."""
    torch = _torch()
    if torch is None:
        return
    data, targets = torch.tensor(X, device="cuda"), torch.tensor(y, device="cuda")

    def model() -> tuple[Any, Any]:
        layers: list[Any] = []
        for d_in, d_out in itertools.pairwise(sizes):
            layers += [torch.nn.Linear(d_in, d_out), torch.nn.ReLU()]
        net = torch.nn.Sequential(*layers).cuda()
        return net, torch.optim.Adam(net.parameters(), capturable=True)

    def stepper(net: Any, optimizer: Any) -> Callable[[], None]:
        def step() -> None:
            optimizer.zero_grad(set_to_none=False)
            (0.5 * (net(data) - targets).square().sum(1).mean()).backward()
            optimizer.step()

        return step

    def repeat(once: Callable[[], Any]) -> Callable[[], None]:
        def steps() -> None:
            for _ in range(STEPS):
                once()
            torch.cuda.synchronize()

        return steps

    programs: list[tuple[str, Callable[[Any], Any]]] = [
        ("PyTorch", lambda net: net),
        ("PyTorch compiled", torch.compile),
    ]
    for program, wrap in programs:
        net, optimizer = model()
        step = stepper(wrap(net), optimizer)
        for _ in range(3):
            step()
        yield program, repeat(step)
    net, optimizer = model()
    step, stream, graph = stepper(net, optimizer), torch.cuda.Stream(), torch.cuda.CUDAGraph()
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.synchronize()
    with torch.cuda.graph(graph):
        step()
    yield "PyTorch graph", repeat(graph.replay)


def _population_peers(
    sizes: list[int], X: Any, y: Any, members: int, epochs: int
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """JAX's vmap of a whole descent in one jit, if it has the GPU."""
    try:
        import jax
    except ImportError:
        return
    if jax.default_backend() != "gpu":
        return
    rng = np.random.default_rng(0)
    start = [
        (rng.normal(size=(members, d_out, d_in)).astype(np.float32),
         np.zeros((members, d_out), np.float32))
        for d_in, d_out in itertools.pairwise(sizes)
    ]  # fmt: skip
    numbers = jax.numpy

    def cost(layers: Any) -> Any:
        a = X.T
        for W, b in layers:
            a = numbers.tanh(W @ a + b[:, None])
        return 0.5 * ((a - y.T) ** 2).sum(0).mean()

    def descend(layers: Any) -> Any:
        def step(layers: Any, _: Any) -> Any:
            slopes = jax.grad(cost)(layers)
            return jax.tree.map(lambda p, g: p - 0.1 * g, layers, slopes), None

        return jax.lax.scan(step, layers, None, length=epochs)[0]

    run = jax.jit(jax.vmap(descend))
    wait: Callable[[Any], Any] = jax.block_until_ready
    there = jax.device_put(start)
    wait(run(there))
    yield "JAX vmap", lambda: wait(run(there))


def _torch() -> Any:
    """PyTorch, if it is installed and has the GPU."""
    try:
        import torch
    except ImportError:
        return None
    return torch if torch.cuda.is_available() else None


if __name__ == "__main__":
    main()
