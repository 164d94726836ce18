"""Network: sizes, parameters, F, J and derJ."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from . import validation as checks
from .architecture import activation_names, check_output, output_rows, training_rows
from .descent import Descent, Examples, OptimizerState
from .history import History, Report
from .initializers import initialize
from .kernels import evaluate, losses
from .kernels.operations import block_lanes, build_table
from .optimizers import Optimizer
from .options import REDUCTIONS, Options
from .schedules import Schedule
from .validation import (
    check_finite,
    example_weights,
    examples,
    known_name,
    numbers,
    real_number,
    rows,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[Any]

_NO_ORDER = np.empty(0, np.int64)


class Network:
    """A feed-forward network of dense layers, trained by gradient descent in compiled code.

    a^[1] = x;  z^[ℓ+1] = W^[ℓ] a^[ℓ] + b^[ℓ];  a^[ℓ+1] = f(z^[ℓ+1]);  F(x) = a^[L].

    Parameters
    ----------
    sizes : list of int
        Units of each layer, d_1 (inputs) to d_L (outputs).
    activation : str or list of str
        One name for every layer, or one per layer after the input: ``identity``, ``sigmoid``,
        ``tanh``, ``relu``, ``leaky_relu`` (slope 0.01), ``elu`` (α = 1), ``gelu`` (tanh form),
        ``silu``, ``softplus``, ``heaviside``; on the output layer also ``softmax``.
    loss : str
        J(x, y) of one example, with e = F(x) − y, the sum over the outputs of
        ``half_squared_error`` ½e²; ``absolute_error`` |e|; ``huber`` ½e², but |e| − ½ for
        |e| > 1; ``log_cosh`` ln cosh e; ``poisson`` e^F − y F, F the logarithm of the rate,
        y ≥ 0; ``binary_cross_entropy`` −y ln p − (1 − y) ln(1 − p), 0 ≤ y ≤ 1;
        ``softmax_cross_entropy`` −Σ y ln p, y a class from 0 on or a row of probabilities.
        The last two are computed from the logits: with the output activation ``sigmoid``
        (``softmax``) F returns the probabilities p, with ``identity`` the logits.
    dtype : str or dtype
        ``float64`` or ``float32``, of parameters and arithmetic.
    seed : int or None
        Decides the initial weights and the order of mini-batches; None draws a fresh one.
    initializer : str, list of (W, b), or None
        ``glorot_uniform``, ``glorot_normal``, ``he_uniform``, ``he_normal``, ``zeros``, or the
        arrays themselves. None: ``he_uniform`` for relu layers, ``glorot_uniform`` for others.

    Raises
    ------
    TypeError, ValueError
        For any argument that is not of this form, before anything is allocated.

    Examples
    --------
    The lecture's network with seven coefficients:

    >>> import nnlib
    >>> start = [([[0], [0]], [1, -1]), ([[1, 1]], [-1])]
    >>> net = nnlib.Network([1, 2, 1], activation="sigmoid", initializer=start)
    >>> net
    Network([1, 2, 1], activation='sigmoid', loss='half_squared_error', dtype='float64', seed=0)
    >>> round(net.F(0.0), 6)
    0.5
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str | Sequence[str] = "sigmoid",
        loss: str = "half_squared_error",
        dtype: DTypeLike = "float64",
        seed: int | None = 0,
        initializer: Any = None,
    ) -> None:
        self._sizes = checks.layer_sizes(sizes)
        self._activations = activation_names(activation, len(self._sizes) - 1)
        self._loss = known_name("loss", loss, losses.CODES)
        check_output(self._activations, self._loss, self._sizes[-1])
        self._dtype = checks.floating_dtype(dtype)
        self._seed = None if seed is None else checks.whole_number("seed", seed, 0)
        layers = training_rows(self._sizes, self._activations, self._loss)
        self._table = build_table(layers)
        self._output_table = build_table(output_rows(self._sizes, self._activations))
        self._units = layers[-1].end
        self._parameters = np.zeros(layers[-1].parameters + layers[-1].size, self._dtype)
        sequence = np.random.SeedSequence(self._seed)
        initial, order = sequence.spawn(2)
        self._generator = order.generate_state(4, np.uint64)
        self._memory: OptimizerState | None = None
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
    def parameters(self) -> Array:
        """The flat vector W^[1], b^[1], W^[2], b^[2], …, each W row by row; writable in place."""
        return self._parameters

    @parameters.setter
    def parameters(self, values: ArrayLike) -> None:
        array = numbers("parameters", values, self._dtype)
        if array.shape != self._parameters.shape:
            raise ValueError(f"parameters has shape {array.shape}, wanted {self._parameters.shape}")
        check_finite("parameters", array)
        self._parameters[:] = array

    @property
    def weights(self) -> list[Array]:
        """W of each layer, shape (d_out, d_in): writable views of `parameters`."""
        return [weight for weight, _ in self._views(self._parameters)]

    @property
    def biases(self) -> list[Array]:
        """b of each layer, shape (d_out,): writable views of `parameters`."""
        return [bias for _, bias in self._views(self._parameters)]

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
            for a number.

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
        array = numbers("X", X, self._dtype)
        shape: tuple[int, ...] = (len(array), d_out) if array.ndim else (d_out,)
        if array.ndim < 2:
            if d_in == 1:
                shape = array.shape if d_out == 1 else (*array.shape, d_out)
            elif array.shape == (d_in,):
                array, shape = array.reshape(1, -1), (d_out,)
        array = rows("X", array, d_in)
        self._check_parameters()
        n = len(array)
        out = np.empty(n * d_out, self._dtype)
        lanes = block_lanes(n, self._units, d_in, self._dtype.itemsize)
        evaluate.outputs(
            out,
            array.reshape(-1),
            _NO_ORDER,
            self._output_table,
            self._parameters,
            np.empty(self._units * lanes, self._dtype),
            np.empty(d_in * lanes, self._dtype),
            lanes,
        )
        return out.reshape(shape) if shape else float(out[0])

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
        X, y = examples(X, y, self._sizes[0], self._sizes[-1], self._dtype, self._loss)
        mean = known_name("reduction", reduction, REDUCTIONS) == "mean"
        decay = real_number("weight_decay", weight_decay)
        weights = example_weights(sample_weight, len(X), self._dtype, mean)
        self._check_parameters()
        lanes, activation_buffer, block, targets = self._scratch(len(X))
        total = evaluate.cost(
            X.reshape(-1), y.reshape(-1), weights, _NO_ORDER, self._table, self._parameters,
            activation_buffer, block, targets, lanes, losses.CODES[self._loss],
        )  # fmt: skip
        if mean:
            total /= len(X)
        if decay:
            total += 0.5 * decay * evaluate.weight_norm(self._table, self._parameters)
        return float(total)

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
        X, y = examples(X, y, self._sizes[0], self._sizes[-1], self._dtype, self._loss)
        mean = known_name("reduction", reduction, REDUCTIONS) == "mean"
        decay = real_number("weight_decay", weight_decay)
        weights = example_weights(sample_weight, len(X), self._dtype, mean)
        self._check_parameters()
        lanes, activation_buffer, block, targets = self._scratch(len(X))
        gradient = np.empty_like(self._parameters)
        evaluate.gradient(
            gradient, X.reshape(-1), y.reshape(-1), weights, _NO_ORDER, self._table,
            self._parameters, activation_buffer, np.empty_like(activation_buffer), block, targets,
            lanes, losses.CODES[self._loss], 1 / len(X) if mean else 1.0, decay,
        )  # fmt: skip
        views = self._views(gradient)
        return [weight for weight, _ in views], [bias for _, bias in views]

    def descent(
        self,
        X: Any,
        y: ArrayLike | None = None,
        *,
        optimizer: str | Optimizer = "sgd",
        learning_rate: float | Schedule | None = None,
        epochs: int = 1000,
        reduction: str = "mean",
        weight_decay: float = 0.0,
        l1: float = 0.0,
        max_norm: float | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        batch_size: int | None = None,
        shuffle: bool = True,
        seed: int | None = None,
        sample_weight: ArrayLike | None = None,
        validation: Any = None,
        patience: int | None = None,
        tolerance: float = 0.0,
        target_cost: float | None = None,
        max_seconds: float | None = None,
        callback: Callable[[Report], Any] | None = None,
        callback_epochs: int | None = None,
        partial: bool = False,
        progress: bool | None = None,
    ) -> History:
        """Gradient descent: W ← W − α((1/n) dW + λ W), b ← b − α (1/n) db, `epochs` times.

        `parameters` is written in place; it never holds part of an epoch once the call has ended,
        however it ended. The result has the same bits for any number of threads.

        Parameters
        ----------
        X, y
            As for `J`.
        optimizer : str or Optimizer
            ``sgd``, ``momentum``, ``nesterov``, ``rmsprop``, ``adagrad``, ``adam``, ``adamw``,
            ``rprop``, or an object of `nnlib.optimizers` with its settings.
        learning_rate : float, Schedule or None
            α > 0, a number or a schedule of `nnlib.schedules`; None is the optimizer's default.
        epochs : int
            Passes over the data.
        reduction : {"mean", "sum"}
            ``sum`` leaves out the factor 1/n, as the lecture's programs do; for mini-batches n
            is the number of examples in the batch.
        weight_decay, l1 : float
            λ of (λ/2) Σ w² and λ₁ of λ₁ Σ |w|, on weights, not on biases.
        max_norm : float or None
            Largest norm of a unit's incoming weights, after every step.
        clip_norm, clip_value : float or None
            Largest norm of the gradient, largest size of each of its elements (before the norm).
        batch_size : int or None
            Examples per step; None: all of them.
        shuffle : bool
            Draw a new order of the examples for every epoch; matters for mini-batches only.
        seed : int or None
            Of that order and of a validation split; None goes on with the network's own generator.
        sample_weight : array_like, shape (n,), or None
            As for `J`.
        validation : (X, y), float or None
            Examples to watch, or the fraction of the examples to split off for that. The network
            ends with the parameters that had the lowest cost on them.
        patience : int or None
            Stop after so many epochs without progress: no cost lower than the best by more than
            `tolerance`; the validation cost, if there is one.
        tolerance : float
            See patience.
        target_cost : float or None
            Stop when J is at most this.
        max_seconds : float or None
            Stop after this time, at the end of an epoch.
        callback : callable or None
            Called with a `Report` about every 50 ms of work, at an epoch's end; the descent
            stops if it returns True.
        callback_epochs : int or None
            Call it after every so many epochs instead.
        partial : bool
            Go on with what the optimizer remembers from the network's last descent.
        progress : bool or None
            Show a bar on standard error. None: if that is a terminal and tqdm is installed.

        Returns
        -------
        History

        Raises
        ------
        TypeError, ValueError
            For any argument that is not of this form, before any work.
        DivergenceError
            If the cost becomes NaN or infinite; the network then holds the last parameters whose
            cost was finite.
        KeyboardInterrupt
            On Ctrl-C, within a few tens of ms; the network then holds the last completed epoch.

        Examples
        --------
        >>> import nnlib
        >>> net = nnlib.Network([1, 1], "identity")
        >>> history = net.descent([0, 1, 2], [1, 3, 5], learning_rate=0.3, epochs=300)
        >>> net.weights[0].round(3), net.biases[0].round(3)
        (array([[2.]]), array([1.]))
        """
        options = Options(
            optimizer=optimizer,
            learning_rate=learning_rate,
            epochs=epochs,
            reduction=reduction,
            weight_decay=weight_decay,
            l1=l1,
            max_norm=max_norm,
            clip_norm=clip_norm,
            clip_value=clip_value,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            validation=validation,
            patience=patience,
            tolerance=tolerance,
            target_cost=target_cost,
            max_seconds=max_seconds,
            callback=callback,
            callback_epochs=callback_epochs,
            partial=partial,
            progress=progress,
        )
        X, y = examples(X, y, self._sizes[0], self._sizes[-1], self._dtype, self._loss)
        weights = example_weights(sample_weight, len(X), self._dtype, options.mean)
        train, held_out = self._split(Examples(X, y, weights), options)
        if options.batch_size is not None:
            rest = " (after the validation split)" if held_out else ""
            options.batch_size = checks.whole_number(
                f"batch_size{rest}", options.batch_size, 1, len(train.X)
            )
        self._check_parameters()
        memory = self._optimizer_memory(options)
        generator = self._generator
        if options.seed is not None:
            generator = np.random.SeedSequence(options.seed).generate_state(4, np.uint64)
        descent = Descent(
            self._table,
            self._parameters,
            self._units,
            losses.CODES[self._loss],
            generator,
            train,
            held_out,
            options,
            memory,
        )
        try:
            return descent.run()
        finally:
            self._memory = descent.memory()

    def _split(self, given: Examples, options: Options) -> tuple[Examples, Examples | None]:
        """Training and validation examples: given apart, split off at random, or none."""
        n = len(given.X)
        if options.validation is None:
            return given, None
        if isinstance(options.validation, tuple) and len(options.validation) == 2:
            try:
                X, y = examples(
                    *options.validation, self._sizes[0], self._sizes[-1], self._dtype, self._loss
                )
            except (TypeError, ValueError) as error:
                raise type(error)(f"validation: {error}") from None
            return given, Examples(X, y, np.empty(0, self._dtype))
        fraction = real_number("validation", options.validation, above=0)
        held_out = round(fraction * n)
        if not 0 < held_out < n:
            raise ValueError(
                f"validation is {fraction:g}, wanted a pair (X, y) or a fraction that leaves at "
                f"least one of {n} examples on either side"
            )
        seed = options.seed if options.seed is not None else self._seed
        order = np.random.default_rng(seed).permutation(n)
        return given.part(np.sort(order[held_out:])), given.part(np.sort(order[:held_out]))

    def _optimizer_memory(self, options: Options) -> OptimizerState | None:
        """What the optimizer remembers, if it is to go on."""
        if not options.partial or self._memory is None:
            return None
        if self._memory.optimizer != options.optimizer:
            raise ValueError(
                f"partial=True goes on with {self._memory.optimizer}, the optimizer of the last "
                f"descent; got optimizer={options.optimizer}"
            )
        return self._memory

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to a safetensors file, from which `nnlib.load` makes an equal one.

        A file that is already there is replaced as a whole or, if anything fails, not at all.

        Parameters
        ----------
        path : str or PathLike
            Of the file; its folder must exist.

        Raises
        ------
        ValueError
            If the parameters are not finite.
        OSError
            If the disk is full, the folder missing or read-only, and so on.
        ImportError
            If safetensors is missing.

        Examples
        --------
        >>> import nnlib
        >>> from tempfile import TemporaryDirectory
        >>> net = nnlib.Network([1, 2, 1])
        >>> with TemporaryDirectory() as folder:
        ...     net.save(f"{folder}/model.safetensors")
        ...     nnlib.load(f"{folder}/model.safetensors").F(0.5) == net.F(0.5)
        True
        """
        from .saving import save

        save(self, path)

    def show(self, X: Any, y: ArrayLike | None = None, *, ax: Axes | None = None) -> Axes:
        """The lecture's figure: the data as red or blue dots and the curve F over them.

        Parameters
        ----------
        X, y
            As for `J`; d_1 = d_L = 1.
        ax : matplotlib Axes or None
            Where to draw; None makes a new figure.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ValueError
            If the network has more than one input or output.
        ImportError
            If matplotlib is missing.

        Examples
        --------
        >>> import nnlib
        >>> net = nnlib.Network([1, 2, 1])
        >>> net.show([0, 1, 2], [0.2, 1, 0.2])  # doctest: +SKIP
        """
        from .plot import show

        return show(self, X, y, ax=ax)

    def __repr__(self) -> str:
        names = self._activations
        activation = names[0] if len(set(names)) == 1 else list(names)
        return (
            f"Network({list(self._sizes)}, activation={activation!r}, loss={self._loss!r}, "
            f"dtype={self._dtype.name!r}, seed={self._seed})"
        )

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

    def _scratch(self, n: int) -> tuple[int, Array, Array, Array]:
        """Lanes of a block and the buffers for activations, inputs and targets.

        Made anew for every call, so that threads may share a network that they do not train.
        """
        d_in, d_out = self._sizes[0], self._sizes[-1]
        lanes = block_lanes(n, self._units, d_in, self._dtype.itemsize)
        return (
            lanes,
            np.empty(self._units * lanes, self._dtype),
            np.empty(d_in * lanes, self._dtype),
            np.empty((d_out + 1) * lanes, self._dtype),
        )
