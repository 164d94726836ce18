"""Where the members of a population begin: parameters and generators of many seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .initializers import initialize
from .network import Network

Array = NDArray[Any]


def starts(network: Network, initializer: Any, seeds: Sequence[int]) -> tuple[Array, Array]:
    """What `Network(…, seed=seed, initializer=initializer)` begins with, for every seed.

    Returns parameters (seeds, n_parameters) and generators (seeds, 4) uint64. The parameters of
    `network`, which gives the architecture, are overwritten.

    >>> network = Network([1, 2, 1])
    >>> parameters, generators = starts(network, None, [0, 7])
    >>> bool((parameters[1] == Network([1, 2, 1], seed=7).parameters).all())
    True
    """
    parameters = np.empty((len(seeds), network.parameters.size), network.dtype)
    generators = np.empty((len(seeds), 4), np.uint64)
    weights, biases = network.weights, network.biases
    for row, seed in enumerate(seeds):
        initial, order = np.random.SeedSequence(seed).spawn(2)
        generators[row] = order.generate_state(4, np.uint64)
        generator = np.random.default_rng(initial)
        initialize(weights, biases, network.activations, initializer, generator)
        parameters[row] = network.parameters
    return parameters, generators
