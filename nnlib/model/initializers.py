"""Initial weights. Biases start at zero."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks.values import check_finite, known_name, numbers, shown

Array = NDArray[Any]
Initializer = Callable[[np.random.Generator, int, int], Array]


def glorot_uniform(generator: np.random.Generator, d_in: int, d_out: int) -> Array:
    """W ~ U(−r, r), r = √(6/(d_in + d_out)).

    Source: X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward
    neural networks", AISTATS 2010, equation 16. Returns W of shape (d_out, d_in).

    >>> glorot_uniform(np.random.default_rng(0), 2, 1).shape
    (1, 2)
    """
    limit = math.sqrt(6 / (d_in + d_out))
    return generator.uniform(-limit, limit, (d_out, d_in))


def glorot_normal(generator: np.random.Generator, d_in: int, d_out: int) -> Array:
    """W ~ N(0, 2/(d_in + d_out)); the same source, equation 12. Returns W (d_out, d_in).

    >>> glorot_normal(np.random.default_rng(0), 2, 1).shape
    (1, 2)
    """
    return generator.normal(0, math.sqrt(2 / (d_in + d_out)), (d_out, d_in))


def he_uniform(generator: np.random.Generator, d_in: int, d_out: int) -> Array:
    """W ~ U(−r, r), r = √(6/d_in); the variance of `he_normal`. Returns W (d_out, d_in).

    >>> he_uniform(np.random.default_rng(0), 2, 1).shape
    (1, 2)
    """
    limit = math.sqrt(6 / d_in)
    return generator.uniform(-limit, limit, (d_out, d_in))


def he_normal(generator: np.random.Generator, d_in: int, d_out: int) -> Array:
    """W ~ N(0, 2/d_in).

    Source: K. He et al., "Delving deep into rectifiers", ICCV 2015, equation 10. Returns W of
    shape (d_out, d_in).

    >>> he_normal(np.random.default_rng(0), 2, 1).shape
    (1, 2)
    """
    return generator.normal(0, math.sqrt(2 / d_in), (d_out, d_in))


def lecun_uniform(generator: np.random.Generator, d_in: int, d_out: int) -> Array:
    """W ~ U(−r, r), r = √(3/d_in); the variance of `lecun_normal`. Returns W (d_out, d_in).

    >>> lecun_uniform(np.random.default_rng(0), 2, 1).shape
    (1, 2)
    """
    limit = math.sqrt(3 / d_in)
    return generator.uniform(-limit, limit, (d_out, d_in))


def lecun_normal(generator: np.random.Generator, d_in: int, d_out: int) -> Array:
    """W ~ N(0, 1/d_in).

    Source: Y. LeCun et al., "Efficient backprop", 1998, section 4.6. Returns W (d_out, d_in).

    >>> lecun_normal(np.random.default_rng(0), 2, 1).shape
    (1, 2)
    """
    return generator.normal(0, math.sqrt(1 / d_in), (d_out, d_in))


def orthogonal(generator: np.random.Generator, d_in: int, d_out: int) -> Array:
    """W with orthonormal rows or columns, whichever are fewer, uniform among such matrices.

    Q of the QR decomposition of a normal matrix, its signs made those of R's diagonal. Source:
    A. Saxe et al., "Exact solutions to the nonlinear dynamics of learning", ICLR 2014. Returns
    W of shape (d_out, d_in).

    >>> W = orthogonal(np.random.default_rng(0), 3, 2)
    >>> (W @ W.T).round(12) + 0.0
    array([[1., 0.],
           [0., 1.]])
    """
    tall = generator.normal(size=(max(d_in, d_out), min(d_in, d_out)))
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diagonal(r))
    return q if d_out >= d_in else q.T


def zeros(generator: np.random.Generator, d_in: int, d_out: int) -> Array:
    """W = 0, of shape (d_out, d_in). Hidden units that start equal stay equal.

    >>> zeros(np.random.default_rng(0), 2, 1)
    array([[0., 0.]])
    """
    return np.zeros((d_out, d_in))


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
_DEFAULTS = dict.fromkeys(["relu", "leaky_relu", "elu", "gelu", "silu", "softplus"], "he_uniform")


def initialize(
    weights: Sequence[Array],
    biases: Sequence[Array],
    activations: Sequence[str],
    initializer: Any,
    generator: np.random.Generator,
) -> None:
    """Fill weights and biases in place: by name, by activation (None), or from (W, b) pairs."""
    if initializer is None or isinstance(initializer, str):
        for weight, bias, activation in zip(weights, biases, activations, strict=True):
            default = _DEFAULTS.get(activation, "glorot_uniform")
            name = default if initializer is None else initializer
            known_name("initializer", name, INITIALIZERS)
            weight[...] = INITIALIZERS[name](generator, weight.shape[1], weight.shape[0])
            bias[...] = 0
    else:
        copy_pairs(weights, biases, initializer)


def copy_pairs(weights: Sequence[Array], biases: Sequence[Array], pairs: Any) -> None:
    """Copy the user's (W, b) of every layer after checking all of them."""
    wanted = f"a name, None, or {len(weights)} pairs (W, b)"
    if not isinstance(pairs, Sequence):
        raise TypeError(f"initializer must be {wanted}; got {shown(pairs)}")
    if len(pairs) != len(weights) or not all(
        isinstance(pair, Sequence) and len(pair) == 2 for pair in pairs
    ):
        raise ValueError(f"initializer has {len(pairs)} elements, wanted {wanted}")
    checked = []
    for layer, (pair, weight, bias) in enumerate(zip(pairs, weights, biases, strict=True)):
        for name, value, target in zip("Wb", pair, (weight, bias), strict=True):
            argument = f"initializer[{layer}] ({name})"
            array = numbers(argument, value, target.dtype)
            if array.shape != target.shape:
                raise ValueError(f"{argument} has shape {array.shape}, wanted {target.shape}")
            check_finite(argument, array)
            checked.append((target, array))
    for target, array in checked:
        target[...] = array
