"""The descents that are timed: network, data, start and step in one object."""

from __future__ import annotations

import gzip
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from .workload import Array


@dataclass(frozen=True, kw_only=True)
class DescentProblem:
    """One descent of a network of dense layers; a subclass says how they hang together.

    Attributes
    ----------
    activations
        One name for each layer.
    y
        Targets (n, d_L), float64.
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

    activations: tuple[str, ...]
    y: Array
    start: tuple[tuple[Array, Array], ...]
    learning_rate: float | None
    reduction: str
    batch_size: int | None
    loss: str = "half_squared_error"
    optimizer: str = "sgd"

    @property
    def inputs(self) -> tuple[Array, ...]:
        """The examples (n, …) of every input, float64."""
        raise NotImplementedError

    def output(self, layers: Sequence[Any], inputs: Sequence[Any]) -> Any:
        """What the network gives, by layers that a library can call with its own values."""
        raise NotImplementedError

    @property
    def rate(self) -> float:
        """α, for programs that have no default."""
        assert self.learning_rate is not None
        return self.learning_rate

    @property
    def flat_start(self) -> Array:
        """The start as one vector W^[1], b^[1], W^[2], b^[2], …"""
        return np.concatenate([part.ravel() for layer in self.start for part in layer])


@dataclass(frozen=True, kw_only=True)
class Problem(DescentProblem):
    """One descent of a chain of dense layers.

    Attributes
    ----------
    sizes
        d_1 … d_L.
    X
        Examples (n, d_1), float64.
    """

    sizes: tuple[int, ...]
    X: Array

    @property
    def inputs(self) -> tuple[Array, ...]:
        return (self.X,)

    def output(self, layers: Sequence[Any], inputs: Sequence[Any]) -> Any:
        (a,) = inputs
        for layer in layers:
            a = layer(a)
        return a

    def layers(self, parameters: Array) -> list[tuple[Array, Array]]:
        """W (d_out, d_in) and b (d_out,) of each layer: views of the flat W, b, W, b, …"""
        pairs, first = [], 0
        for d_in, d_out in pairwise(self.sizes):
            middle = first + d_in * d_out
            weight, bias = parameters[first:middle], parameters[middle : middle + d_out]
            pairs.append((weight.reshape(d_out, d_in), bias))
            first = middle + d_out
        return pairs


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


def lecture_network() -> Problem:
    """The lecture's 3-3-4-2-1, tanh in every layer, 1 000 points of a smooth function R³ → R."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (1_000, 3))
    sizes = (3, 3, 4, 2, 1)
    return Problem(
        sizes=sizes,
        activations=("tanh",) * 4,
        X=X,
        y=0.8 * np.sin(2 * X.sum(axis=1, keepdims=True)),
        start=glorot(rng, sizes),
        learning_rate=0.1,
        reduction="mean",
        batch_size=None,
    )


def small_adam() -> Problem:
    """4-32-16-4, tanh in every layer, 10 000 points of a smooth function R⁴ → R⁴, by Adam."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10_000, 4))
    sizes = (4, 32, 16, 4)
    return Problem(
        sizes=sizes,
        activations=("tanh",) * 3,
        X=X,
        y=0.8 * np.sin(X @ rng.normal(size=(4, 4))),
        start=glorot(rng, sizes),
        learning_rate=0.001,
        reduction="mean",
        batch_size=None,
        optimizer="adam",
    )


DIGIT_SAMPLES, DIGIT_SIZES = 1_792, (64, 32, 10)


def digits() -> Problem:
    """64-32-10 on the 8 × 8 digits that come with scikit-learn, without it on noise.

    1792 of the 1797 examples are 56 whole batches.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        images, labels = _noise(DIGIT_SAMPLES, DIGIT_SIZES)
    else:
        images, labels = load_digits(return_X_y=True)
        images, labels = images[:DIGIT_SAMPLES] / 16, labels[:DIGIT_SAMPLES]
    return _classification(DIGIT_SIZES, images, labels, 32, 0.1)


