"""What a network computes: F, J and derJ."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import values as checks
from ..checks.examples import Examples, counted
from ..checks.feature_names import check_feature_names
from ..checks.names import hinted
from ..checks.sparse import is_sparse
from ..checks.values import (
    REDUCTIONS,
    check_finite,
    examples,
    known_name,
    numbers,
    on_gpu,
    on_host,
    shaped_rows,
)
from ..data.source import Source
from ..kernels.network import evaluate
from ..kernels.network.blocks import memory_of
from ..kernels.network.cut import block_lanes
from ..kernels.network.linking import Use
from . import ports
from .array_readings import ArrayReading, reading_found
from .evaluation import outputs
from .knowledge import Known, NetworkKnowledge
from .labelled import read_positions, with_class_numbers
from .over_source import check_alone, outputs_over, refuse_source, sums_over
from .sequence_rows import comes_by_port, wrapped
from .sparse_input import sparse_rows
from .whole_numbers import check_ranges

Array = NDArray[Any]


class NetworkFunction(NetworkKnowledge):
    """The function of a `Network`, its cost and its gradient; everything but the descent."""

    def F(
        self, X: ArrayLike, lengths: ArrayLike | None = None, mask: ArrayLike | None = None
    ) -> Any:
        """Outputs of the network, F(x) = a^[L]; probabilities where the last layer is softmax.

        Parameters
        ----------
        X : array_like, shape (n, d_1)
            Or one example, shape (d_1,). Where d_1 = 1 also a bare number or shape (n,).
            Where Dense layers alone read the network's input also a sparse matrix of SciPy's.
            Where the network's one input is sequences, also a list of arrays of different lengths.
            Also a source of `nnlib.data`, whose parts are read one after the other.
        lengths : array_like of int, shape (n,), or None
            How many steps of each sequence count, from the first one on, from 1 to those of X; for
            networks of which a layer reads masks. What stands behind them changes no bit. X may
            also be a `sequences.Padded` or `sequences.Masked`.
        mask : array_like, shape (n, time), or None
            Or which steps count: those where it is not 0. An example may have none, and its
            recurrent layers give their initial state.

        Returns
        -------
        ndarray, shape (n, d_L)
            Shape (d_L,) for one example. Where d_1 = d_L = 1 it has the shape of X: a number
            for a number. A network with one output and several inputs gives (n, 1), and NumPy
            makes ``net.F(X) - y`` (n, n) if y is (n,): write ``net.F(X).ravel() - y``.

        Raises
        ------
        TypeError, ValueError
            If X or the parameters are not finite real numbers, or X has another shape; for lengths
            beyond the steps of X or below 1, or if no layer reads masks.

        Examples
        --------
        >>> import nnlib
        >>> net = nnlib.Network([2, 1], "heaviside", initializer=[([[1, -2]], [1])])
        >>> net.F([[3, 2], [2, 2]])
        array([[1.],
               [0.]])
        """
        # Every look at an attribute of this class takes 25 ns, a call for one example 2 µs.
        architecture, parameters, device = self._architecture, self._parameters, self._device
        d_in, d_out, dtype = architecture.d_in, architecture.d_out, parameters.dtype
        if architecture.has_ports or lengths is not None or mask is not None:
            if lengths is None and mask is None and type(X) is np.ndarray:
                reading = architecture.linked.readings.get(X.shape[1:])
                if reading is not None and len(X) and X.dtype.kind == "f" and device == "cpu":
                    return self._outputs_of_read(X, reading)
            return self._outputs_by_port(wrapped(X, lengths, mask))
        if device == "cuda" and on_gpu(X):
            from ..cuda.arrays import gpu_rows

            return self._outputs_on_gpu(gpu_rows("X", X, d_in, dtype)).reshape(-1, d_out)
        if type(X) is not np.ndarray:
            if self._feature_names is not None:
                check_feature_names("X", X, self._feature_names)
            if comes_by_port(architecture, X):
                return self._outputs_by_port(X)
            if isinstance(X, Source):
                return outputs_over(self, X)
            if is_sparse(X):
                return self.outputs_of(sparse_rows(architecture, device, X, dtype))
        array = numbers("X", X, dtype)
        shape: tuple[int, ...] = (len(array), d_out) if array.ndim else (d_out,)
        if array.ndim < 2:
            if d_in == 1:
                shape = array.shape if d_out == 1 else (*array.shape, d_out)
            elif array.shape == (d_in,):
                array, shape = array.reshape(1, -1), (d_out,)
        array = shaped_rows("X", array, d_in)
        if architecture.ranges:
            check_ranges(architecture.ranges, array)
        out = np.empty(len(array) * d_out, dtype)
        if device == "cuda":
            self._outputs_by_gpu(out, array)
        elif not outputs(out, architecture, parameters, array):
            check_finite("X", array)
            check_finite("parameters", parameters)
        return out.reshape(shape) if shape else float(out[0])

    def _outputs_by_port(self, X: Any) -> Any:
        """F of a network with several inputs or outputs, or values of several axes."""
        own = self._architecture
        if isinstance(X, Source):
            return ports.split_outputs(own, outputs_over(self, X))
        if is_sparse(X):
            rows: Array = sparse_rows(own, self._device, X, self._dtype)
        else:
            images = own.takes_images and self._device == "cpu"
            rows = ports.input_rows(own, X, self._dtype, images)
            if type(X) is np.ndarray:
                own.linked.readings[X.shape[1:]] = reading_found(own, X, rows)
        return ports.split_outputs(own.reading(rows), self.outputs_of(rows))

    def _outputs_of_read(self, X: Array, reading: ArrayReading) -> Array:
        """F of an array of a shape that has been read before, on the CPU."""
        array = numbers("X", X, self._dtype)
        rows, parameters = reading.rows(array), self._parameters
        out = np.empty((len(rows), *reading.shape), parameters.dtype)
        if not outputs(out.reshape(-1), reading.own, parameters, rows):
            check_finite("X", array)
            check_finite("parameters", parameters)
        return out

    def outputs_of(self, rows: Any) -> Array:
        """F of checked examples (n, d_1), on the host or on the GPU, as an array (n, d_L).

        Examples
        --------
        >>> import nnlib
        >>> net = nnlib.Network([2, 1], "heaviside", initializer=[([[1, -2]], [1])])
        >>> net.outputs_of(np.array([[3.0, 2.0]]))
        array([[1.]])
        """
        own = self._architecture.reading(rows)
        if on_gpu(rows):
            return on_host(self._outputs_on_gpu(rows)).reshape(-1, own.d_out)
        out = np.empty(len(rows) * own.d_out, self._dtype)
        self._check_parameters()
        if self._device == "cuda":
            self._outputs_by_gpu(out, rows)
        else:
            outputs(out, own, self._parameters, rows)
        return out.reshape(len(rows), -1)

    def _outputs_by_gpu(self, out: Array, X: Array) -> None:
        """out (n · d_L,) ← F(X), both on the host."""
        from ..cuda import function

        check_finite("X", X)
        self._check_parameters()
        own = self._architecture.reading(X)
        function.outputs_of_rows(out, own.table, self._parameters, own.units, X)

    def _outputs_on_gpu(self, X: Any) -> Any:
        """F(X) (n · d_L,) as an array on the GPU."""
        from ..cuda import function

        self._check_parameters()
        own = self._architecture.reading(X)
        return function.outputs(own.table, self._parameters, own.units, X)

    @hinted
    def J(
        self,
        X: Any,
        y: ArrayLike | None = None,
        reduction: str = "mean",
        weight_decay: float = 0.0,
        sample_weight: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        mask: ArrayLike | None = None,
    ) -> float:
        """Cost over a data set: J = Σ v_i J(x_i, y_i) / Σ v_i + (λ/2) Σ w².

        Parameters
        ----------
        X : array_like, shape (n, d_1)
            Or, without y, a sequence of (x, y) pairs. With y also a sparse matrix, as for `F`.
            A source of `nnlib.data` has y and weights of its own.
        y : array_like, shape (n, d_L)
            Or (n,) where d_L = 1. For losses of softmax, as ``softmax_cross_entropy``, also (n,)
            classes from 0 to d_L − 1.
        reduction : {"mean", "sum"}
            ``sum`` leaves out the factor 1/Σ v_i, as the lecture's programs do.
        weight_decay : float
            λ; weights count, biases do not.
        sample_weight : array_like, shape (n,), or None
            v_i ≥ 0, not all 0. None: all 1, so that J is the mean (1/n) Σ J(x_i, y_i).
        lengths, mask
            As for `F`.

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
        X = wrapped(X, lengths, mask)
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
        flat: bool = False,
        lengths: ArrayLike | None = None,
        mask: ArrayLike | None = None,
    ) -> tuple[list[Array], list[Array]] | Array:
        """Gradient of `J` by back-propagation.

        δ^[L] = ∂J/∂a^[L] ⊙ f'(z^[L]);  δ^[ℓ] = (W^[ℓ]ᵀ δ^[ℓ+1]) ⊙ f'(z^[ℓ]);
        ∇W^[ℓ] = δ^[ℓ+1] (a^[ℓ])ᵀ;  ∇b^[ℓ] = δ^[ℓ+1].

        Parameters
        ----------
        X, y, reduction, weight_decay, sample_weight
            As for `J`.
        flat : bool
            Give one vector, in the order of `parameters`.
        lengths, mask
            As for `F`.

        Returns
        -------
        tuple of (list of ndarray, list of ndarray), or ndarray of shape (size,) if `flat`
            ∂J/∂W of shape (d_out, d_in) and ∂J/∂b of shape (d_out,), one per layer that has them.
            Frozen layers have theirs too, as it is J's gradient, not a descent's.

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
        X = wrapped(X, lengths, mask)
        _, gradient = self._pass(X, y, reduction, weight_decay, sample_weight, train=True)
        if flat:
            return gradient
        own = self._architecture
        return own.named("weight", gradient), own.named("bias", gradient)

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
        mean = known_name("reduction", reduction, REDUCTIONS) == "mean"
        decay = checks.real_number("weight_decay", weight_decay)
        self._check_parameters()
        if isinstance(X, Source):
            check_alone(y=y, sample_weight=sample_weight)
            total, gradient, count = sums_over(self, examples_for, X, train)
        else:
            inputs, targets = examples_for(self, X, y)
            count = len(inputs)
            weights = checks.example_weights(sample_weight, len(inputs), self._dtype, mean)
            gradient = np.empty(self._parameters.size if train else 0, self._dtype)
            total = self.sum_over(gradient, counted(Examples(inputs, targets, weights)))
        if mean:
            total /= count
            gradient /= count
        if decay:
            squares = (np.sum(np.square(weight, dtype=np.float64)) for weight in self.weights)
            total += 0.5 * decay * float(sum(squares))
        if decay and train:
            parts = self._architecture.named("weight", gradient)
            for part, weight in zip(parts, self.weights, strict=True):
                part += decay * weight
        return total, gradient

    def sum_over(self, gradient: Array, given: Examples) -> float:
        """Σ v J over checked examples; gradient ← Σ v ∇J, unless it is empty.

        Examples
        --------
        >>> import nnlib
        >>> net, none = nnlib.Network([1, 1], "identity", initializer="zeros"), np.empty(0)
        >>> net.sum_over(none, Examples(np.ones((2, 1)), np.ones((2, 1)), none))
        1.0
        """
        X, y, weights = given.X, given.y, given.weights
        own = self._architecture.reading(X)
        units = own.units
        if self._device == "cuda":
            from ..cuda import function

            table, code = own.training_table, own.loss_code
            return function.total_cost(table, self._parameters, units, code, given, gradient)
        (n, d_in), train = X.shape, gradient.size > 0
        lanes = block_lanes(n, units, d_in, self._dtype.itemsize, own.convolves)
        linked, rows = own.linked.get((lanes == 1, train, self._dtype.itemsize)), X.reshape(-1)
        if X.dtype != self._dtype:
            use = Use(self._dtype, lanes == 1, cost=True, train=train)
            linked, rows = own.image_table(use), memory_of(X, self._dtype)
        elif linked is None:
            linked = own.cost_table(self._dtype, lanes == 1, train)
        return evaluate.cost(
            gradient,
            rows,
            y.reshape(-1),
            weights,
            linked,
            self._parameters,
            np.empty(units * lanes, self._dtype),
            np.empty(units * lanes if train else 0, self._dtype),
            np.empty(d_in * lanes, self._dtype),
            np.empty((own.d_out + 1) * lanes, self._dtype),
            lanes,
            train,
        )


def examples_for(
    network: NetworkKnowledge, X: Any, y: Any, known: Known | None = None, images: bool = True
) -> tuple[Any, Any]:
    """Checked X (n, d_1) and y (n, d_L) for a network, on the GPU if they came from there.

    known are the labels that y may hold and the names of X's columns; None: the network's own.
    If `images`, X of uint8 stays as it is where the network can take it.
    """
    own = network.architecture
    classes, names = network.known if known is None else known
    refuse_source(X)
    if names is not None:
        check_feature_names("X", X, names)
    y = read_positions(own, y)
    if classes is not None:
        X, y = with_class_numbers(own, X, ports.lone_targets(own, y), classes, network.dtype)
    images = images and own.takes_images and network.device == "cpu"
    if is_sparse(X):
        X = sparse_rows(own, network.device, X, network.dtype)
    if comes_by_port(own, X):
        return ports.port_examples(own, X, y, network.dtype, images)
    shape = own.d_in, own.d_out, network.dtype, own.loss_family
    if network.device == "cuda" and (on_gpu(X) or on_gpu(y)):
        from ..cuda.arrays import gpu_examples

        return gpu_examples(X, y, *shape)
    X, y = examples(X, y, *shape, images)
    check_ranges(own.ranges, X)
    return X, y
