"""From a source of rows to examples of a descent: what is known of them before the first step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .checks.class_weights import class_factors
from .checks.examples import Examples, joined
from .checks.labels import found_classes
from .checks.memory import check_memory
from .checks.splits import is_drawn, is_split_off, last_count
from .checks.values import shown
from .data.reading import all_ahead
from .data.row_range import RowRange
from .data.source import Source
from .kernels.layers.operations import looks_at_batches
from .model.function import NetworkFunction, examples_for
from .model.knowledge import Known
from .model.over_source import Converting, check_source
from .model.target_range import warn_of_targets
from .model.task import Task, task_of
from .optimizers import FullBatch, LevenbergMarquardt
from .training.options import OPTIONS, Options
from .training.shards import LEAST_SHARE
from .training.windows import Streamed, buffer_rows, streamed


def streamed_examples(
    network: NetworkFunction, source: Source, options: Options, stacklevel: int
) -> tuple[Streamed, Examples | None, Known]:
    """The examples that a source reads, those split off for validation, and what is known of them.

    The targets are gone through once where they may hold labels that the network does not know
    yet, and so are the weights, and all rows for weights of classes. The first part is read and
    checked. Validation examples are read as a whole.

    Raises
    ------
    TypeError, ValueError
        If source, network and options do not go together.
    """
    check_streamed(network, source, options)
    known = _known(network, source)
    sides = _sides(source, options)
    factors = _factors(network, sides, options, known)
    train, *others = [
        _streamed(network, side, known, own) for side, own in zip(sides, factors, strict=True)
    ]
    if options.shuffle and not isinstance(options.optimizer, FullBatch):
        train = replace(train, shuffle_buffer=buffer_rows(train, options.shuffle_buffer))
    own = network.architecture
    first = next(train.walk([0]))
    if first.X.shape[1] != own.d_in:
        raise ValueError(
            f"X is a source of nnlib.data whose rows have {first.X.shape[1]} numbers, and the "
            f"network {own.d_in}: sequences with a mask are for arrays"
        )
    warn_of_targets(own, first.y, stacklevel=stacklevel + 1)
    return train, _gathered(others[0]) if others else None, known


def _streamed(network: NetworkFunction, source: Source, known: Known, factors: Any) -> Streamed:
    """The examples of a source, of which nothing is read yet."""
    own = network.architecture
    convert = Converting(network, examples_for, known, factors)
    weights = str(factors.tolist()) if np.ndim(factors) else ""
    return streamed(source, convert, (own.d_in, own.d_out), network.dtype, weights)


def _sides(source: Source, options: Options) -> list[Source]:
    """The rows to train with, and the last ones if some are split off for validation."""
    if options.validation is None or not is_split_off(options.validation):
        return [source]
    share = options.validation
    if not (isinstance(share, str) or (is_drawn(share) and not options.shuffle)):
        raise ValueError(
            f"X is a source of nnlib.data and validation is {shown(share)}, wanted 'last 20%' or "
            "examples (X, y) in memory: rows are not drawn at random from a source"
        )
    n = source.rows
    count = last_count(share, n)
    return [RowRange(source, 0, n - count), RowRange(source, n - count, n)]


def _gathered(streamed: Streamed) -> Examples:
    """All examples that a source reads, in memory."""
    (n, d_in), d_out = streamed.X.shape, streamed.y.shape[1]
    size = n * (d_in + d_out + 1) * streamed.y.itemsize
    check_memory(f"validation: the last {n} rows of the source", size)
    return joined(list(streamed.all_parts()))


def check_streamed(network: NetworkFunction, source: Source, options: Options) -> None:
    """Refuse what a descent cannot do that reads its data part by part.

    Raises
    ------
    ValueError
    """
    if network.device != "cpu":
        raise ValueError(
            f"X is a source of nnlib.data and the network is on {network.device!r}: use "
            "net.to('cpu'); on a GPU, X larger than its memory may be an array of the host"
        )
    check_source(network, source)
    for name, entry in OPTIONS.items():
        value = getattr(options, name)
        if "streamed" in entry.refused_by and value != entry.default:
            raise ValueError(
                f"X is a source of nnlib.data and {name} is {shown(value)}, wanted "
                f"{entry.default!r}: it needs all examples in memory"
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
    if options.shuffle_buffer is not None:
        raise ValueError(
            f"cluster is given and shuffle_buffer is {options.shuffle_buffer}, wanted None: every "
            "shard of the rows is shuffled in itself"
        )
    if options.metrics is not None:
        raise ValueError(
            f"cluster is given and metrics is {shown(options.metrics)}, wanted None: they would "
            "be measured on the driver, by one more pass over all rows; use net.score(data) "
            "afterwards"
        )
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


def check_has_classes(network: NetworkFunction, options: Options, on_host: bool = True) -> Task:
    """The task of a network whose examples weigh as their classes say; `ValueError` for others."""
    task = task_of(network.architecture)
    if task is None or not task.classes or task.inner or not on_host:
        raise ValueError(
            f"class_weight is {shown(options.class_weight)}, wanted None: it is for networks "
            "with one output whose loss tells classes apart, a class for each example, and for y "
            "on the host"
        )
    return task


def _factors(
    network: NetworkFunction, sides: list[Source], options: Options, known: Known
) -> list[Any]:
    """By what the weights of each side, or of its classes, are multiplied.

    For the mean each side has weights of a mean of 1.
    """
    if options.class_weight is None:
        return [_factor(side, options.mean) for side in sides]
    task = check_has_classes(network, options)
    labels = task.labels() if known.classes is None else known.classes.tolist()
    count, weight = np.zeros(len(labels)), np.zeros((len(sides), len(labels)))
    convert = Converting(network, examples_for, known)
    for number, side in enumerate(sides):
        for part in all_ahead(side, convert.as_given):
            shares = task.shares(part.y).astype(np.float64)
            count += shares.sum(axis=0)
            own = part.weights.astype(np.float64) if part.weights.size else np.ones(len(part.y))
            weight[number] += own @ shares
    factors = class_factors(options.class_weight, count, int(sum(s.rows for s in sides)), labels)
    totals = weight @ factors
    if not totals.all():
        raise ValueError("class_weight leaves every example the weight 0, wanted one above 0")
    if not options.mean:
        return [factors for _ in sides]
    return [factors * side.rows / own for own, side in zip(totals, sides, strict=True)]


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
