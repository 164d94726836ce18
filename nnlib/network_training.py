"""From checked options to a descent of a network: its examples, its memory, its driver."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .checks.class_weights import weights_by_class
from .checks.examples import Examples, counted, scaled
from .checks.feature_names import names_of
from .checks.sparse import check_alike
from .checks.splits import as_data, is_split_off, split_off
from .checks.values import (
    example_weights,
    on_gpu,
    shown,
    whole_number,
)
from .data.source import Source
from .history import History
from .kernels.compile.duration import compile_seconds
from .model.function import NetworkFunction, examples_for
from .model.image_hint import warn_of_bytes
from .model.insight import NetworkInsight
from .model.knowledge import Known
from .model.labelled import learned_classes
from .model.over_source import check_alone
from .model.sequence_rows import alike, wrapped
from .model.target_range import warn_of_targets
from .model.task import task_of
from .model.whole_batches import check_batches
from .network_metrics import epoch_metrics
from .network_streaming import check_has_classes, check_shared_batches, streamed_examples
from .optimizers import FullBatch
from .second_order import methods
from .second_order.minimised import Minimised
from .training.buffers import OptimizerState
from .training.contradictions import check_compiled
from .training.descent import Descent, Learner
from .training.large_batches import LargeBatchDescent
from .training.lazy import LazyDescent, is_lazy
from .training.options import Options
from .training.streamed import StreamedDescent
from .training.windows import Streamed

Array = NDArray[Any]


class GivenData(NamedTuple):
    """The examples as `Network.descent` is given them; X alone if it is a source."""

    X: Any
    y: Any
    sample_weight: Any
    lengths: Any
    mask: Any


class NetworkTraining(NetworkInsight):
    """What a `Network` trains with, below its public method `descent`."""

    _memory: OptimizerState | None

    def train_on(self, train: Examples, held_out: Examples | None, options: Options) -> History:
        """A descent on examples and options that are checked, as `descent` makes them.

        Raises
        ------
        RuntimeError
            If another descent trains this network at present.

        Examples
        --------
        >>> from nnlib import Network
        >>> net, none = Network([1, 1], "identity"), np.empty(0)
        >>> net.train_on(Examples(np.ones((2, 1)), np.ones((2, 1)), none), None, Options()).epochs
        1000
        """
        with self._training.taken():
            return self._train(train, held_out, options)

    def examples_of(
        self, given: GivenData, options: Options, stacklevel: int
    ) -> tuple[Examples, Examples | None, Known]:
        """Checked examples to train with and to validate with, and what the network learns of them.

        The options are completed by what depends on the examples. Warnings name the caller that is
        stacklevel calls away.

        Raises
        ------
        TypeError, ValueError
            As `Network.descent`.

        Examples
        --------
        >>> from nnlib import Network
        >>> given = GivenData([0, 1], [0, 1], None, None, None)
        >>> train, held_out, known = Network([1, 1]).examples_of(given, Options(), stacklevel=1)
        >>> train.X.shape, held_out
        ((2, 1), None)
        """
        if options.cluster is not None and not isinstance(given.X, Source):
            raise TypeError(
                f"cluster is given and X is {shown(given.X)}, wanted a source of nnlib.data, whose "
                "parts the workers share: nnlib.data.arrays(X, y)"
            )
        if options.shuffle_buffer is not None and not isinstance(given.X, Source):
            raise ValueError(
                f"shuffle_buffer is {options.shuffle_buffer} and X is no source of nnlib.data, "
                "wanted None: arrays are shuffled as a whole"
            )
        if isinstance(given.X, Source):
            return self._streamed(given, options, stacklevel + 1)
        X = wrapped(given.X, given.lengths, given.mask)
        images = not isinstance(options.optimizer, FullBatch)
        found = given_examples(self, X, given.y, given.sample_weight, options, images)
        train, held_out = split(self, found, options)
        train = counted(train)
        warn_of_targets(self._architecture.reading(train.X), train.y, stacklevel=stacklevel + 1)
        warn_of_bytes(self._architecture, X, stacklevel=stacklevel + 1)
        self._complete(train, held_out, options, found.known)
        return train, held_out, found.known

    def _streamed(
        self, given: GivenData, options: Options, stacklevel: int
    ) -> tuple[Examples, Examples | None, Known]:
        """The same for rows that a source reads while the descent goes on."""
        check_alone(**{name: value for name, value in given._asdict().items() if name != "X"})
        train, held_out, known = streamed_examples(self, given.X, options, stacklevel + 1)
        if options.validation is not None and held_out is None:
            X, y = _given_apart(self, options.validation, known, images=False)
            held_out = Examples(X, y, np.empty(0, self.dtype))
        self._complete(train, held_out, options, known)
        if options.cluster is not None:
            check_shared_batches(self, options)
        return train, held_out, known

    def _complete(
        self, train: Examples, held_out: Examples | None, options: Options, known: Known
    ) -> None:
        """Complete and check what the options cannot know without the examples."""
        if options.metrics is not None:
            options.metrics = epoch_metrics(self, train, held_out, options, known.classes)
            if options.monitor is not None:
                options.patience = None  # is the metric's
        if options.batch_size is not None:
            rest = " (after the validation split)" if held_out is not None else ""
            name, most = f"batch_size{rest}", len(train.X)
            options.batch_size = whole_number(name, options.batch_size, 1, most)
        check_batches(self, train.X, options.batch_size)

    def _train(self, train: Examples, held_out: Examples | None, options: Options) -> History:
        """The descent, after the checks of what was given, and what it waited for kernels."""
        before = compile_seconds()
        history = self._trained(train, held_out, options)
        return replace(history, compile_seconds=compile_seconds() - before)

    def _trained(self, train: Examples, held_out: Examples | None, options: Options) -> History:
        """The descent by its optimizer's driver."""
        self._check_parameters()
        own = self.descent_architecture(options.dropout, options.tbptt).reading(train.X)
        table, units, code = own.training_table, own.units, own.loss_code
        if isinstance(options.optimizer, FullBatch):
            minimised = Minimised(table, self._parameters, units, code, train)
            return methods.run(minimised, options, self._device)
        if options.compile:
            check_compiled(table, self._parameters.size, code)
        generator = self._generator
        if options.seed is not None:
            generator = np.random.SeedSequence(options.seed).generate_state(4, np.uint64)
        memory, before = self._optimizer_memory(options), self._parameters.copy()
        try:
            if memory is not None and options.epochs:
                memory.prepare(self._parameters)
            seed = self._dropout_seed if options.seed is None else options.seed
            learner = Learner(table, self._parameters, code, generator, seed)
            kind = self._descent_class(learner, train, options)
            descent = kind(learner, train, held_out, options, memory)
        except BaseException:
            self._parameters[:] = before
            raise
        kept, self._memory = self._memory, None  # a copy that a callback makes has none
        try:
            return descent.run()
        finally:
            self._memory = descent.memory() if options.epochs or memory is None else kept

    def _descent_class(self, learner: Learner, train: Examples, options: Options) -> type[Descent]:
        """The descent of the network's device, and of its examples."""
        if self._device == "cpu":
            if options.cluster is not None:
                return LargeBatchDescent
            if isinstance(train, Streamed):
                return StreamedDescent
            return LazyDescent if is_lazy(options, train, learner) else Descent
        from .training.cuda import CudaDescent

        return CudaDescent

    def scale_memory(self, factor: float) -> None:
        """Multiply the velocity that momentum remembers for a `partial` descent.

        Examples
        --------
        >>> import nnlib
        >>> net = nnlib.Network([1, 1])
        >>> history = net.descent([0, 1], [0, 1], optimizer="momentum", epochs=1)
        >>> net.scale_memory(0.5)
        """
        if self._memory is not None:
            self._memory.first *= factor

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


