"""The residual network of images that is timed, with batch normalisation in each block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .problem import mnist
from .workload import Array

SAMPLES, BATCH, SIDE, CHANNELS, BLOCKS, CLASSES = 1024, 64, 28, 16, 3, 10


@dataclass(frozen=True)
class NormalisedProblem:
    """A descent by Adam of units, each a convolution of 3 × 3 and its normalisation.

    Attributes
    ----------
    X, labels
        Images (n, side, side, 1), float64, and their classes (n,).
    kernels
        (channels, 3, 3, channels read) of each unit. γ begins with 1, β with 0.
    last
        W and b of the dense layer behind the mean over all places.
    batch_size, rate
        Examples per step, in the order of the data, and α.
    """

    X: Array
    labels: Array
    kernels: tuple[Array, ...]
    last: tuple[Array, Array]
    batch_size: int
    rate: float = 0.001
    epsilon: float = 1e-3


def residual(units: Sequence[Callable[[Any], Any]], relu: Callable[[Any], Any], x: Any) -> Any:
    """h ← relu(g(relu(f(h))) + h) in blocks of two units f and g, behind a first one."""
    first, *blocks = units
    h = relu(first(x))
    for f, g in zip(blocks[::2], blocks[1::2], strict=True):
        h = relu(g(relu(f(h))) + h)
    return h


def residual_images() -> NormalisedProblem:
    """Three blocks of 16 channels on MNIST's images, or on noise."""
    flat = mnist()
    X = flat.X[:SAMPLES].reshape(-1, SIDE, SIDE, 1)
    return normalised_of(X, flat.y[:SAMPLES].argmax(axis=1), CHANNELS, BLOCKS, BATCH)


def normalised_of(
    X: Array, labels: Array, channels: int, blocks: int, batch_size: int
) -> NormalisedProblem:
    """Weights within Glorot's bound."""
    rng = np.random.default_rng(0)
    read = [X.shape[-1], *[channels] * (2 * blocks)]
    kernels = []
    for count in read:
        bound = np.sqrt(6 / (9 * (count + channels)))
        kernels.append(rng.uniform(-bound, bound, (channels, 3, 3, count)))
    bound = np.sqrt(6 / (channels + CLASSES))
    last = rng.uniform(-bound, bound, (CLASSES, channels)), np.zeros(CLASSES)
    return NormalisedProblem(X, labels, tuple(kernels), last, batch_size)


def normalised_flops() -> int:
    """Operations of the convolutions' products of an epoch: the first one needs no δ."""
    places = 2 * SAMPLES * SIDE * SIDE * 9 * CHANNELS
    return places * (2 + 3 * 2 * BLOCKS * CHANNELS)
