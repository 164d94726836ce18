"""What PyTorch's programs share: the compiler, CUDA graphs, the precision of products."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Step = Callable[[], Any]


def compiled(function: Callable[..., Any], compiler: str, **options: Any) -> Callable[..., Any]:
    """`torch.compile` for the shapes as they are.

    compiler is "inductor", or "aot_eager", which traces and differentiates as that does and
    generates no code, for tests.
    """
    import torch

    torch._dynamo.reset()  # it gives up on a function that it has compiled eight times
    if compiler != "inductor":
        options = {}
    made: Callable[..., Any] = torch.compile(function, backend=compiler, dynamic=False, **options)
    return made


def graphed(step: Step) -> Step:
    """The same step as a CUDA graph, after three to warm it up."""
    import torch

    gpu: Any = torch.cuda
    stream, graph = gpu.Stream(), gpu.CUDAGraph()
    stream.wait_stream(gpu.current_stream())
    with gpu.stream(stream):
        for _ in range(3):
            step()
    gpu.current_stream().wait_stream(stream)
    with gpu.graph(graph):
        step()
    replay: Step = graph.replay
    return replay


@contextmanager
def products(precision: str) -> Iterator[None]:
    """The matrix products in here in "float32", or with TF32 where the GPU has it."""
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision({"float32": "highest", "tf32": "high"}[precision])
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