@dataclass(frozen=True)
class GivenExamples(Examples):
    """The examples of a descent as the user weighs them, and what the network knows of them.

    That is what it knew, or learns from X and y.
    """

    known: Known


def given_examples(
    network: NetworkFunction,
    X: Any,
    y: Any,
    sample_weight: Any,
    options: Options,
    images: bool = False,
) -> GivenExamples:
    """The checked examples of a descent; the network itself does not change.

    If `images`, X of uint8 may stay as it is.
    """
    classes, names = network.known
    if names is None and not network.architecture.has_ports:
        names = names_of(X)
    if classes is None and not (on_gpu(X) or on_gpu(y)):
        X, y, classes = learned_classes(network.architecture, X, y, network.dtype)
    known = Known(classes, names)
    inputs, targets = examples_for(network, X, y, known, images)
    weights = example_weights(sample_weight, len(inputs), network.dtype, mean=False)
    return with_class_weights(network, GivenExamples(inputs, targets, weights, known), options)


def with_class_weights(
    network: NetworkFunction, given: GivenExamples, options: Options
) -> GivenExamples:
    """The examples with the weights of their classes, where the options have some."""
    if options.class_weight is None:
        return given
    classes = given.known.classes
    task = check_has_classes(network, options, on_host=not on_gpu(given.y))
    labels = task.labels() if classes is None else classes.tolist()
    shares = task.shares(given.y)
    weights = weights_by_class(options.class_weight, shares, labels, given.weights)
    return replace(given, weights=weights)


def _validation_data(network: NetworkFunction, validation: Any) -> tuple[Any, Any]:
    """X and y of validation data, which for sequences may be (X, y, lengths) or (X, y, mask)."""
    own = network.architecture
    if not (own.has_ports and isinstance(validation, tuple) and len(validation) == 3):
        return as_data(validation)
    X, y, steps = validation
    of_lengths = np.ndim(steps) < 2
    return wrapped(X, steps if of_lengths else None, None if of_lengths else steps), y


def _given_apart(
    network: NetworkFunction, validation: Any, known: Known, images: bool
) -> tuple[Any, Any]:
    """Checked X and y of validation examples that are not split off."""
    try:
        data = _validation_data(network, validation)
        return examples_for(network, *data, known, images)
    except (TypeError, ValueError) as error:
        raise type(error)(f"validation: {error}") from None


def split(
    network: NetworkFunction, given: GivenExamples, options: Options
) -> tuple[Examples, Examples | None]:
    """Training and validation examples: given apart, split off, or none.

    The weights given are as the user has them; each side is scaled by its own.
    """
    if options.validation is None:
        return scaled(given, options.mean), None
    if not is_split_off(options.validation):
        X, y = _given_apart(network, options.validation, given.known, given.images)
        check_alike("validation", X, given.X)
        X, trained = alike(network.architecture, X, given.X)
        return scaled(replace(given, X=trained), options.mean), Examples(
            X, y, np.empty(0, network.dtype)
        )
    seed = options.seed if options.seed is not None else network.seed
    task = task_of(network.architecture)
    classes = None
    if task is not None and task.is_classification and not task.inner and not on_gpu(given.y):
        classes = task.numbers_of_targets(given.y)
    train, held_out = split_off(given, options.validation, seed, options.shuffle, classes)
    split = f"validation={options.validation}"
    return (
        scaled(train, options.mean, f"that {split} leaves to train with"),
        counted(scaled(held_out, options.mean, f"that {split} holds out")),
    )
