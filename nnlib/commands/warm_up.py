"""Compile in advance what a first call would wait for; the machine code stays on disk.

Every kernel is compiled when it is first called for a dtype. The jobs here call each of them on
data of a few numbers, so that later processes find all of them compiled.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import layers
from ..checks.values import floating_dtype
from ..cluster.here import Here
from ..data.arrays import arrays
from ..kernels.network.entry_splits import find_splits
from ..kernels.network.linking import compile_all
from ..network import Network
from ..train_many import train_many

Data = tuple[Any, Any]


def _functions(dtype: str, data: Data) -> None:
    net = Network([1, 2, 1], dtype=dtype, device="cpu")
    net.F(data[0])
    net.J(*data)
    net.derJ(*data)


def _plain_descent(dtype: str, data: Data) -> None:
    Network([1, 2, 1], dtype=dtype, device="cpu").descent(*data, epochs=1, progress=False)


def _descent_with_options(dtype: str, data: Data) -> None:
    net = Network([1, 2, 1], dtype=dtype, device="cpu")
    net.descent(*data, epochs=1, optimizer="adam", batch_size=2, progress=False)


def _full_batch_optimizers(dtype: str, data: Data) -> None:
    for name in ("lbfgs", "levenberg_marquardt"):
        net = Network([1, 2, 1], dtype=dtype, device="cpu")
        net.descent(*data, epochs=1, optimizer=name, progress=False)


def _populations(dtype: str, data: Data) -> None:
    # In vector lanes; one after the other, plain; one after the other, with options.
    for options in ({}, {"batch_size": 2}, {"optimizer": "adam", "batch_size": 2}):
        train_many(
            [1, 2, 1], *data, n=2, dtype=dtype, device="cpu", epochs=1, progress=False, **options
        )


def _groups(dtype: str, data: Data) -> None:
    # Plain, and with options.
    variants: tuple[dict[str, Any], ...] = ({}, {"optimizer": "adam", "batch_size": 2})
    for options in variants:
        train_many(
            [1, 2, 1], *data, groups=[0, 0, 1], min_rows=1, dtype=dtype, device="cpu", epochs=1,
            progress=False, **options,
        )  # fmt: skip


def _data_in_parts(dtype: str, data: Data) -> None:
    """The order of parts, and L-BFGS that asks for the gradients of one after the other."""
    source = arrays(*data, part_rows=2)
    variants: tuple[dict[str, Any], ...] = ({"batch_size": 2}, {"optimizer": "lbfgs"})
    for options in variants:
        net = Network([1, 2, 1], dtype=dtype, device="cpu")
        net.descent(source, epochs=1, progress=False, **options)


def _sparse_examples(dtype: str, data: Data) -> None:
    """What looks through sparse examples; their layers are among those called by address."""
    none = np.empty(0, np.int64)
    find_splits(none, np.empty(0, dtype), 0, none)


def _steps(dtype: str, data: Data) -> None:
    """Sequences step by step."""
    parts = [layers.Input((None, 1)), layers.SimpleRNN(2)]
    Network(parts, dtype=dtype, device="cpu").stepper()([1.0])


def _whole_batches(dtype: str, data: Data) -> None:
    """The driver in stages, for layers that look at whole batches."""
    parts = [layers.Input(1), layers.Dense(2), layers.BatchNormalization(), layers.Dense(1)]
    net = Network(parts, dtype=dtype, device="cpu")
    net.descent(*data, epochs=1, progress=False)


def _over_workers(dtype: str, data: Data) -> None:
    """What workers of a cluster and their driver do for one network."""
    rows = arrays(*(np.resize(own, 512) for own in data))
    for options in ({"batch_size": 256}, {"optimizer": "lbfgs"}):
        net = Network([1, 2, 1], dtype=dtype, device="cpu")
        net.descent(rows, epochs=1, progress=False, cluster=Here(), **options)


def _called(dtype: str, data: Data) -> None:
    """Activations, losses, optimizers and kinds of layer, which tables call by address."""
    compile_all(np.dtype(dtype))


JOBS: dict[str, Callable[[str, Data], None]] = {
    "activations, losses, optimizers and layers": _called,
    "F, J and derJ": _functions,
    "plain descents": _plain_descent,
    "descents with options": _descent_with_options,
    "descents of layers of whole batches": _whole_batches,
    "L-BFGS and Levenberg-Marquardt": _full_batch_optimizers,
    "populations": _populations,
    "one network over workers": _over_workers,
    "populations of groups": _groups,
    "data in parts": _data_in_parts,
    "sparse examples": _sparse_examples,
    "sequences step by step": _steps,
}


def warm_up(
    dtypes: Sequence[str] = ("float64", "float32"),
    report: Callable[[str, float], Any] | None = None,
) -> float:
    """Compile the processor's kernels now, so that no later call waits for them.

    The kernels of ``compile=True`` belong to one network each and those of a GPU to the GPU: both
    are compiled when they are used.

    Parameters
    ----------
    dtypes : sequence of str
        ``"float64"`` and ``"float32"``, or one of them.
    report : callable or None
        Called after every job with its name and its seconds.

    Returns
    -------
    float
        Seconds in all.

    Raises
    ------
    TypeError, ValueError
        For another dtype, before anything is compiled.

    Examples
    --------
    >>> import nnlib
    >>> seconds = nnlib.warm_up(["float64"])  # doctest: +SKIP
    """
    names = [dtypes] if isinstance(dtypes, str) else list(dtypes)
    checked = [floating_dtype(name).name for name in names]
    start = time.perf_counter()
    for dtype in checked:
        data = np.array([0.0, 1.0, 2.0]), np.array([0.2, 0.8, 0.2])
        for name, job in JOBS.items():
            begin = time.perf_counter()
            job(dtype, data)
            if report is not None:
                report(f"{dtype}: {name}", time.perf_counter() - begin)
    return time.perf_counter() - start
