"""Sixteen networks in the lanes of a vector: for which members, and a thread's buffers for it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels.compile.vectors import LANES
from ..kernels.layers.kinds import obstacle
from ..kernels.network.linking import Use, linked
from ..kernels.population.lanes import KINDS, Lanes
from ..machine.aligned import aligned_zeros
from .work import Group, Work

Array = NDArray[Any]

_CACHE = 2**15
# Parameters times examples up to which networks in lanes are faster than samples in lanes: 1.45
# times at 7 · 60, 1.1 at 7 · 600 and 49 · 100, 0.95 at 193 · 60 (bench/NOTES.md).
MOST_WORK = 5000


def in_lanes(work: Work, group: Group) -> bool:
    """Whether members train in lanes: where lanes know the network's layers, and are faster than
    the samples in them.
    """
    options, n = group.options, len(work.train.X)
    full = options.batch_size is None or options.batch_size >= n
    architecture = group.network.descent_architecture(options.dropout, options.tbptt).reading(
        work.train.X
    )
    small = architecture.size * n <= MOST_WORK
    known = obstacle(architecture.training_table, KINDS) is None
    return known and options.plain and full and small and work.validation is None


def lanes(work: Work, group: Group) -> Lanes:
    """A thread's buffers, no lane taken."""
    architecture, train = group.network.architecture, work.train
    units, dtype, (n, d_in) = architecture.units, group.network.dtype, train.X.shape
    samples = block_samples(n, units, dtype.itemsize)
    size = architecture.size * LANES
    use = Use(dtype, cost=True, train=True, lanes=True)
    weights = aligned_zeros(n * LANES, dtype)
    weights.reshape(n, LANES)[:] = train.weights[:, None] if train.weights.size else 1
    inputs, targets = aligned_zeros(train.X.size, dtype), aligned_zeros(train.y.size * LANES, dtype)
    for first in range(0, n, samples):
        part = slice(first, first + samples)
        x, y = train.X[part].T, np.repeat(train.y[part].T, LANES, axis=1)
        inputs[first * d_in :][: x.size] = x.reshape(-1)
        targets[first * train.y.shape[1] * LANES :][: y.size] = y.reshape(-1)
    return Lanes(
        table=linked(architecture.training_table, use),
        parameters=aligned_zeros(size, dtype),
        before=aligned_zeros(size, dtype),
        gradient=aligned_zeros(size, dtype),
        activations=aligned_zeros(units * samples * LANES, dtype),
        deltas=aligned_zeros(units * samples * LANES, dtype),
        inputs=inputs,
        targets=targets,
        weights=weights,
        values=aligned_zeros(samples * LANES, dtype),
        costs=aligned_zeros(LANES, dtype),
        steps=aligned_zeros(LANES, dtype),
        member=np.full(LANES, -1),
        epoch=np.zeros(LANES, np.int64),
        kept=np.zeros(LANES, np.int64),
        n=n,
        samples=samples,
        mean=work.options.mean,
    )


def block_samples(n: int, units: int, itemsize: int) -> int:
    """Samples of a block, of equal size: their activations and deltas stay in the first cache."""
    most = max(8, _CACHE // (2 * units * LANES * itemsize))
    return -(-n // -(-n // most))
