"""Initial weights. Biases start at zero.

Every initializer draws the weights of one layer, an array of the given shape. The fans of the layer
say how many values a unit sums up and to how many units a value goes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks.values import check_finite, known_name, numbers, shown
from ..layers.shaped import Fans
from .architecture import Architecture

Array = NDArray[Any]
Shape = tuple[int, ...]
Initializer = Callable[[np.random.Generator, Shape, Fans], Array]


def glorot_uniform(generator: np.random.Generator, shape: Shape, fans: Fans) -> Array:
    """W ~ U(−r, r), r = √(6/(fan_in + fan_out)).

    Source: X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward
    neural networks", AISTATS 2010, equation 16.

    >>> glorot_uniform(np.random.default_rng(0), (1, 2), Fans(2, 1)).shape
    (1, 2)
    """
    limit = math.sqrt(6 / (fans.fan_in + fans.fan_out))
    return generator.uniform(-limit, limit, shape)


def glorot_normal(generator: np.random.Generator, shape: Shape, fans: Fans) -> Array:
    """W ~ N(0, 2/(fan_in + fan_out)); the same source, equation 12.

    >>> glorot_normal(np.random.default_rng(0), (1, 2), Fans(2, 1)).shape
    (1, 2)
    """
    return generator.normal(0, math.sqrt(2 / (fans.fan_in + fans.fan_out)), shape)


def he_uniform(generator: np.random.Generator, shape: Shape, fans: Fans) -> Array:
    """W ~ U(−r, r), r = √(6/fan_in); the variance of `he_normal`.

    >>> he_uniform(np.random.default_rng(0), (1, 2), Fans(2, 1)).shape
    (1, 2)
    """
    limit = math.sqrt(6 / fans.fan_in)
    return generator.uniform(-limit, limit, shape)


def he_normal(generator: np.random.Generator, shape: Shape, fans: Fans) -> Array:
    """W ~ N(0, 2/fan_in).

    Source: K. He et al., "Delving deep into rectifiers", ICCV 2015, equation 10.

    >>> he_normal(np.random.default_rng(0), (1, 2), Fans(2, 1)).shape
    (1, 2)
    """
    return generator.normal(0, math.sqrt(2 / fans.fan_in), shape)


def lecun_uniform(generator: np.random.Generator, shape: Shape, fans: Fans) -> Array:
    """W ~ U(−r, r), r = √(3/fan_in); the variance of `lecun_normal`.

    >>> lecun_uniform(np.random.default_rng(0), (1, 2), Fans(2, 1)).shape
    (1, 2)
    """
    limit = math.sqrt(3 / fans.fan_in)
    return generator.uniform(-limit, limit, shape)


def lecun_normal(generator: np.random.Generator, shape: Shape, fans: Fans) -> Array:
    """W ~ N(0, 1/fan_in).

    Source: Y. LeCun et al., "Efficient backprop", 1998, section 4.6.

    >>> lecun_normal(np.random.default_rng(0), (1, 2), Fans(2, 1)).shape
    (1, 2)
    """
    return generator.normal(0, math.sqrt(1 / fans.fan_in), shape)


def orthogonal(generator: np.random.Generator, shape: Shape, fans: Fans) -> Array:
    """W with orthonormal rows or columns, whichever are fewer, uniform among such matrices.

    Q of the QR decomposition of a normal matrix, its signs made those of R's diagonal. Source:
    A. Saxe et al., "Exact solutions to the nonlinear dynamics of learning", ICLR 2014.

    >>> W = orthogonal(np.random.default_rng(0), (2, 3), Fans(3, 2))
    >>> (W @ W.T).round(12) + 0.0
    array([[1., 0.],
           [0., 1.]])
    """
    tall = generator.normal(size=(max(shape), min(shape)))
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diagonal(r))
    rows, columns = shape
    return q if rows >= columns else q.T


def zeros(generator: np.random.Generator, shape: Shape, fans: Fans) -> Array:
    """W = 0. Hidden units that start equal stay equal.

    >>> zeros(np.random.default_rng(0), (1, 2), Fans(2, 1))
    array([[0., 0.]])
    """
    return np.zeros(shape)


INITIALIZERS: dict[str, Initializer] = {
    "glorot_uniform": glorot_uniform,
    "glorot_normal": glorot_normal,
    "he_uniform": he_uniform,
    "he_normal": he_normal,
    "lecun_uniform": lecun_uniform,
    "lecun_normal": lecun_normal,
    "orthogonal": orthogonal,
    "zeros": zeros,
}

# He's variance makes up for the half that the relu family cuts off; Glorot's suits the others.
_HALVED: tuple[object, ...] = ("relu", "leaky_relu", "elu", "gelu", "silu", "softplus")

# How the lecture writes the arrays of a dense layer.
_SYMBOLS = {"weight": "W", "bias": "b"}


def initialize(
    architecture: Architecture,
    parameters: Array,
    initializer: Any,
    generator: np.random.Generator,
) -> None:
    """Fill the parameters in place: by name, by activation (None), or from arrays."""
    if initializer is not None and not isinstance(initializer, str):
        copy_arrays(architecture.arrays(parameters), initializer)
        return
    if initializer is not None:
        known_name("initializer", initializer, INITIALIZERS)

    def draw(shape: Shape, fans: Fans, activation: object, own: str | None) -> Array:
        default = own or ("he_uniform" if activation in _HALVED else "glorot_uniform")
        return INITIALIZERS[initializer or default](generator, shape, fans)

    start = 0
    for layer in architecture.layers:
        layer.initialise(parameters[start : start + layer.size], draw)
        start += layer.size


def copy_arrays(layers: Sequence[Mapping[str, Array]], given: Any) -> None:
    """Copy the user's arrays of every layer that has any into the views after checking all.

    A dense layer has (W, b).
    """
    views = [own for own in layers if own]
    dense = all(tuple(own) == ("weight", "bias") for own in views)
    of_each = "pairs (W, b)" if dense else "tuples, one for each layer with parameters"
    wanted = f"a name, None, or {len(views)} {of_each}"
    if not isinstance(given, Sequence):
        raise TypeError(f"initializer must be {wanted}; got {shown(given)}")
    if len(given) != len(views) or not all(
        isinstance(arrays, Sequence) and len(arrays) == len(own)
        for arrays, own in zip(given, views, strict=True)
    ):
        raise ValueError(f"initializer has {len(given)} elements, wanted {wanted}")
    checked = []
    for layer, (arrays, own) in enumerate(zip(given, views, strict=True)):
        for (name, target), value in zip(own.items(), arrays, strict=True):
            argument = f"initializer[{layer}] ({_SYMBOLS.get(name, name)})"
            array = numbers(argument, value, target.dtype)
            if array.shape != target.shape:
                raise ValueError(f"{argument} has shape {array.shape}, wanted {target.shape}")
            check_finite(argument, array)
            checked.append((target, array))
    for target, array in checked:
        target[...] = array
