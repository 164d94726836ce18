"""What a network consists of: its architecture, and its parameters as one vector."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..activations import Custom
from ..checks import values as checks
from ..checks.names import NearNames
from ..checks.values import check_finite, numbers
from ..kernels.network import evaluate
from ..layers import Layer
from ..losses import Loss
from .architecture import Architecture
from .description import Description
from .device import device_for
from .graph import rebuilt_layers
from .initializers import initialize
from .layer_arrays import LayerArrays
from .rows import Training
from .training_lock import TrainingLock

Array = NDArray[Any]

# Of a seed that is drawn: it fits an int64.
_SEED_BITS = 63


class NetworkState(NamedTuple):
    """What a network is besides its architecture, see `NetworkParameters.state`."""

    parameters: Array  # shape (size,)
    seed: int | None  # None: not known
    generator: Array  # four uint64 words


def check_generator(argument: str, words: Any) -> None:
    """Refuse what is no state of a random generator: from zeros it draws nothing but zeros.

    >>> check_generator("generator", np.zeros(4, np.uint64))
    Traceback (most recent call last):
    ...
    ValueError: generator is all 0, wanted four words of uint64, not all 0
    """
    wanted = "four words of uint64, not all 0"
    if not isinstance(words, np.ndarray) or words.dtype != np.uint64:
        raise TypeError(f"{argument} is {checks.shown(words)}, wanted {wanted}")
    if words.shape != (4,):
        raise ValueError(f"{argument} has shape {words.shape}, wanted {wanted}")
    if not words.any():
        raise ValueError(f"{argument} is all 0, wanted {wanted}")


class NetworkParameters(NearNames):
    """The architecture and the parameters of a `Network`; what it computes comes on top."""

    def __init__(
        self,
        described: Description,
        dtype: DTypeLike = "float64",
        seed: int | None = 0,
        initializer: Any = None,
        device: str = "cpu",
    ) -> None:
        self._training = TrainingLock()
        self._dtype = checks.floating_dtype(dtype)
        self._architecture, self._layers = described.architecture(self._dtype.itemsize)
        self._seed_known = seed is not None
        self._seed: int | None = (
            secrets.randbits(_SEED_BITS) if seed is None else checks.seed_number("seed", seed)
        )
        self._device = device_for(self._architecture, device)
        self._parameters = np.zeros(self._architecture.size, self._dtype)
        generator = np.random.default_rng(self._begin(self._seed))
        initialize(self._architecture, self._parameters, initializer, generator)
        if self._layers is not None:
            self._layers = self._own(self._layers)

    def _begin(self, seed: int | None) -> np.random.SeedSequence:
        """Generator and masks of dropout as the seed decides them; returns that of the weights."""
        initial, order = np.random.SeedSequence(seed).spawn(2)
        self._generator = order.generate_state(4, np.uint64)
        # Masks are drawn from the number of the step, so that going on draws new ones.
        self._dropout_seed = int(self._generator[0] >> np.uint64(1))
        return initial

    def state(self) -> NetworkState:
        """Parameters, random generator and seed: all that decides how the network goes on.

        The parameters are a view, the generator is a copy.

        Raises
        ------
        ValueError
            If the parameters are not finite.

        Examples
        --------
        >>> import nnlib
        >>> net, twin = nnlib.Network([1, 2, 1], seed=3), nnlib.Network([1, 2, 1])
        >>> twin.restore(*net.state())
        >>> twin.seed, bool((twin.parameters == net.parameters).all())
        (3, True)
        """
        self._check_parameters()
        return NetworkState(self.parameters, self._seed, self._generator.copy())

    def restore(
        self, parameters: ArrayLike, seed: int | None, generator: Array | None = None
    ) -> None:
        """Take over the `state` of a network of the same architecture.

        Parameters
        ----------
        parameters : array_like, shape (size,)
            Copied; finite numbers.
        seed : int or None
            None: from now on the seed is not known.
        generator : ndarray of uint64, shape (4,), or None
            Not all 0. None: as the seed decides.

        Raises
        ------
        TypeError, ValueError
            If one of them is not of this form; the network then stays as it was.
        RuntimeError
            While a descent trains the network.

        Examples
        --------
        >>> import nnlib
        >>> net = nnlib.Network([1, 1])
        >>> net.restore([2.0, 3.0], seed=5)
        >>> net.parameters, net.seed
        (array([2., 3.]), 5)
        """
        self._training.check("its state cannot be set")
        given = numbers("parameters", parameters, self._dtype)
        if given.shape != self._parameters.shape:
            raise ValueError(f"parameters has shape {given.shape}, wanted {self._parameters.shape}")
        check_finite("parameters", given)
        if generator is not None:
            check_generator("generator", generator)
        if seed is not None:
            self._begin(seed)
        self._parameters[:] = given
        self._seed, self._seed_known = seed, seed is not None
        if generator is not None:
            self._generator[:] = generator

    @property
    def architecture(self) -> Architecture:
        """Layers and loss, and what follows from them: shapes, tables, number of parameters."""
        return self._architecture

    @property
    def sizes(self) -> tuple[Any, ...]:
        """Units of each layer, d_1 … d_L; None where the length of sequences decides."""
        return self._architecture.sizes

    @property
    def activations(self) -> tuple[str | Custom, ...]:
        """Each layer's activation, a name or the user's own; the input layer left out."""
        return self._architecture.activations

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, each once, in the order in which `parameters` has theirs.

        Examples
        --------
        >>> import nnlib
        >>> net = nnlib.Network([1, 2, 1])
        >>> net.layers
        (Dense('dense'), Dense('dense_1'))
        >>> net.layers[1].trainable = False
        """
        if self._layers is None:
            self._layers = rebuilt_layers(self._architecture.graph)
        if any(layer.owner is not self for layer in self._layers):  # also after a copy
            self._layers = self._own(self._layers)
        return self._layers

    def _own(self, layers: Sequence[Layer]) -> tuple[Layer, ...]:
        """The layers as this network's: those of another network are copied."""
        return tuple(layer.belonging(self, number) for number, layer in enumerate(layers))

    def layer_arrays(self, number: int) -> dict[str, Array]:
        """The arrays of a layer by name: writable views of `parameters`, as `weights`.

        Examples
        --------
        >>> import nnlib
        >>> nnlib.Network([1, 1], initializer="zeros").layer_arrays(0)
        {'weight': array([[0.]]), 'bias': array([0.])}
        """
        return self._architecture.arrays(self.parameters)[number]

    def train_like(self, other: NetworkParameters) -> None:
        """Treat each layer in a descent as another network of this architecture does.

        Examples
        --------
        >>> import nnlib
        >>> net, other = nnlib.Network([1, 1]), nnlib.Network([1, 1], trainable=[False])
        >>> net.train_like(other)
        >>> net.layers[0].trainable
        False
        """
        for own, given in zip(self.layers, other.layers, strict=True):
            own.trainable = given.trainable
            own.rate_factor, own.decay_factor = given.rate_factor, given.decay_factor

    def layer_training(self) -> list[Training]:
        """How a descent treats each layer; empty: all as usual.

        Examples
        --------
        >>> import nnlib
        >>> nnlib.Network([1, 1], trainable=[False]).layer_training()
        [Training(trainable=False, rate_factor=1.0, decay_factor=1.0, cut=0)]
        """
        return [
            Training(layer.trainable, layer.rate_factor, layer.decay_factor)
            for layer in self._layers or ()
        ]

    def descent_architecture(
        self, dropout: Sequence[float] | None, tbptt: int | None = None
    ) -> Architecture:
        """The architecture as a descent sees it: dropout, tbptt, and what its layers say.

        Examples
        --------
        >>> import nnlib
        >>> nnlib.Network([1, 2, 1]).descent_architecture([0.5]).dropout
        (0.5,)
        """
        training = [own._replace(cut=tbptt or 0) for own in self.layer_training()]
        return self._architecture.for_descent(dropout, training)

    @property
    def loss(self) -> str | Loss | tuple[str | Loss, ...]:
        """The loss: a name, or the object of `nnlib.losses` for one with settings.

        A tuple of them where there are several outputs.
        """
        own = self._architecture.losses
        return own[0] if len(own) == 1 else own

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
        self._device = device_for(self._architecture, device)
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
        """W of each layer that has one, of a dense layer (d_out, d_in): views of `parameters`.

        `net.weights[l] = W` writes the numbers of W into the view.
        """
        return LayerArrays("weights", self._architecture.named("weight", self.parameters))

    @property
    def biases(self) -> LayerArrays:
        """b of each layer that has one, shape (d_out,): views of `parameters`, as `weights`."""
        return LayerArrays("biases", self._architecture.named("bias", self.parameters))

    def _check_parameters(self) -> None:
        if not evaluate.all_finite(self._parameters):
            check_finite("parameters", self._parameters)