MNIST_SAMPLES, MNIST_SIZES, DEEP_SIZES = 12_800, (784, 128, 10), (784, 128, 64, 10)


def mnist() -> Problem:
    """784-128-10 by descent, on MNIST where ``NNLIB_DATA`` names a folder that has it, or noise.

    The time does not depend on which, as long as no number is subnormal.
    """
    images, labels = _mnist() or _noise(MNIST_SAMPLES, MNIST_SIZES)
    return _classification(MNIST_SIZES, images, labels, 128, 0.1)


def mnist_adam() -> Problem:
    """The same network and images, trained by Adam."""
    return replace(mnist(), optimizer="adam", learning_rate=0.001)


def mnist_deep() -> Problem:
    """784-128-64-10 on the same images."""
    images, labels = _mnist() or _noise(MNIST_SAMPLES, MNIST_SIZES)
    return _classification(DEEP_SIZES, images, labels, 64, 0.01)


WIDE_SAMPLES, WIDE_SIZES = 2_048, (1024, 1024, 1024, 1024, 10)


def wide() -> Problem:
    """1024-1024-1024-1024-10 on noise."""
    images, labels = _noise(WIDE_SAMPLES, WIDE_SIZES)
    return _classification(WIDE_SIZES, images, labels, 256, 0.1)


def one_digit() -> Problem:
    """One row of the digits, to be predicted."""
    many = digits()
    return replace(many, X=many.X[:1], y=many.y[:1])


MANY_ROWS = 10_000


def many_images() -> Problem:
    """10 000 images, to be predicted."""
    many = mnist()
    return replace(many, X=many.X[:MANY_ROWS], y=many.y[:MANY_ROWS])


def _classification(
    sizes: tuple[int, ...], images: Array, labels: Array, batch_size: int, learning_rate: float
) -> Problem:
    """ReLU and softmax, cross-entropy, plain descent.

    Rounding decides on which side of 0 some input of a ReLU falls, and deep networks carry the
    difference on: with α = 0.1 two right programs end 6e-3 apart, with α = 0.01 2e-6.
    """
    return Problem(
        sizes=sizes,
        activations=("relu",) * (len(sizes) - 2) + ("softmax",),
        X=images,
        y=np.eye(sizes[-1])[labels],
        start=glorot(np.random.default_rng(0), sizes),
        learning_rate=learning_rate,
        reduction="mean",
        batch_size=batch_size,
        loss="softmax_cross_entropy",
    )


def _noise(samples: int, sizes: tuple[int, ...]) -> tuple[Array, Array]:
    """Inputs (samples, d_1) in [0, 1) and class numbers (samples,).

    Four of five inputs are 0, as in MNIST's images: with all of them in (0, 1) the sums that go
    into a ReLU are so large that rounding parts two right programs.
    """
    rng = np.random.default_rng(0)
    shape = (samples, sizes[0])
    inputs = np.where(rng.random(shape) < 0.2, rng.random(shape), 0.0)
    return inputs, rng.integers(0, sizes[-1], samples)


def glorot(rng: np.random.Generator, sizes: tuple[int, ...]) -> tuple[tuple[Array, Array], ...]:
    """W uniform within ±√(6/(d_in + d_out)), Glorot's bound: no unit starts saturated; b = 0."""
    return tuple(
        (rng.uniform(-1, 1, (d_out, d_in)) * np.sqrt(6 / (d_in + d_out)), np.zeros(d_out))
        for d_in, d_out in pairwise(sizes)
    )


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
        pixels = np.frombuffer(file.read(16 + MNIST_SAMPLES * 784), np.uint8, offset=16)
    with gzip.open(labels) as file:
        classes = np.frombuffer(file.read(8 + MNIST_SAMPLES), np.uint8, offset=8)
    return pixels.reshape(-1, 784) / 255, classes
