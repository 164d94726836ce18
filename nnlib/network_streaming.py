"""From a source of rows to examples of a descent: what is known of them before the first step."""

from __future__ import annotations

from typing import Any

import numpy as np

from .checks.examples import Examples, counted
from .checks.labels import found_classes
from .checks.splits import is_split_off
from .checks.values import check_each, check_finite, numbers, shown
from .data.source import Rows, Source
from .kernels.layers.operations import looks_at_batches
from .model.function import NetworkFunction, examples_for
from .model.knowledge import Known
from .model.target_range import warn_of_targets
from .model.task import Task, task_of
from .optimizers import FullBatch, LevenbergMarquardt
from .training.options import OPTIONS, Options
from .training.shards import LEAST_SHARE
from .training.windows import Streamed, streamed


def streamed_examples(
    network: NetworkFunction, source: Source, options: Options, stacklevel: int
) -> tuple[Streamed, Known]:
    """The examples that a source reads, and what the network knows of them.

    The targets are gone through once where they may hold labels that the network does not know
    yet, and so are the weights. The first part is read and checked.

    Raises
    ------
    TypeError, ValueError
        If source, network and options do not go together.
    """
    check_streamed(network, options)
    known = _known(network, source)
    converting = _Converting(network, known, _factor(source, options.mean))
    own = network.architecture
    train = streamed(source, converting, (own.d_in, own.d_out), network.dtype)
    first = next(train.walk([0]))
    if first.X.shape[1] != own.d_in:
        raise ValueError(
            f"X is a source of nnlib.data whose rows have {first.X.shape[1]} numbers, and the "
            f"network {own.d_in}: sequences with a mask are for arrays"
        )
    warn_of_targets(own, first.y, stacklevel=stacklevel + 1)
    return train, known


def check_streamed(network: NetworkFunction, options: Options) -> None:
    """Refuse what a descent cannot do that reads its data part by part.

    Raises
    ------
    ValueError
    """
    own = network.architecture
    if network.device != "cpu":
        raise ValueError(
            f"X is a source of nnlib.data and the network is on {network.device!r}: use "
            "net.to('cpu'); on a GPU, X larger than its memory may be an array of the host"
        )
    if own.graph.open_inputs:
        raise ValueError(
            "X is a source of nnlib.data and the network takes sequences of any length, wanted "
            "one of a fixed length, as layers.Input((7, 2))"
        )
    inputs, outputs = len(own.graph.input_names), len(own.graph.output_names)
    if inputs > 1 or outputs > 1:
        raise ValueError(
            f"X is a source of nnlib.data and the network has {inputs} inputs and {outputs} "
            "outputs, wanted one of each"
        )
    for name, entry in OPTIONS.items():
        value = getattr(options, name)
        if "streamed" in entry.refused_by and value != entry.default:
            raise ValueError(
                f"X is a source of nnlib.data and {name} is {shown(value)}, wanted "
                f"{entry.default!r}: it needs all examples in memory"
            )
    if options.validation is not None and is_split_off(options.validation):
        raise ValueError(
            f"X is a source of nnlib.data and validation is {shown(options.validation)}, wanted "
            "examples (X, y) in memory: nothing is split off a source"
        )
    if isinstance(options.optimizer, LevenbergMarquardt):
        raise ValueError(
            "X is a source of nnlib.data and optimizer is 'levenberg_marquardt', wanted 'lbfgs' "
            "or one that takes steps by batches"
        )
    alone = options.cluster is None and not isinstance(options.optimizer, FullBatch)
    if options.batch_size is None and alone:
        raise ValueError(
            "X is a source of nnlib.data and batch_size is None, wanted a number of examples that "
            "fit into memory, as 256; optimizer='lbfgs' takes all of them at each step"
        )


def check_shared_batches(network: NetworkFunction, options: Options) -> None:
    """Refuse what batches cannot be whose sums the workers of a cluster make.

    Raises
    ------
    ValueError
    """
    if isinstance(options.optimizer, FullBatch):
        return
    if looks_at_batches(network.architecture.training_table):
        raise ValueError(
            "cluster is given and the network normalises batches, which needs all rows of a batch "
            "in one place: use layers.LayerNormalization(), or leave cluster out"
        )
    size = options.batch_size
    if size is not None and size < 2 * LEAST_SHARE:
        raise ValueError(
            f"cluster is given and batch_size is {size}, wanted None or at least "
            f"{2 * LEAST_SHARE}: a worker computes at least {LEAST_SHARE} rows of a batch, and it "
            "pays with thousands"
        )


def _known(network: NetworkFunction, source: Source) -> Known:
    """What the network knows, or learns from the source: classes and the names of columns."""
    task, (classes, names) = task_of(network.architecture), network.known
    if names is None:
        names = source.columns
    if classes is None and task is not None and task.classes:
        classes = _classes_of(source, task)
    return Known(classes, names)


def _classes_of(source: Source, task: Task) -> Any:
    """The classes that the targets of all parts tell; None if they hold no labels."""
    found: list[Any] = []
    for y in source.targets():
        y = np.asarray(y)
        if y.ndim != 1:
            return None
        found.append(np.unique(y) if y.dtype != object else np.array(sorted(set(y)), object))
    classes = found_classes(np.unique(np.concatenate(found)), task.classes)
    return None if classes is None or classes.tolist() == task.labels() else classes


def _factor(source: Source, mean: bool) -> float:
    """By what every weight is multiplied: for the mean they are scaled to a mean of 1."""
    if not source.weighted:
        return 1.0
    largest = total = 0.0  # total: of shares of the largest, so that it is finite
    for weights in source.weights():
        own = np.asarray(weights, np.float64)
        more = max(largest, float(own.max()))
        if more > 0:
            total = total * (largest / more) + float((own / more).sum())
            largest = more
    if largest == 0:
        raise ValueError(f"the weights of {source.name} are all 0, wanted one above 0")
    if not mean:
        return 1.0
    return source.rows / total / largest


class _Converting:
    """Makes checked examples of the rows of a part; where it is called, a thread reads."""

    def __init__(self, network: NetworkFunction, known: Known, factor: float) -> None:
        self._network, self._known, self._factor = network, known, factor

    def __call__(self, rows: Rows) -> Examples:
        """The examples of the rows.

        Raises
        ------
        TypeError, ValueError
            As `Network.descent` for X, y and sample_weight.
        """
        dtype = self._network.dtype
        if not isinstance(rows, Rows):
            raise TypeError(f"read gave a {type(rows).__name__}, wanted nnlib.data.Rows(X, y)")
        X, y = examples_for(self._network, rows.X, rows.y, self._known, images=False)
        if rows.weights is None:
            return Examples(X, y, np.empty(0, dtype))
        weights = numbers("sample_weight", rows.weights, dtype)
        if weights.shape != (len(X),):
            raise ValueError(
                f"sample_weight has shape {weights.shape}, wanted ({len(X)},), one per example"
            )
        check_finite("sample_weight", weights)
        check_each("sample_weight", weights, weights >= 0, "weights of at least 0")
        return counted(Examples(X, y, (weights * self._factor).astype(dtype)))
