"""The descents that are timed: network, data, start and step in one object."""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from .workload import Array


@dataclass(frozen=True)
class Problem:
    """One descent of a dense network.

    Attributes
    ----------
    sizes, activations
        d_1 … d_L, and one name for each layer after the input.
    X, y
        Examples (n, d_1) and targets (n, d_L), float64.
    start
        One pair W (d_out, d_in), b (d_out,) for each layer.
    learning_rate, reduction
        Step α, None for the optimizer's default; "sum" is the lecture's programs, "mean" its
        formulas.
    batch_size
        Examples per step, taken in the order of the data; None for all of them.
    loss, optimizer
        Names as nnlib has them.
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    X: Array
    y: Array
    start: tuple[tuple[Array, Array], ...]
    learning_rate: float | None
    reduction: str
    batch_size: int | None
    loss: str = "half_squared_error"
    optimizer: str = "sgd"

    def layers(self, parameters: Array) -> list[tuple[Array, Array]]:
        """W (d_out, d_in) and b (d_out,) of each layer: views of the flat W, b, W, b, …"""
        pairs, first = [], 0
        for d_in, d_out in pairwise(self.sizes):
            middle = first + d_in * d_out
            weight, bias = parameters[first:middle], parameters[middle : middle + d_out]
            pairs.append((weight.reshape(d_out, d_in), bias))
            first = middle + d_out
        return pairs

    @property
    def rate(self) -> float:
        """α, for programs that have no default."""
        assert self.learning_rate is not None
        return self.learning_rate

    @property
    def flat_start(self) -> Array:
        """The start as one vector W^[1], b^[1], W^[2], b^[2], …"""
        return np.concatenate([part.ravel() for layer in self.start for part in layer])


def exercise() -> Problem:
    """The lecture's exercise: 1-2-1, 60 points of R → R, seven coefficients a1 … a7.

    F(x) = σ(a5 σ(a1 x + a2) + a6 σ(a3 x + a4) + a7), from a = (0, 1, 0, −1, 1, 1, −1).
    """
    i = np.arange(20) / 10
    return Problem(
        sizes=(1, 2, 1),
        activations=("sigmoid", "sigmoid"),
        X=np.concatenate([i, 6 + i, 3 + i])[:, None],
        y=np.repeat([0.2, 0.2, 1.0], 20)[:, None],
        start=(
            (np.array([[0.0], [0.0]]), np.array([1.0, -1.0])),
            (np.array([[1.0, 1.0]]), np.array([-1.0])),
        ),
        learning_rate=0.1,
        reduction="sum",
        batch_size=60,
    )


def coefficients(values: Array) -> Array:
    """a1 … a7 of the exercise out of the flat W^[1], b^[1], W^[2], b^[2]; its own inverse."""
    return np.asarray(values)[[0, 2, 1, 3, 4, 5, 6]]


DIGIT_SAMPLES = 12_800
DIGIT_SIZES = (784, 128, 10)


def digits() -> Problem:
    """784-128-10 on MNIST where ``NNLIB_DATA`` names a folder that has it, else on noise.

    The time does not depend on which, as long as no number is subnormal.
    """
    rng = np.random.default_rng(0)
    images, labels = _mnist() or (
        rng.random((DIGIT_SAMPLES, DIGIT_SIZES[0])),
        rng.integers(0, DIGIT_SIZES[-1], DIGIT_SAMPLES),
    )
    return Problem(
        sizes=DIGIT_SIZES,
        activations=("relu", "sigmoid"),
        X=images,
        y=np.eye(DIGIT_SIZES[-1])[labels],
        start=glorot(rng, DIGIT_SIZES),
        learning_rate=0.1,
        reduction="mean",
        batch_size=128,
    )


def digits_adam() -> Problem:
    """The same network and images, trained by Adam."""
    return replace(digits(), optimizer="adam", learning_rate=0.001)


def glorot(rng: np.random.Generator, sizes: tuple[int, ...]) -> tuple[tuple[Array, Array], ...]:
    """W uniform within ±√(6/(d_in + d_out)), Glorot's bound: no unit starts saturated; b = 0."""
    return tuple(
        (rng.uniform(-1, 1, (d_out, d_in)) * np.sqrt(6 / (d_in + d_out)), np.zeros(d_out))
        for d_in, d_out in pairwise(sizes)
    )


def product_flops(sizes: tuple[int, ...], samples: int) -> int:
    """Operations of the matrix products of one epoch.

    2 n d_in d_out per layer for the forward pass and as many for the gradient; the delta needs
    them again for every layer but the first.
    """
    layers = [2 * samples * d_in * d_out for d_in, d_out in pairwise(sizes)]
    return 3 * sum(layers) - layers[0]


def _mnist() -> tuple[Array, Array] | None:
    """The first images (n, 784) in [0, 1] and their labels (n,); None without the files."""
    if "NNLIB_DATA" not in os.environ:
        return None
    folder = Path(os.environ["NNLIB_DATA"]) / "mnist"
    images, labels = folder / "train-images-idx3-ubyte.gz", folder / "train-labels-idx1-ubyte.gz"
    if not (images.is_file() and labels.is_file()):
        return None
    # IDX files: a header of 16 (images) or 8 (labels) bytes, then one byte per number.
    with gzip.open(images) as file:
        pixels = np.frombuffer(file.read(16 + DIGIT_SAMPLES * 784), np.uint8, offset=16)
    with gzip.open(labels) as file:
        classes = np.frombuffer(file.read(8 + DIGIT_SAMPLES), np.uint8, offset=8)
    return pixels.reshape(-1, 784) / 255, classes
