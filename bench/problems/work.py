"""How much work a descent is, counted from its shapes: operations and bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

# Vectors as long as the parameters that each optimizer keeps.
_MEMORY = {"sgd": 0, "adam": 2}


def product_flops(sizes: tuple[int, ...], samples: int) -> int:
    """Operations of the matrix products of one epoch.

    2 n d_in d_out per layer for the forward pass and as many for the gradient; the delta needs
    them again for every layer but the first. Skips, sums and products of values add none.
    """
    layers = [2 * samples * d_in * d_out for d_in, d_out in pairwise(sizes)]
    return 3 * sum(layers) - layers[0]


def forward_flops(sizes: tuple[int, ...], samples: int) -> int:
    """Operations of the matrix products of one forward pass, 2 n d_in d_out per layer."""
    return sum(2 * samples * d_in * d_out for d_in, d_out in pairwise(sizes))


def descent_bytes(
    sizes: tuple[int, ...], samples: int, steps: int, itemsize: int, optimizer: str = "sgd"
) -> int:
    """Bytes that an epoch must touch: what lies outside the pass, each number once.

    Every example and its target are read once an epoch; every step reads and writes the parameters
    and what the optimizer keeps. Activations, deltas and gradients could stay in a cache.
    """
    moved = _moved_numbers(_parameters(sizes), steps, optimizer)
    return itemsize * (samples * (sizes[0] + sizes[-1]) + moved)


def graph_bytes(
    chains: Sequence[tuple[int, ...]],
    values: int,
    samples: int,
    steps: int,
    itemsize: int,
    optimizer: str = "sgd",
) -> int:
    """The same of a graph that these chains are the branches of.

    An example and its target together have so many values.
    """
    parameters = sum(map(_parameters, chains))
    return parameter_bytes(parameters, values, samples, steps, itemsize, optimizer)


def parameter_bytes(
    parameters: int, values: int, samples: int, steps: int, itemsize: int, optimizer: str
) -> int:
    """The same of any network with so many parameters."""
    return itemsize * (samples * values + _moved_numbers(parameters, steps, optimizer))


def image_flops(
    image: tuple[int, ...], shapes: Sequence[tuple[int, ...]], pool: int, samples: int
) -> int:
    """Operations of the products of one epoch of convolutions, with a pooling behind each.

    image is an example's shape, shapes are those of the layers' W, (filters, *kernel, channels) for
    a convolution without padding. As for dense layers, all but the first have a δ.
    """
    sides, products = image[:-1], []
    for shape in shapes:
        pixels = 1
        if len(shape) > 2:
            sides = tuple(size - k + 1 for size, k in zip(sides, shape[1:-1], strict=True))
            pixels = math.prod(sides)
            sides = tuple(size // pool for size in sides)
        products.append(2 * samples * pixels * math.prod(shape))
    return 3 * sum(products) - products[0]


def _parameters(sizes: tuple[int, ...]) -> int:
    return sum((d_in + 1) * d_out for d_in, d_out in pairwise(sizes))


def _moved_numbers(parameters: int, steps: int, optimizer: str) -> int:
    return 2 * steps * parameters * (1 + _MEMORY[optimizer])


def forward_bytes(sizes: tuple[int, ...], samples: int, itemsize: int) -> int:
    """Bytes that a forward pass must touch: inputs, parameters and outputs, each once."""
    return itemsize * (samples * (sizes[0] + sizes[-1]) + _parameters(sizes))
