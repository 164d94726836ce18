"""Network: what it computes, and its descent and files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import ArrayLike, DTypeLike

from .activations import Custom
from .checks.names import hinted
from .history import History, Report
from .model.arguments import dropout_probabilities
from .model.description import Description
from .network_training import GivenData, NetworkTraining
from .optimizers import Optimizer
from .schedules import Schedule
from .training.buffers import OptimizerState
from .training.contradictions import check_cuda, check_device, check_for, check_seed
from .training.options import Options


class Network(NetworkTraining):
    """A feed-forward network, trained by gradient descent in compiled code.

    Of dense layers one behind the other, a^[1] = x;  z^[ℓ+1] = W^[ℓ] a^[ℓ] + b^[ℓ];
    a^[ℓ+1] = f(z^[ℓ+1]);  F(x) = a^[L]; or any graph of the layers of `nnlib.layers`.

    Parameters
    ----------
    sizes : list of int, or list of layers
        Units of each dense layer, d_1 (inputs) to d_L (outputs); or layers of `nnlib.layers` one
        behind the other, beginning with an `Input`. Left out where inputs and outputs are given.
    activation : str, activations.Custom, or list of these
        One name for every layer, or one per layer after the input: ``identity``, ``sigmoid``,
        ``tanh``, ``relu``, ``leaky_relu`` (slope 0.01), ``elu`` (α = 1), ``gelu`` (tanh form),
        ``silu``, ``softplus``, ``heaviside``; on the output layer also ``softmax``. An
        `nnlib.activations.Custom` is a function of your own.
    loss : str or Loss
        J(x, y) of one example, with e = F(x) − y, the sum over the outputs of
        ``half_squared_error`` ½e²; ``absolute_error`` |e|; ``huber`` ½e², but |e| − ½ for
        |e| > 1; ``log_cosh`` ln cosh e; ``poisson`` e^F − y F, F the logarithm of the rate,
        y ≥ 0; ``hinge`` max(0, 1 − y F), y = ±1; ``binary_cross_entropy``
        −y ln p − (1 − y) ln(1 − p), 0 ≤ y ≤ 1; ``softmax_cross_entropy`` −Σ y ln p and
        ``kl_divergence`` Σ y (ln y − ln p), y a class from 0 on or a row of probabilities, of
        an output with several axes at each place of the others, as at each step of a sequence.
        The last three are computed from the logits: with the output activation ``sigmoid``
        (``softmax``) F returns the probabilities p, with ``identity`` the logits. Or an object
        of `nnlib.losses`, as ``Quantile(0.9)``, ``Focal(2)`` or a function of your own.
    dtype : str or dtype
        ``float64`` or ``float32``, of parameters and arithmetic.
    seed : int or None
        Decides the initial weights and the order of mini-batches, below 2⁶⁴; None draws one, which
        `seed` tells.
    initializer : str, list of (W, b), or None
        ``glorot_uniform``, ``glorot_normal``, ``he_uniform``, ``he_normal``, ``lecun_uniform``,
        ``lecun_normal``, ``orthogonal``, ``zeros``, or the arrays themselves. None:
        ``he_uniform`` for relu and its relatives, ``glorot_uniform`` for others.
    inputs : Input, list or dict of them
        Where examples come in, if the network is a graph.
    outputs : value of a layer, list or dict of them
        What F gives. Several inputs or outputs are lists or dicts in `F`, `J` and `descent` too.
    loss_weights : list or dict of float
        By what the losses of several outputs are multiplied in J, their sum; loss is then a list or
        a dict too, or one for all.
    trainable : bool, or list
        Which layers a descent changes: one for all, one for each, or the names of those; each
        layer's own ``trainable`` can be set at any time.
    device : {"cpu", "cuda", "auto"}
        Where it computes: "auto" is "cuda" where that can be used. On "cuda", X and y may lie on
        the GPU already (anything with ``__cuda_array_interface__``), and F then answers there.

    Raises
    ------
    TypeError, ValueError
        For any argument that is not of this form, before anything is allocated.
    DeviceError
        If device is "cuda" and that cannot be used; the message says what is missing.

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

    @hinted
    def __init__(
        self,
        sizes: Any = None,
        activation: str | Custom | Sequence[str | Custom] = "sigmoid",
        loss: Any = "half_squared_error",
        dtype: DTypeLike = "float64",
        seed: int | None = 0,
        initializer: Any = None,
        device: str = "cpu",
        *,
        inputs: Any = None,
        outputs: Any = None,
        loss_weights: Any = None,
        trainable: Any = None,
    ) -> None:
        described = Description(sizes, activation, loss, inputs, outputs, loss_weights, trainable)
        super().__init__(described, dtype, seed, initializer, device)
        self._memory: OptimizerState | None = None

    @hinted
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
        dropout: float | Sequence[float] | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        batch_size: int | None = None,
        shuffle: bool = True,
        shuffle_buffer: int | None = None,
        tbptt: int | None = None,
        seed: int | None = None,
        sample_weight: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        class_weight: Any = None,
        validation: Any = None,
        patience: int | None = None,
        tolerance: float = 0.0,
        target_cost: float | None = None,
        metrics: Any = None,
        monitor: str | None = None,
        max_seconds: float | None = None,
        callback: Callable[[Report], Any] | None = None,
        callback_epochs: int | None = None,
        partial: bool = False,
        progress: bool | None = None,
        compile: bool = False,
        precision: str | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_seconds: float = 30.0,
        resume: bool = False,
        cluster: Any = None,
    ) -> History:
        """Gradient descent: W ← W − α((1/n) dW + λ W), b ← b − α (1/n) db, `epochs` times.

        `parameters` is written in place. However the call ends, parameters, optimizer and random
        numbers are those of the same epoch's end, and none of them holds part of an epoch. The
        result has the same bits for any number of threads.

        Parameters
        ----------
        X, y
            As for `J`. Labels in y, as "cat", become the network's `classes` where it has none.
            With sparse X a step changes the rows of W that its batch has entries for, others make
            up for missed steps later: the trajectory of dense X but for rounding. All rows are
            stepped with max_norm, with l1 or weight_decay beside clipping or an optimizer that
            divides by a root (not AdamW's own decay), in batches of one example or of thousands.
            X may be a source of `nnlib.data`, without y: rows that do not fit into memory.
        optimizer : str or Optimizer
            ``sgd``, ``momentum``, ``nesterov``, ``rmsprop``, ``adagrad``, ``adam``, ``adamw``,
            ``rprop``, ``lbfgs``, ``levenberg_marquardt``, or an object of `nnlib.optimizers`
            with its settings. The last two take full batches and find their own steps; an epoch
            is an iteration of theirs, and the history counts the evaluations.
        learning_rate : float, Schedule or None
            α > 0, a number or a schedule of `nnlib.schedules`; None is the optimizer's default.
        epochs : int
            Passes over the data, at most 10⁸: the history takes up to 24 bytes an epoch.
        reduction : {"mean", "sum"}
            ``sum`` leaves out the factor 1/n, as the lecture's programs do; for mini-batches n
            is the number of examples in the batch.
        weight_decay, l1 : float
            λ of (λ/2) Σ w² and λ₁ of λ₁ Σ |w|, on weights, not on biases.
        max_norm : float or None
            Largest norm of a unit's incoming weights, after every step.
        dropout : float, list of float or None
            Probability with which a hidden unit's value is dropped in training, and the others
            divided by one minus it; one for all hidden layers or one for each.
        clip_norm, clip_value : float or None
            Largest norm of the gradient, largest size of each of its elements (before the norm).
        batch_size : int or None
            Examples per step; None: all of them. Data larger than a GPU's memory comes there a few
            batches at a time, of a size of which two fit.
        shuffle : bool
            Draw a new order of the examples for every epoch, where there are mini-batches. False
            also makes a fraction for validation the last examples, as a time series needs it.
        shuffle_buffer : int or None
            Of how many rows of a source the next is drawn; None: of 128 MiB. All rows are drawn
            from where that is as many as there are.
        tbptt : int or None
            Truncated back-propagation through time: states go on through the whole sequence, δ
            goes back within parts of so many steps. The optimizer makes one step a batch.
        seed : int or None
            Of that order and of a validation split; None: the network's own generator and seed.
        sample_weight : array_like, shape (n,), or None
            As for `J`. Of a fraction for validation each side is weighed by its own weights.
        lengths, mask
            As for `F`.
        class_weight : "balanced", dict from label to float, or None
            By what the weights of a class' examples are multiplied; 1 for classes that are left
            out. "balanced": n / (k n_c) with the n_c of n examples that are of one of k classes.
        validation : (X, y), (X, y, lengths), sequence of (x, y) pairs, float, str, splitter or None
            Examples to watch, or the fraction of the examples to split off for that: drawn at
            random, or the last ones if shuffle is False. A tuple of two is (X, y), of three for
            sequences (X, y, lengths) or (X, y, mask), any other sequence a data set of pairs.
            "last 20%" splits the last ones off in any case, and a splitter of scikit-learn what
            the last of its splits does, as ``TimeSeriesSplit()``. The network ends with the
            parameters that had the lowest cost on them.
        patience : int or None
            Stop after so many epochs without progress: no cost lower than the best by more than
            `tolerance`; the validation cost, if there is one.
        tolerance : float
            See patience.
        target_cost : float or None
            Stop when J is at most this.
        metrics : list of str and functions, or None
            What to measure after every epoch, on the training and the validation examples:
            ``accuracy``, ``log_loss``; ``r2``, ``mean_absolute_error``,
            ``root_mean_squared_error``; a name of scikit-learn's scorers, if it is installed; or a
            function of y and the prediction, both as `predict` has them. Examples of weight 0 are
            left out, other weights do not count. Each epoch takes a pass more over all of them and
            a return to Python: on few examples 0.2 ms, and 1 ms for scikit-learn's, where a plain
            epoch takes 1 µs. L-BFGS and Levenberg-Marquardt return after every block of examples.
            A checkpoint holds the values so far; resume it with metrics of the same names.
        monitor : str or None
            The metric, by its name, that decides in place of the cost what `patience`, `tolerance`
            and the best parameters go by. Of a function less is better if its name ends with
            ``_error``, ``_loss`` or ``_deviance``.
        max_seconds : float or None
            Stop after this time, at the end of an epoch; of this call alone if it is resumed.
        callback : callable or None
            Called with a `Report` about every 50 ms of work, at an epoch's end, whose parameters
            the network then holds; the descent stops if it returns True. It may use and save the
            network, but not change it: `parameters` is read-only meanwhile, and must not be
            written by way of an array that was taken from it before the descent.
        callback_epochs : int or None
            Call it after every so many epochs instead.
        partial : bool
            Go on with what the optimizer remembers from the network's last descent, as if that
            had not ended. After one with validation the descent goes on from the parameters of
            the last epoch, not from the best ones, unless they were changed since. After a
            divergence it goes on from the epoch whose start the network holds.
        progress : bool or None
            Show a bar on standard error. None: if that is a terminal and tqdm is installed.
        compile : bool
            Compile a kernel for this network alone, its pass written out: 1-2-1 on 60 points trains
            in 0.75 of the time (float32: 0.65), with 1 000 points little is gained. For plain
            descent of at most 64 parameters, without shuffled mini-batches or softmax; the first
            takes two or three seconds more, once on a machine. Results differ by rounding.
        precision : {"tf32", "bf16"} or None
            The least precise products that a GPU may use for a float32 network: by tensor cores,
            which round the factors to 10 (TF32) or 7 (BF16) bits of the fraction instead of 23
            and add up in float32. Layers of fewer than 8 units, descents small enough for one
            block of threads, F, J and derJ keep float32. None: float32 everywhere.
        checkpoint : str, PathLike or None
            File from which the descent can go on, replaced as a whole: before the first epoch,
            about every `checkpoint_seconds`, at the end, and when an exception ends it early.
            Kill the process at any moment, and the file is that of the last time. What it may
            leave beside it, ``.nnlib-….tmp`` and ``.nnlib-….lock``, the next descent removes. No
            other descent may have the same file meanwhile, on file systems that know locks.
        checkpoint_seconds : float
            See checkpoint; greater than 0.
        resume : bool
            Go on from the checkpoint if the file is there, else start: the result has the same
            bits as that of a descent never interrupted. Network, data and options must be those
            that it was written with; the number of threads, `callback`, `max_seconds` and
            `progress` may differ. What had ended returns at once with the same history.
        cluster : str, distributed.Client, Executor or None
            As for `train_many`: its workers add up costs and gradients, each of rows of its own,
            for full batches or batches of at least 256 rows, of which each takes its share of
            every worker's rows. X is a source of `nnlib.data`. The bits are the same for any
            number of workers; those of full batches differ by rounding from those without a
            cluster, dropout left aside.

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
        FormatError
            If the checkpoint to go on from is damaged, or holds what no descent writes.
        BlockingIOError
            If another descent that runs now has the same checkpoint; the message names its process.
        RuntimeError
            If another descent trains this network at present, in another thread or as the caller
            of this callback.
        OSError
            If a checkpoint cannot be written, before the first epoch or later: the last good one
            stays, the network holds the last completed epoch. A folder, a device or anything else
            but a file is not replaced.
        KeyboardInterrupt
            On Ctrl-C, within a few tens of ms; the network then holds the last completed epoch.

        Warns
        -----
        UserWarning
            If y has values that the output activation cannot reach, as 212 with ``sigmoid``; if X
            is images of uint8 and no layer scales them.

        Examples
        --------
        >>> import nnlib
        >>> net = nnlib.Network([1, 1], "identity")
        >>> history = net.descent([0, 1, 2], [1, 3, 5], learning_rate=0.3, epochs=300)
        >>> net.weights[0].round(3), net.biases[0].round(3)
        (array([[2.]]), array([1.]))
        """
        # Before any other local variable: these are the arguments by name.
        arguments = locals()
        options = Options.from_arguments(
            arguments, dropout=dropout_probabilities(dropout, self._architecture.graph) or None
        )
        check_seed(options, self._seed_known, self._architecture.drops)
        check_device(options, self._device)
        check_for(options, self._architecture.layers, self._dtype)
        if self._device != "cpu":
            check_cuda(options, X)
        given = GivenData(X, y, sample_weight, lengths, mask)
        train, held_out, known = self.examples_of(given, options, stacklevel=3)
        with self._training.taken():
            self._classes, self._feature_names = known
            return self._train(train, held_out, options)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to a safetensors file, from which `nnlib.load` makes an equal one.

        A file that is already there is replaced as a whole or, if anything fails, not at all; its
        permissions stay.

        Parameters
        ----------
        path : str or PathLike
            Of the file; its folder must exist. No open file.

        Raises
        ------
        TypeError
            If path is no path.
        ValueError
            If the parameters are not finite, or the network has more than 40 000 layers.
        OSError
            If the disk is full, the folder missing or read-only, and so on; if there is anything
            but a file, before any work.
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
        from .model.saving import save

        save(self, path)

    def __repr__(self) -> str:
        own, graph = self._architecture, self._architecture.graph
        end = f"dtype={self._dtype.name!r}, seed={self._seed})"
        if not own.is_given_by_sizes:
            losses = own.losses[0] if len(own.losses) == 1 else list(own.losses)
            layers = f"{len(graph.layers)} layers" if len(graph.layers) > 1 else "1 layer"
            return (
                f"Network(<{layers} from {', '.join(graph.input_names)} to "
                f"{', '.join(graph.output_names)}>, loss={losses!r}, {end}"
            )
        names = self.activations
        activation = names[0] if len(set(names)) == 1 else list(names)
        return f"Network({list(self.sizes)}, activation={activation!r}, loss={self.loss!r}, {end}"
