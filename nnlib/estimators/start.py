"""The network that a fit begins with: layers, output, and scikit-learn's initial weights."""

from __future__ import annotations

import copy
import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..layers import Dense, Input, Layer
from ..network import Network

Array = NDArray[Any]

# Seeds of networks are drawn below this.
_SEEDS = 2**31 - 1
# scikit-learn's names for activations of ours.
_OURS = {"logistic": "sigmoid"}


class Output(NamedTuple):
    """How a network ends."""

    name: str  # scikit-learn's, for `out_activation_`
    activation: str
    loss: Any


def hidden_layers(sizes: Any) -> list[Any]:
    """hidden_layer_sizes as a list, of whole numbers or of layers.

    Raises
    ------
    ValueError
        If a layer has no unit.

    Examples
    --------
    >>> hidden_layers((8, 4)), hidden_layers(100)
    ([8, 4], [100])
    """
    layers = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    if not is_stack(layers) and any(size <= 0 for size in layers):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {layers}.")
    return layers


def is_stack(layers: list[Any]) -> bool:
    """Whether the hidden layers are given as layers of `nnlib.layers`.

    >>> is_stack([8, 4]), is_stack([Dense(8, "relu")])
    (False, True)
    """
    return any(isinstance(layer, Layer) for layer in layers)


def new_network(
    estimator: Any, shape: tuple[int, int], output: Output, dtype: Any, random: Any
) -> Network:
    """The network of an estimator's parameters, for examples of so many features and outputs.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    shape : (int, int)
        Features and outputs.
    output : Output
    dtype : dtype
    random : numpy.random.RandomState
        The weights, and then a seed for the order of mini-batches, are drawn from it.

    Returns
    -------
    Network
    """
    features, outputs = shape
    hidden = hidden_layers(estimator.hidden_layer_sizes)
    if is_stack(hidden):
        # A layer belongs to one network: the parameter stays as it is.
        layers = [Input(features), *copy.deepcopy(hidden), Dense(outputs, output.activation)]
        return Network(
            layers, loss=output.loss, dtype=dtype, seed=next_word(random), device=estimator.device
        )
    sizes, names = sizes_and_activations(estimator, shape, output)
    weights = initial_weights(sizes, names[:-1], dtype, random)
    return Network(
        sizes,
        names,
        output.loss,
        dtype,
        seed=next_word(random),
        initializer=weights,
        device=estimator.device,
    )


def sizes_and_activations(
    estimator: Any, shape: tuple[int, int], output: Output
) -> tuple[list[int], list[Any]]:
    """Units of each layer, and the activation of each but the first, for a chain of dense layers.

    Raises
    ------
    ValueError
        If the hidden layers are a stack of `nnlib.layers`, or have not as many activations.

    Examples
    --------
    >>> from nnlib.estimators import MLPRegressor
    >>> output = Output("identity", "identity", "half_squared_error")
    >>> sizes_and_activations(MLPRegressor(hidden_layer_sizes=(8, 4)), (3, 1), output)
    ([3, 8, 4, 1], ['relu', 'relu', 'identity'])
    """
    hidden = hidden_layers(estimator.hidden_layer_sizes)
    if is_stack(hidden):
        raise ValueError("hidden_layer_sizes is a stack of layers, wanted numbers of units")
    names = _hidden_activations(estimator.activation, len(hidden))
    sizes = [shape[0], *(int(size) for size in hidden), shape[1]]
    return sizes, [*names, output.activation]


def next_word(random: Any) -> int:
    """A seed from the state of a generator, which stays as it is.

    The split of early stopping draws next, as in scikit-learn.

    >>> random = np.random.RandomState(0)
    >>> next_word(random) == next_word(random)
    True
    """
    _, words, place, *_ = random.get_state()
    return int(words[place % len(words)])


def draw_seeds(seed: int | None, count: int) -> list[int]:
    """Seeds of so many networks, from one.

    >>> len(set(draw_seeds(3, 5)))
    5
    """
    random = np.random.default_rng(seed)
    return [int(number) for number in random.choice(_SEEDS, count, replace=False)]


def _hidden_activations(activation: Any, layers: int) -> list[Any]:
    """The activation of each hidden layer, by our names."""
    given = list(activation) if isinstance(activation, (list, tuple)) else [activation] * layers
    if len(given) != layers:
        raise ValueError(
            f"activation has {len(given)} entries, wanted one for each of {layers} hidden layers"
        )
    return [_OURS.get(name, name) if isinstance(name, str) else name for name in given]


def initial_weights(
    sizes: list[int], names: list[Any], dtype: Any, random: Any
) -> list[tuple[Array, Array]]:
    """W and b of each layer, uniform between ±√(6/(fan in + fan out)), ±√(2/…) for the sigmoid.

    The draws come in scikit-learn's order and shape, so that the same random state gives the same
    weights as there. Source: X. Glorot and Y. Bengio, AISTATS 2010.

    Parameters
    ----------
    sizes : list of int
        Units of each layer, d_1 to d_L.
    names : list of str
        Activations of the hidden layers.
    dtype : dtype
    random : numpy.random.RandomState

    Returns
    -------
    list of (ndarray of shape (d_out, d_in), ndarray of shape (d_out,))

    Examples
    --------
    >>> weights = initial_weights([3, 2, 1], ["relu"], np.float64, np.random.RandomState(0))
    >>> [W.shape for W, b in weights]
    [(2, 3), (1, 2)]
    """
    weights = []
    for number, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        name = names[min(number, len(names) - 1)] if names else "identity"
        bound = math.sqrt((2.0 if name == "sigmoid" else 6.0) / (fan_in + fan_out))
        coefficients = random.uniform(-bound, bound, (fan_in, fan_out))
        intercepts = random.uniform(-bound, bound, fan_out)
        weights.append((np.asarray(coefficients.T, dtype), np.asarray(intercepts, dtype)))
    return weights
