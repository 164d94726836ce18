"""The rows of networks of convolutions, see `bench.rows.workloads`."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from ..problems import image_problem as problems
from ..problems.image_problem import SAMPLES, ImageProblem, ways
from ..problems.work import image_flops, parameter_bytes
from ..problems.workload import Implementation, Tolerance, Workload
from ..programs import jax_loop, nnlib_network, pytorch, pytorch_compiled
from .builders import EITHER, Programs, forms, row


def _rows() -> dict[str, Implementation]:
    """Everybody's descent by Adam, float32."""
    programs: dict[str, Programs] = {
        "PyTorch": (ways(pytorch.descent), EITHER),
        "PyTorch compiled": (ways(pytorch_compiled.descent), EITHER),
        "JAX": (ways(jax_loop.descent), (None,)),
    }
    peers = {
        name: Implementation(forms(*way), "float32", peer=True) for name, way in programs.items()
    }
    # Ours first: results are compared with the first, and NumPy has no such network.
    ours = {
        "nnlib": row(nnlib_network.descent, "float32"),
        "nnlib, 1 thread": row(nnlib_network.descent, "float32", threads=1),
    }
    return ours | peers


def _workload(
    name: str,
    title: str,
    network: str,
    shapes: tuple[Any, Any],
    batch: int,
    problem: Callable[[], ImageProblem],
) -> Workload:
    """A descent by Adam of one of the networks; its shapes are an example's and those of W."""
    image, weights = shapes
    parameters = sum(math.prod(shape) + shape[0] for shape in weights)
    values, steps = math.prod(image) + weights[-1][0], SAMPLES // batch
    return Workload(
        name=name,
        title=title,
        description=f"{network}, softmax cross-entropy, {SAMPLES} samples, batches of {batch}, "
        "float32: one step of Adam",
        problem=problem,
        implementations=_rows(),
        # Adam's steps have length α whatever the gradient, and rounding decides about a ReLU: with
        # α = 0.001 two right programs end 2e-2 apart after 80 steps.
        tolerances={"float32": Tolerance(1e-3, atol=5e-3)},
        ours="nnlib",
        unit="step",
        units=SAMPLES // batch,
        flops=image_flops(image, weights, problems.POOL, SAMPLES),
        bytes=parameter_bytes(parameters, values, SAMPLES, steps, 4, "adam"),
    )


_LENET = "MNIST's images, 6 and 16 filters of 5 × 5 with poolings of 2 × 2, 120-84-10"
_SEQUENCES = "sequences of 128 numbers, 16 and 32 filters of 5 with poolings of 2, a dense layer"
IMAGES = (
    _workload(
        "lenet", "LeNet-5, batch 128", _LENET, problems.LENET, 128, partial(problems.lenet, 128)
    ),
    _workload(
        "lenet small", "LeNet-5, batch 32", _LENET, problems.LENET, 32, partial(problems.lenet, 32)
    ),
    _workload(
        "sequences", "1-D convolutions", _SEQUENCES, problems.SEQUENCES, 64, problems.sequences
    ),
)
