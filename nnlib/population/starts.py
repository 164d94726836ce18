"""Where the members of a population begin: parameters and generators of many seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks.values import LARGEST_SEED
from ..model.function import NetworkFunction
from ..model.initializers import initialize
from .seeding import child_state, doubles, seed_words

Array = NDArray[Any]

# Seeds that are drawn for at once: few enough that the arrays stay in cache.
_TOGETHER = 4096
# Numbers per seed up to which drawing together is faster: 0.4 µs a seed instead of 30 on the
# exercise, but 0.6 ms instead of 60 µs where each of 64 seeds takes two thousand.
_FEW = 64


class _NotUniformError(Exception):
    """Initial weights that are drawn in another way."""


class _Bounds:
    """Takes the place of a generator and only notes what uniform numbers are asked for."""

    def __init__(self) -> None:
        self.low: list[Array] = []
        self.width: list[Array] = []

    def uniform(self, low: float, high: float, shape: tuple[int, ...]) -> Array:
        """NaN, to be found again in the parameters."""
        size = math.prod(shape)
        self.low.append(np.full(size, low))
        self.width.append(np.full(size, high - low))
        return np.full(shape, np.nan)

    def normal(self, *arguments: Any, **names: Any) -> Array:
        """Not uniform."""
        raise _NotUniformError


def starts(network: NetworkFunction, initializer: Any, seeds: Sequence[int]) -> tuple[Array, Array]:
    """What `Network(…, seed=seed, initializer=initializer)` begins with, for every seed.

    Returns parameters (seeds, n_parameters) and generators (seeds, 4) uint64. The parameters of
    `network`, which gives the architecture, are overwritten.

    >>> from nnlib import Network
    >>> network = Network([1, 2, 1])
    >>> parameters, generators = starts(network, None, [0, 7])
    >>> bool((parameters[1] == Network([1, 2, 1], seed=7).parameters).all())
    True
    """
    parameters = np.empty((len(seeds), network.parameters.size), network.dtype)
    generators = np.empty((len(seeds), 4), np.uint64)
    # Seeds of old files may be longer than the words that are drawn from together.
    few = max(seeds) <= LARGEST_SEED
    if few and _draw_together(network, initializer, seeds, parameters):
        for first in range(0, len(seeds), _TOGETHER):
            part = slice(first, first + _TOGETHER)
            generators[part] = child_state(seed_words(seeds[part]), 1).T
        # Another NumPy may draw in another way: the first seed is a sample.
        expected = parameters[0].copy(), generators[0].copy()
        _draw_alone(network, initializer, seeds[0], parameters[0], generators[0])
        if all(map(np.array_equal, expected, (parameters[0], generators[0]))):
            return parameters, generators
    for row, seed in enumerate(seeds):
        _draw_alone(network, initializer, seed, parameters[row], generators[row])
    return parameters, generators


def _draw_alone(
    network: NetworkFunction, initializer: Any, seed: int, parameters: Array, state: Array
) -> None:
    """One start, drawn as `Network` does."""
    initial, order = np.random.SeedSequence(seed).spawn(2)
    state[:] = order.generate_state(4, np.uint64)
    generator = np.random.default_rng(initial)
    initialize(network.architecture, network.parameters, initializer, generator)
    parameters[:] = network.parameters


def _draw_together(
    network: NetworkFunction, initializer: Any, seeds: Sequence[int], parameters: Array
) -> bool:
    """All starts at once if they are uniform numbers; returns whether they are, and few."""
    bounds: Any = _Bounds()
    try:
        initialize(network.architecture, network.parameters, initializer, bounds)
    except _NotUniformError:
        return False
    parameters[:] = network.parameters
    drawn = np.isnan(network.parameters)
    if not bounds.low:
        return True
    low, width = np.concatenate(bounds.low), np.concatenate(bounds.width)
    if low.size > _FEW:
        return False
    for first in range(0, len(seeds), _TOGETHER):
        part = slice(first, first + _TOGETHER)
        numbers = doubles(child_state(seed_words(seeds[part]), 0), low.size)
        parameters[part, drawn] = low + width * numbers
    return True
