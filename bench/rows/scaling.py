"""How nnlib's time grows with the samples, the width, the depth and the threads.

One network is varied in one way at a time: 64 inputs, two hidden layers of 64 ReLU units, ten
classes, 4096 samples in batches of 256, plain descent, float32; one epoch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..problems.problem import Problem, glorot
from ..problems.work import product_flops
from ..problems.workload import Run
from ..programs import nnlib_network
from ..programs.threads import on_threads

SAMPLES, WIDTH, DEPTH, BATCH, INPUTS, CLASSES = 4096, 64, 2, 256, 64, 10
AXES = {
    "samples": (256, 1024, 4096, 16_384, 65_536),
    "width": (8, 32, 64, 128, 512, 1024),
    "depth": (1, 2, 4, 8, 16),
}
THREADS = (1, None)
DTYPE = "float32"


@dataclass(frozen=True)
class Case:
    """One point: what is varied, its value, and the threads (None: all processors)."""

    axis: str
    value: int
    threads: int | None

    def __str__(self) -> str:
        threads = "all processors" if self.threads is None else f"{self.threads} thread"
        return f"scaling: {self.axis} {self.value}, {threads}"

    @property
    def sizes(self) -> tuple[int, ...]:
        """d_1 … d_L."""
        width = self.value if self.axis == "width" else WIDTH
        depth = self.value if self.axis == "depth" else DEPTH
        return (INPUTS, *(width,) * depth, CLASSES)

    @property
    def samples(self) -> int:
        """Examples of one epoch."""
        return self.value if self.axis == "samples" else SAMPLES

    @property
    def flops(self) -> int:
        """Operations of the matrix products of one epoch."""
        return product_flops(self.sizes, self.samples)

    def problem(self) -> Problem:
        """Noise, and a step so small that sixteen layers stay finite."""
        rng = np.random.default_rng(0)
        labels = rng.integers(0, CLASSES, self.samples)
        return Problem(
            sizes=self.sizes,
            activations=("relu",) * (len(self.sizes) - 2) + ("softmax",),
            X=rng.random((self.samples, INPUTS)),
            y=np.eye(CLASSES)[labels],
            start=glorot(rng, self.sizes),
            learning_rate=1e-4,
            reduction="mean",
            batch_size=BATCH,
            loss="softmax_cross_entropy",
        )

    def prepare(self) -> Run:
        """The descent; raises `UnavailableError` where there are fewer processors."""
        prepare: Any = nnlib_network.descent
        if self.threads is not None:
            prepare = on_threads(self.threads, prepare)
        return prepare(self.problem(), DTYPE)  # type: ignore[no-any-return]


def cases() -> Iterator[Case]:
    """Every value of every axis, on one thread and on all processors."""
    for axis, values in AXES.items():
        for value in values:
            for threads in THREADS:
                yield Case(axis, value, threads)
