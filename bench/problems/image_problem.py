"""The networks of convolutions that are timed: on images and on sequences."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .problem import DescentProblem, mnist
from .workload import Array, Prepare, Run


@dataclass(frozen=True, kw_only=True)
class ImageProblem(DescentProblem):
    """One descent of convolutions, each with a pooling of its maxima, and dense layers behind them.

    A layer's W is (filters, *kernel, channels) for a convolution, which leaves out no pixel and
    pads nothing, and (d_out, d_in) for a dense layer.

    Attributes
    ----------
    X
        Images (n, height, width, channels) or sequences (n, length, channels), float64.
    pool
        Pixels of a pooling along each axis.
    channels_last
        How a library is asked to compute it, if it has several ways; the values are the same.
    """

    X: Array
    pool: int
    channels_last: bool = True

    @property
    def inputs(self) -> tuple[Array, ...]:
        return (self.X,)

    def output(self, layers: Sequence[Any], inputs: Sequence[Any]) -> Any:
        (a,) = inputs
        for layer in layers:
            a = layer(a)
        return a


def ways(prepare: Callable[..., Run]) -> dict[str, Prepare]:
    """A program's forms: channels last, and first."""

    def first(problem: ImageProblem, dtype: str) -> Run:
        return prepare(replace(problem, channels_last=False), dtype)

    return {"channels last": prepare, "channels first": first}


SAMPLES = 2_560
POOL = 2
# An example's shape, and those of the layers' W.
LENET = (28, 28, 1), ((6, 5, 5, 1), (16, 5, 5, 6), (120, 256), (84, 120), (10, 84))
SEQUENCES = (128, 1), ((16, 5, 1), (32, 5, 16), (10, 29 * 32))


def lenet(batch_size: int) -> ImageProblem:
    """LeNet-5 on MNIST's images, or on noise: 6 and 16 filters of 5 × 5, 120-84-10, by Adam."""
    flat = mnist()
    image, shapes = LENET
    return descent_of(flat.X[:SAMPLES].reshape(-1, *image), flat.y[:SAMPLES], shapes, batch_size)


def sequences() -> ImageProblem:
    """Two convolutions of kernel 5, 1-16-32 channels, on sequences of 128 numbers, and ten classes.

    A sequence is a sine with noise, its class the frequency.
    """
    rng = np.random.default_rng(0)
    labels, place = rng.integers(0, 10, SAMPLES), np.arange(128) / 128
    waves = np.sin(2 * np.pi * ((labels[:, None] + 1) * place + rng.random((SAMPLES, 1))))
    X = waves + rng.normal(size=waves.shape, scale=0.3)
    return descent_of(X[..., None], np.eye(10)[labels], SEQUENCES[1], 64)


def descent_of(
    X: Array, y: Array, shapes: Sequence[tuple[int, ...]], batch_size: int
) -> ImageProblem:
    """ReLU and softmax, from weights within Glorot's bound."""
    rng = np.random.default_rng(0)
    start = []
    for shape in shapes:
        field = math.prod(shape[1:-1])
        bound = np.sqrt(6 / (field * (shape[0] + shape[-1])))
        start.append((rng.uniform(-bound, bound, shape), np.zeros(shape[0])))
    return ImageProblem(
        activations=("relu",) * (len(shapes) - 1) + ("softmax",), X=X, y=y, start=tuple(start),
        learning_rate=0.0001, reduction="mean", batch_size=batch_size,
        loss="softmax_cross_entropy", optimizer="adam", pool=POOL,
    )  # fmt: skip
