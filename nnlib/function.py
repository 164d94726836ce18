"""What a network computes: its parameters, F, J and derJ."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from . import validation as checks
from .architecture import activation_names, check_output, output_rows, training_rows
from .device import chosen_device
from .examples import Examples, counted
from .initializers import initialize
from .kernels import evaluate, losses
from .kernels.operations import block_lanes, build_table
from .kernels.team import disband
from .layer_arrays import LayerArrays
from .names import NearNames, hinted
from .options import REDUCTIONS
from .threads import Team, usable_threads
from .training_lock import TrainingLock
from .validation import check_finite, examples, known_name, numbers, on_gpu, shaped_rows

Array = NDArray[Any]

# F runs on a team from this many multiplications on, about 0.4 ms: to start a team takes 0.1 ms.
TEAM_WORK = 20_000_000
# What an activation takes, in multiplications of a matrix product.
UNIT_WORK = 30
# Of a seed that is drawn: it fits an int64.
_SEED_BITS = 63
# For a call by one thread.
_NO_BOARD = np.zeros(0, np.int64)


class NetworkFunction(NearNames):
    """The function of a `Network`, its cost and its gradient; everything but the descent."""

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
        sequence = np.random.SeedSequence(self._seed)
        initial, order = sequence.spawn(2)
        self._generator = order.generate_state(4, np.uint64)
        initialize(
            self.weights,
            self.biases,
            self._activations,
            initializer,
            np.random.default_rng(initial),
        )

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

    def F(self, X: ArrayLike) -> Any:
        """Outputs of the network, F(x) = a^[L]; probabilities where the last layer is softmax.

        Parameters
        ----------
        X : array_like, shape (n, d_1)
            Or one example, shape (d_1,). Where d_1 = 1 also a bare number or shape (n,).

        Returns
        -------
        ndarray, shape (n, d_L)
            Shape (d_L,) for one example. Where d_1 = d_L = 1 it has the shape of X: a number
            for a number. A network with one output and several inputs gives (n, 1), and NumPy
            makes ``net.F(X) - y`` (n, n) if y is (n,): write ``net.F(X).ravel() - y``.

        Raises
        ------
        TypeError, ValueError
            If X or the parameters are not finite real numbers, or X has another shape.

        Examples
        --------
        >>> import nnlib
        >>> net = nnlib.Network([2, 1], "heaviside", initializer=[([[1, -2]], [1])])
        >>> net.F([[3, 2], [2, 2]])
        array([[1.],
               [0.]])
        """
        d_in, d_out = self._sizes[0], self._sizes[-1]
        if self._device == "cuda" and on_gpu(X):
            from .cuda_arrays import gpu_rows

            return self._outputs_on_gpu(gpu_rows("X", X, d_in, self._dtype)).reshape(-1, d_out)
        array = numbers("X", X, self._dtype)
        shape: tuple[int, ...] = (len(array), d_out) if array.ndim else (d_out,)
        if array.ndim < 2:
            if d_in == 1:
                shape = array.shape if d_out == 1 else (*array.shape, d_out)
            elif array.shape == (d_in,):
                array, shape = array.reshape(1, -1), (d_out,)
        array = shaped_rows("X", array, d_in)
        out = np.empty(len(array) * d_out, self._dtype)
        self._outputs(out, array)
        return out.reshape(shape) if shape else float(out[0])

    def _outputs(self, out: Array, X: Array) -> None:
        """out (n · d_L,) ← F(X), by as many threads as are worth their start."""
        if self._device == "cuda":
            from . import cuda_function

            check_finite("X", X)
            self._check_parameters()
            table = self._output_table
            cuda_function.outputs_of_rows(out, table, self._parameters, self._units, X)
            return
        n, d_in = X.shape
        lanes = self._lanes(n)
        work = n * (self._parameters.size + UNIT_WORK * self._units)
        members = usable_threads(-(-n // lanes)) if work > TEAM_WORK else 1
        call = functools.partial(
            evaluate.outputs,
            out,
            X.reshape(-1),
            self._output_table,
            self._parameters,
            np.empty(members * (self._units + d_in) * lanes, self._dtype),
            lanes,
        )
        if members == 1:
            met = call(_NO_BOARD, 0, 1)
        else:
            team = Team()
            try:
                team.hire(members - 1, lambda member: call(team.board, member, members))
                met = call(team.board, 0, members)
            finally:
                disband(team.board)
            team.check()
        if met != evaluate.FINITE:
            check_finite("X", X)
            check_finite("parameters", self._parameters)

    def _outputs_on_gpu(self, X: Any) -> Any:
        """F(X) (n · d_L,) as an array on the GPU."""
        from . import cuda_function

        self._check_parameters()
        return cuda_function.outputs(self._output_table, self._parameters, self._units, X)

    @hinted
    def J(
        self,
        X: Any,
        y: ArrayLike | None = None,
        reduction: str = "mean",
        weight_decay: float = 0.0,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Cost over a data set: J = Σ v_i J(x_i, y_i) / Σ v_i + (λ/2) Σ w².

        Parameters
        ----------
        X : array_like, shape (n, d_1)
            Or, without y, a sequence of (x, y) pairs.
        y : array_like, shape (n, d_L)
            Or (n,) where d_L = 1. For the loss ``softmax_cross_entropy`` also (n,) classes
            from 0 to d_L − 1.
        reduction : {"mean", "sum"}
            ``sum`` leaves out the factor 1/Σ v_i, as the lecture's programs do.
        weight_decay : float
            λ; weights count, biases do not.
        sample_weight : array_like, shape (n,), or None
            v_i ≥ 0, not all 0. None: all 1, so that J is the mean (1/n) Σ J(x_i, y_i).

        Returns
        -------
        float

        Raises
        ------
        TypeError, ValueError
            For data of another form, or not finite.

        Examples
        --------
        >>> import nnlib
        >>> net = nnlib.Network([1, 1], "identity", initializer="zeros")
        >>> net.J([(0, 1), (1, 3)])
        2.5
        """
        total, _ = self._pass(X, y, reduction, weight_decay, sample_weight, train=False)
        return total

    @hinted
    def derJ(
        self,
        X: Any,
        y: ArrayLike | None = None,
        reduction: str = "mean",
        weight_decay: float = 0.0,
        sample_weight: ArrayLike | None = None,
    ) -> tuple[list[Array], list[Array]]:
        """Gradient of `J` by back-propagation.

        δ^[L] = ∂J/∂a^[L] ⊙ f'(z^[L]);  δ^[ℓ] = (W^[ℓ]ᵀ δ^[ℓ+1]) ⊙ f'(z^[ℓ]);
        ∇W^[ℓ] = δ^[ℓ+1] (a^[ℓ])ᵀ;  ∇b^[ℓ] = δ^[ℓ+1].

        Parameters
        ----------
        X, y, reduction, weight_decay, sample_weight
            As for `J`.

        Returns
        -------
        tuple of (list of ndarray, list of ndarray)
            ∂J/∂W of shape (d_out, d_in) and ∂J/∂b of shape (d_out,), one per layer.

        Raises
        ------
        TypeError, ValueError
            As for `J`.

        Examples
        --------
        >>> import nnlib
        >>> net = nnlib.Network([1, 1], "identity", initializer="zeros")
        >>> net.derJ([(0, 1), (1, 3)])
        ([array([[-1.5]])], [array([-2.])])
        """
        _, gradient = self._pass(X, y, reduction, weight_decay, sample_weight, train=True)
        views = self._views(gradient)
        return [weight for weight, _ in views], [bias for _, bias in views]

    def _pass(
        self,
        X: Any,
        y: ArrayLike | None,
        reduction: str,
        weight_decay: float,
        sample_weight: ArrayLike | None,
        train: bool,
    ) -> tuple[float, Array]:
        """J and, if `train`, its gradient as a flat vector, else an empty one.

        Scratch is made anew for every call, so that threads may share a network that they do not
        train.
        """
        inputs, targets = self._examples(X, y)
        mean = known_name("reduction", reduction, REDUCTIONS) == "mean"
        decay = checks.real_number("weight_decay", weight_decay)
        weights = checks.example_weights(sample_weight, len(inputs), self._dtype, mean)
        self._check_parameters()
        gradient = np.empty(self._parameters.size if train else 0, self._dtype)
        given = counted(Examples(inputs, targets, weights))
        total = self._sum(gradient, given.X, given.y, weights)
        if mean:
            total /= len(inputs)
            gradient /= len(inputs)
        if decay:
            squares = (np.sum(np.square(weight, dtype=np.float64)) for weight in self.weights)
            total += 0.5 * decay * float(sum(squares))
        if decay and train:
            for (part, _), weight in zip(self._views(gradient), self.weights, strict=True):
                part += decay * weight
        return total, gradient

    def _sum(self, gradient: Array, X: Any, y: Any, weights: Array) -> float:
        """Σ v J over checked examples; gradient ← Σ v ∇J, unless it is empty."""
        code = losses.CODES[self._loss]
        if self._device == "cuda":
            from . import cuda_function

            return cuda_function.total_cost(
                self._table, self._parameters, self._units, code, X, y, weights, gradient
            )
        lanes, train = self._lanes(len(X)), gradient.size > 0
        d_in, d_out = self._sizes[0], self._sizes[-1]
        return evaluate.cost(
            gradient,
            X.reshape(-1),
            y.reshape(-1),
            weights,
            self._table,
            self._parameters,
            np.empty(self._units * lanes, self._dtype),
            np.empty(self._units * lanes if train else 0, self._dtype),
            np.empty(d_in * lanes, self._dtype),
            np.empty((d_out + 1) * lanes, self._dtype),
            lanes,
            code,
            train,
        )

    def _examples(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Checked X (n, d_1) and y (n, d_L), on the GPU if they came from there."""
        shape = self._sizes[0], self._sizes[-1], self._dtype, self._loss
        if self._device == "cuda" and (on_gpu(X) or on_gpu(y)):
            from .cuda_arrays import gpu_examples

            return gpu_examples(X, y, *shape)
        return examples(X, y, *shape)

    def _views(self, flat: Array) -> list[tuple[Array, Array]]:
        """(W, b) of each layer as views of a vector laid out like `parameters`."""
        views, start = [], 0
        for d_in, d_out in zip(self._sizes, self._sizes[1:], strict=False):
            middle = start + d_in * d_out
            views.append((flat[start:middle].reshape(d_out, d_in), flat[middle : middle + d_out]))
            start = middle + d_out
        return views

    def _lanes(self, n: int) -> int:
        """Samples of a block of n."""
        return block_lanes(n, self._units, self._sizes[0], self._dtype.itemsize)

    def _check_parameters(self) -> None:
        if not evaluate.all_finite(self._parameters):
            check_finite("parameters", self._parameters)
