"""Running the compiled driver in slices, so that Python can interrupt and report."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import DivergenceError
from .history import History
from .kernels import blocks, problem
from .kernels.descent import descend
from .kernels.evaluate import all_finite
from .kernels.operations import Row, block_lanes
from .progress import Progress

Array = NDArray[Any]

# A slice is long against the 5 µs of its call and short against the 0.2 s of a late Ctrl-C.
SLICE_SECONDS = 0.05
# The first slice is sized for a machine of this speed, multiply-adds per second.
_SLOW_MACHINE = 1e9


def run(
    table: Array,
    parameters: Array,
    units: int,
    X: Array,
    y: Array,
    *,
    learning_rate: float,
    epochs: int,
    mean: bool,
    weight_decay: float,
    batch_size: int,
    shuffle: bool,
    generator: Array,
    loss: int,
    progress: bool | None,
) -> History:
    """Run the whole descent on checked arguments; `parameters` and `generator` are written.

    Raises
    ------
    DivergenceError
        If the cost stops being finite.
    """
    lanes = block_lanes(batch_size, units, X.shape[1], X.itemsize)
    model = problem.Model(
        table,
        parameters,
        np.zeros_like(parameters),
        np.zeros(units * lanes, X.dtype),
        np.zeros(units * lanes, X.dtype),
    )
    data = _arrange(table, X, y, batch_size, lanes, shuffle)
    state = problem.State(
        np.zeros(4, np.int64),
        np.zeros(1),
        np.zeros(epochs),
        np.concatenate([parameters, parameters]),
        generator,
    )
    settings = problem.Settings(
        len(X), epochs, batch_size, lanes, loss, mean, learning_rate, weight_decay
    )
    start = time.perf_counter()
    try:
        if epochs:
            _run_slices(model, data, state, settings, progress)
    except BaseException:
        _restore_epoch(parameters, state)
        raise
    seconds = time.perf_counter() - start
    if state.position[problem.STATUS] == problem.DIVERGED or not all_finite(parameters):
        raise _divergence(parameters, state, settings, seconds)
    return History(state.costs, seconds)


def _arrange(
    table: Array, X: Array, y: Array, batch_size: int, lanes: int, shuffle: bool
) -> problem.Data:
    """The examples as the driver wants them: rows to gather from, or blocks packed once."""
    n, d_in = X.shape
    d_out = y.shape[1]
    x_rows, y_rows = X.reshape(-1), y.reshape(-1)
    weights = np.empty(0, X.dtype)
    if shuffle:
        return problem.Data(
            x_rows,
            y_rows,
            weights,
            np.arange(n),
            np.zeros(d_in * lanes, X.dtype),
            np.zeros((d_out + 1) * lanes, X.dtype),
        )
    full, rest = divmod(n, batch_size)
    count = full * -(-batch_size // lanes) + -(-rest // lanes)
    sample_major = bool(Row(*table[: len(Row._fields)]).sample_major)
    inputs = np.empty(0 if sample_major else count * d_in * lanes, X.dtype)
    targets = np.empty(count * (d_out + 1) * lanes, X.dtype)
    order = np.empty(0, np.int64)
    blocks.pack_all(
        inputs, targets, x_rows, y_rows, weights, order, d_in, d_out, batch_size, lanes,
        sample_major,
    )  # fmt: skip
    unused = np.empty(0, X.dtype)
    return problem.Data(x_rows if sample_major else inputs, targets, weights, order, unused, unused)


def _run_slices(
    model: problem.Model,
    data: problem.Data,
    state: problem.State,
    settings: problem.Settings,
    progress: bool | None,
) -> None:
    """Call the driver until it is done, each time with about `SLICE_SECONDS` of work."""
    budget = max(
        1, int(SLICE_SECONDS * _SLOW_MACHINE / (3 * model.parameters.size * settings.lanes))
    )
    with Progress(settings.epochs, progress) as bar:
        while state.position[problem.STATUS] == problem.RUNNING:
            start = time.perf_counter()
            descend(model, data, state, settings, budget)
            elapsed = max(time.perf_counter() - start, 1e-6)
            # A first call compiles for seconds: the budget must not shrink to nothing for that.
            budget = max(1, int(budget * min(max(SLICE_SECONDS / elapsed, 0.25), 8)))
            epoch = int(state.position[problem.EPOCH])
            if epoch:
                bar.update(epoch, float(state.costs[epoch - 1]))


def _restore_epoch(parameters: Array, state: problem.State) -> None:
    """Undo the steps of an epoch that has begun but not ended."""
    epoch, batch = state.position[problem.EPOCH], state.position[problem.BATCH]
    if batch:
        parameters[:] = state.snapshots.reshape(2, -1)[epoch % 2]


def _divergence(
    parameters: Array, state: problem.State, settings: problem.Settings, seconds: float
) -> DivergenceError:
    """Put back the last parameters with a finite cost and describe what happened."""
    epoch, batch, _, status = (int(value) for value in state.position)
    diverged = status == problem.DIVERGED
    # The cost of an epoch's first batch belongs to the parameters of that epoch's start; if it is
    # the bad one, or if the last step of all was, the epoch before has the last good start.
    kept = epoch if batch or not epoch else epoch - 1
    parameters[:] = state.snapshots.reshape(2, -1)[kept % 2]
    costs = state.costs[: epoch + 1] if diverged else state.costs
    value = costs[-1] if diverged else "NaN or infinite parameters"
    message = (
        f"the descent diverged in epoch {epoch} of {settings.epochs} (cost {value}) with "
        f"learning_rate={settings.learning_rate:g}; the network holds the parameters of the "
        f"start of epoch {kept}. Try a smaller learning_rate, or scaled inputs"
    )
    return DivergenceError(message, epoch, History(costs.copy(), seconds))
