"""What a network consists of: its architecture, and its parameters as one vector."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..checks import values as checks
from ..checks.names import NearNames
from ..checks.values import check_finite, known_name, numbers
from ..kernels.formulas import losses
from ..kernels.layers.operations import build_table
from ..kernels.network import evaluate
from ..machine.device import chosen_device
from .architecture import activation_names, check_output, output_rows, training_rows
from .initializers import initialize
from .layer_arrays import LayerArrays
from .linked_tables import LinkedTables
from .training_lock import TrainingLock

Array = NDArray[Any]

# Of a seed that is drawn: it fits an int64.
_SEED_BITS = 63


class NetworkParameters(NearNames):
    """The architecture and the parameters of a `Network`; what it computes comes on top."""

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str | Sequence[str] = "sigmoid",
        loss: str = "half_squared_error",
        dtype: DTypeLike = "float64",
        seed: int | None = 0,
        initializer: Any = None,
        device: str = "cpu",
    ) -> None:
        self._training = TrainingLock()
        self._linked = LinkedTables()
        self._sizes = checks.layer_sizes(sizes)
        self._activations = activation_names(activation, len(self._sizes) - 1)
        self._loss = known_name("loss", loss, losses.CODES)
        check_output(self._activations, self._loss, self._sizes[-1])
        self._dtype = checks.floating_dtype(dtype)
        checks.check_size(self._sizes, self._dtype)
        self._seed_known = seed is not None
        self._seed: int | None = (
            secrets.randbits(_SEED_BITS) if seed is None else checks.seed_number("seed", seed)
        )
        self._device = chosen_device(device)
        layers = training_rows(self._sizes, self._activations, self._loss)
        self._table = build_table(layers)
        self._output_table = build_table(output_rows(self._sizes, self._activations))
        self._units = layers[-1].end
        self._parameters = np.zeros(layers[-1].parameters + layers[-1].size, self._dtype)
        initialize(
            self.weights,
            self.biases,
            self._activations,
            initializer,
            np.random.default_rng(self._begin(self._seed)),
        )

    def _begin(self, seed: int | None) -> np.random.SeedSequence:
        """Generator and masks of dropout as the seed decides them; returns that of the weights."""
        initial, order = np.random.SeedSequence(seed).spawn(2)
        self._generator = order.generate_state(4, np.uint64)
        # Masks are drawn from the number of the step, so that going on draws new ones.
        self._dropout_seed = int(self._generator[0] >> np.uint64(1))
        return initial

    def _of_seed(self, seed: int | None) -> None:
        """Be as if made with this seed, of any length; None: it is not known."""
        self._seed, self._seed_known = seed, seed is not None
        if seed is not None:
            self._begin(seed)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of each layer, d_1 … d_L."""
        return self._sizes

    @property
    def activations(self) -> tuple[str, ...]:
        """Name of each layer's activation, the input layer left out."""
        return self._activations

    @property
    def loss(self) -> str:
        """Name of the loss."""
        return self._loss

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64."""
        return self._dtype

    @property
    def seed(self) -> int | None:
        """What decided the initial weights: given, or drawn where None was given.

        None where the network comes from a file that does not tell it.

        Examples
        --------
        >>> import nnlib
        >>> net = nnlib.Network([1, 2, 1], seed=None)
        >>> same = nnlib.Network([1, 2, 1], seed=net.seed)
        >>> bool((same.parameters == net.parameters).all())
        True
        """
        return self._seed

    @property
    def device(self) -> str:
        """Where the network computes, "cpu" or "cuda"."""
        return self._device

    def to(self, device: str) -> Self:
        """Compute there from now on: "cpu", "cuda", or "auto": on a GPU if there is one.

        The parameters stay on the host; every call takes them along, and a descent brings them
        back.

        Raises
        ------
        ValueError
            For another name.
        DeviceError
            If "cuda" cannot be used; the message says what is missing.
        RuntimeError
            While a descent trains the network.

        Returns
        -------
        Network
            Itself.

        Examples
        --------
        >>> import nnlib
        >>> nnlib.Network([1, 2, 1]).to("cpu").device
        'cpu'
        """
        self._training.check("it cannot change its device")
        self._device = chosen_device(device)
        return self

    @property
    def parameters(self) -> Array:
        """The flat vector W^[1], b^[1], W^[2], b^[2], …, each W row by row; writable in place.

        While a descent trains the network, for a callback or another thread, it is read-only.
        """
        # A new view each time: it cannot be resized, and another shape or dtype is its own.
        return self._training.guarded(self._parameters[:])

    @parameters.setter
    def parameters(self, values: ArrayLike) -> None:
        array = numbers("parameters", values, self._dtype)
        if array.shape != self._parameters.shape:
            raise ValueError(f"parameters has shape {array.shape}, wanted {self._parameters.shape}")
        check_finite("parameters", array)
        self._training.check("its parameters cannot be set")
        self._parameters[:] = array

    @property
    def weights(self) -> LayerArrays:
        """W of each layer, shape (d_out, d_in): writable views of `parameters`.

        `net.weights[l] = W` writes the numbers of W into the view.
        """
        return LayerArrays("weights", [weight for weight, _ in self._views(self.parameters)])

    @property
    def biases(self) -> LayerArrays:
        """b of each layer, shape (d_out,): writable views of `parameters`, as `weights`."""
        return LayerArrays("biases", [bias for _, bias in self._views(self.parameters)])

    def _views(self, flat: Array) -> list[tuple[Array, Array]]:
        """(W, b) of each layer as views of a vector laid out like `parameters`."""
        views, start = [], 0
        for d_in, d_out in zip(self._sizes, self._sizes[1:], strict=False):
            middle = start + d_in * d_out
            views.append((flat[start:middle].reshape(d_out, d_in), flat[middle : middle + d_out]))
            start = middle + d_out
        return views

    def _check_parameters(self) -> None:
        if not evaluate.all_finite(self._parameters):
            check_finite("parameters", self._parameters)
