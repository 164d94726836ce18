"""The parameters of recurrent layers in the layouts of Keras and PyTorch, as NumPy arrays.

Keras has transposed matrices, and the two biases of a GRU as rows of one array. PyTorch has the
gates of a GRU in the order r, z, n in place of z, r, h, and two biases that all kinds add up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..checks.names import hint
from ..checks.values import check_finite, numbers, shown
from .layer import Layer
from .shaped import Array

# The activations of PyTorch's layers of the same kind.
_TORCH = {
    "SimpleRNN": [("tanh", "identity"), ("relu", "identity")],
    "GRU": [("tanh", "sigmoid")],
    "LSTM": [("tanh", "sigmoid")],
}
_KERAS_NAMES = ("kernel", "recurrent_kernel", "bias")


class ConvertedLayer(Layer):
    """A recurrent layer whose parameters come from Keras and PyTorch, and go there."""

    activation: str
    recurrent_activation: str
    use_bias: bool

    def keras_weights(self) -> list[Array]:
        """The parameters as ``get_weights()`` of Keras' layer gives them and ``set_weights`` takes.

        Returns
        -------
        list of ndarray
            The kernel Wᵀ (features, gates · units), the recurrent kernel Uᵀ (units, gates · units)
            and, with `use_bias`, the bias: (gates · units,), of a GRU (2, 3 units), b then c.
            Copies.

        Examples
        --------
        >>> from nnlib import Network, layers
        >>> gru = layers.GRU(4)
        >>> net = Network([layers.Input((None, 3)), gru])
        >>> [array.shape for array in gru.keras_weights()]
        [(3, 12), (4, 12), (2, 12)]
        """
        own = self.weights
        found = [own["weight"].T.copy(), own["recurrent_weight"].T.copy()]
        biases = [own[name] for name in ("bias", "recurrent_bias") if name in own]
        if biases:
            found.append(np.stack(biases) if len(biases) > 1 else biases[0].copy())
        return found

    def set_keras_weights(self, arrays: Sequence[ArrayLike]) -> None:
        """Take the parameters that ``get_weights()`` of Keras' layer gives.

        The layer of Keras' must have the same units, activations and `use_bias`.

        Parameters
        ----------
        arrays : sequence of array_like
            As `keras_weights` gives them.

        Raises
        ------
        TypeError, ValueError
            For anything else, before a parameter is written.

        Examples
        --------
        >>> from nnlib import Network, layers
        >>> lstm = layers.LSTM(1)
        >>> net = Network([layers.Input((None, 1)), lstm])
        >>> lstm.set_keras_weights([[[1, 2, 3, 4]], [[5, 6, 7, 8]], [0, 1, 0, 0]])
        >>> net.parameters
        array([1., 2., 3., 4., 0., 1., 0., 0., 5., 6., 7., 8.])
        """
        wanted = self.keras_weights()
        if isinstance(arrays, Mapping) or len(arrays) != len(wanted):
            raise ValueError(
                f"arrays must be a list of {len(wanted)} arrays, "
                f"{', '.join(_KERAS_NAMES[: len(wanted)])}; got {shown(arrays)}"
            )
        checked = [
            _checked(f"arrays[{k}], the {_KERAS_NAMES[k]},", array, wanted[k])
            for k, array in enumerate(arrays)
        ]
        own = self.weights
        own["weight"][:], own["recurrent_weight"][:] = checked[0].T, checked[1].T
        if "recurrent_bias" in own:
            own["bias"][:], own["recurrent_bias"][:] = checked[2]
        elif "bias" in own:
            own["bias"][:] = checked[2]

    def torch_weights(self, suffix: str = "l0") -> dict[str, Array]:
        """The parameters by the names in the ``state_dict()`` of PyTorch's layer.

        Parameters
        ----------
        suffix : str
            Which layer of PyTorch's module it is: "l1" of the second one, "l0_reverse" of the one
            that goes backwards.

        Returns
        -------
        dict of ndarray
            ``weight_ih_l0`` W (gates · units, features), ``weight_hh_l0`` U (gates · units, units)
            and, with `use_bias`, ``bias_ih_l0`` and ``bias_hh_l0`` (gates · units,); the second
            one is 0 but for a GRU. Copies.

        Raises
        ------
        ValueError
            If PyTorch's layer has other activations.

        Examples
        --------
        >>> from nnlib import Network, layers
        >>> lstm = layers.LSTM(4)
        >>> net = Network([layers.Input((None, 3)), lstm])
        >>> {name: array.shape for name, array in lstm.torch_weights().items()}["weight_ih_l0"]
        (16, 3)
        """
        self._check_torch_activations()
        own = {name: self._torch_order(array) for name, array in self.weights.items()}
        found = {
            f"weight_ih_{suffix}": own["weight"],
            f"weight_hh_{suffix}": own["recurrent_weight"],
        }
        if "bias" in own:
            found[f"bias_ih_{suffix}"] = own["bias"]
            found[f"bias_hh_{suffix}"] = own.get("recurrent_bias", np.zeros_like(own["bias"]))
        return found

    def set_torch_weights(self, state: Mapping[str, ArrayLike], suffix: str = "l0") -> None:
        """Take the parameters of PyTorch's layer by their names in its ``state_dict()``.

        Parameters
        ----------
        state : dict
            As `torch_weights` gives it; it may have other entries too.
        suffix : str
            As for `torch_weights`.

        Raises
        ------
        TypeError, ValueError
            For anything else, before a parameter is written.

        Examples
        --------
        >>> from nnlib import Network, layers
        >>> rnn = layers.SimpleRNN(1)
        >>> net = Network([layers.Input((None, 1)), rnn])
        >>> state = {"weight_ih_l0": [[1]], "weight_hh_l0": [[2]], "bias_ih_l0": [3]}
        >>> rnn.set_torch_weights({**state, "bias_hh_l0": [4]})
        >>> net.parameters
        array([1., 7., 2.])
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"state must be a dict as of state_dict(); got {shown(state)}")
        wanted = self.torch_weights(suffix)
        for name in wanted:
            if name not in state:
                raise ValueError(
                    f"state has no {name!r}, wanted {', '.join(wanted)}"
                    f"{hint('entry', name, tuple(map(str, state)))}"
                )
        if not self.use_bias and f"bias_ih_{suffix}" in state:
            raise ValueError(f"state has a bias, and {self!r} has none: use_bias=True takes it")
        checked = {
            name: self._torch_order(_checked(f"state[{name!r}]", state[name], like))
            for name, like in wanted.items()
        }
        own = self.weights
        own["weight"][:] = checked[f"weight_ih_{suffix}"]
        own["recurrent_weight"][:] = checked[f"weight_hh_{suffix}"]
        if "recurrent_bias" in own:
            own["bias"][:] = checked[f"bias_ih_{suffix}"]
            own["recurrent_bias"][:] = checked[f"bias_hh_{suffix}"]
        elif "bias" in own:
            own["bias"][:] = checked[f"bias_ih_{suffix}"] + checked[f"bias_hh_{suffix}"]

    def _torch_order(self, array: Array) -> Array:
        """A copy with the gates in PyTorch's order, or back: GRUs have the first two exchanged."""
        if type(self).__name__ != "GRU":
            return array.copy()
        first, second, third = np.split(array, 3)
        return np.concatenate([second, first, third])

    def _check_torch_activations(self) -> None:
        known = _TORCH[type(self).__name__]
        if (self.activation, self.recurrent_activation) not in known:
            raise ValueError(
                f"{self!r} has the activations {self.activation!r} and "
                f"{self.recurrent_activation!r}, and PyTorch's layer "
                f"{' or '.join(' and '.join(map(repr, pair)) for pair in known)}"
            )


def _checked(argument: str, values: ArrayLike, like: Array) -> Array:
    """The values as an array of this shape and dtype."""
    array = numbers(argument, values, like.dtype)
    if array.shape != like.shape:
        raise ValueError(f"{argument} has shape {array.shape}, wanted {like.shape}")
    check_finite(argument, array)
    return array
