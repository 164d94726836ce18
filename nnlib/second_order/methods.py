"""Running the optimizers of full batches, L-BFGS and Levenberg-Marquardt."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks.examples import Examples
from ..errors import DivergenceError
from ..history import History, SecondOrderHistory
from ..kernels.formulas import losses
from ..kernels.layers.kinds import unknown_kind
from ..kernels.layers.operations import (
    ONE,
    SAMPLE_MAJOR,
    drops,
    has_rates,
    multiply_adds,
    rows_of,
)
from ..kernels.network import problem
from ..kernels.network.cut import block_lanes
from ..kernels.network.linking import Use, linked
from ..kernels.second_order import lbfgs, levenberg_marquardt, line_search, objective
from ..kernels.second_order.jacobian import KINDS
from ..optimizers import LBFGS, FullBatch
from ..training import buffers
from ..training.checkpoint_rules import (
    CALLBACK_STOPPED,
    TIME_IS_UP,
    of_lbfgs,
    of_levenberg_marquardt,
)
from ..training.options import Options
from .slices import Begin, Watch, begin_from, run_driver

Array = NDArray[Any]

# Levenberg-Marquardt keeps JᵀJ and its factor, 8 p² bytes each: 400 MB with this many parameters.
MOST_PARAMETERS = 5000

STOPPED = {
    TIME_IS_UP: "max_seconds",
    CALLBACK_STOPPED: "callback",
    problem.FINISHED: "epochs",
    objective.GRADIENT_VANISHED: "gradient_tolerance",
    objective.COST_SETTLED: "cost_tolerance",
    objective.STALLED: "no lower cost found",
}


def run_lbfgs(
    table: Array,
    parameters: Array,
    units: int,
    X: Array,
    y: Array,
    weights: Array,
    *,
    epochs: int,
    mean: bool,
    weight_decay: float,
    loss: int,
    progress: bool | None,
    watch: Watch | None = None,
    begin: Begin | None = None,
    device: str = "cpu",
    memory: int = 10,
    gradient_tolerance: float = 1e-7,
    cost_tolerance: float = 1e-12,
) -> SecondOrderHistory:
    """L-BFGS with a strong-Wolfe line search on checked arguments; `parameters` is written.

    d = −H ∇J, with H from the last `memory` changes of parameters and gradient; then
    J(p + α d) ≤ J(p) + 1e-4 α dᵀ∇J and |dᵀ∇J(p + α d)| ≤ 0.9 |dᵀ∇J(p)|. Nocedal and Wright,
    Numerical Optimization, 2nd edition, algorithms 7.5, 3.5 and 3.6. The cost never rises.

    Parameters
    ----------
    table, parameters, units, X, y, weights, epochs, mean, weight_decay, loss, progress
        The network's, checked examples, and options of a descent; an epoch is an iteration.
        weights is empty or one factor per example, as `checks.values.example_weights` makes it.
    device : {"cpu", "cuda"}
        Where costs and gradients are computed.
    memory : int
        Pairs (s, y) remembered, m ≥ 1.
    gradient_tolerance : float
        Stop where max |∂J/∂p| is not above it.
    cost_tolerance : float
        Stop after an iteration that lowers J by no more than this part of it.

    Returns
    -------
    SecondOrderHistory

    Raises
    ------
    DivergenceError
        If the cost or its gradient is not finite at the start.
    """
    train = Examples(X, y, weights)
    size, dtype = parameters.size, parameters.dtype
    state = lbfgs.State(
        position=np.zeros(lbfgs.POSITIONS, np.int64),
        cost=np.zeros(2),
        costs=np.zeros(epochs),
        base=parameters.copy(),
        base_gradient=np.zeros(size, dtype),
        direction=np.zeros(size, dtype),
        search=np.zeros(line_search.SIZE),
        steps=np.zeros(memory * size, dtype),
        changes=np.zeros(memory * size, dtype),
        curvatures=np.zeros(memory),
        coefficients=np.zeros(memory),
    )
    descend: Callable[..., None] = lbfgs.descend
    data: Any
    if device == "cpu":
        lanes = block_lanes(len(X), units, X.shape[1], X.itemsize)
        table = linked(table, Use(dtype, single=lanes == 1, cost=True, train=True))
        model = buffers.model(table, parameters, train, lanes, 1, shuffle=False)
        data = buffers.arrange(table, train, len(X), lanes, 1, shuffle=False)
    else:
        from . import cuda

        lanes = len(X)  # all of them are one block
        model = cuda.model(table, parameters)
        data = cuda.data_cost(table, parameters, units, loss, train)
        descend = cuda.descend
    settings = _settings(
        X, epochs, lanes, loss, mean, weight_decay, gradient_tolerance, cost_tolerance
    )
    work = 3 * multiply_adds(table) * lanes
    rules = functools.partial(of_lbfgs, settings=settings)
    seconds = run_driver(descend, model, data, state, settings, work, progress, watch, begin, rules)
    return _history(state, seconds)


def run_levenberg_marquardt(
    table: Array,
    parameters: Array,
    units: int,
    X: Array,
    y: Array,
    weights: Array,
    *,
    epochs: int,
    mean: bool,
    weight_decay: float,
    loss: int,
    progress: bool | None,
    watch: Watch | None = None,
    begin: Begin | None = None,
    damping: float = 1e-3,
    decrease: float = 0.1,
    increase: float = 10.0,
    most_damping: float = 1e10,
    gradient_tolerance: float = 1e-7,
    cost_tolerance: float = 1e-12,
) -> SecondOrderHistory:
    """Levenberg-Marquardt on checked arguments; `parameters` is written.

    (JᵀJ + μ I) d = −Jᵀr for J = ½ Σ r²; μ ← μ · decrease after a step that lowers the cost,
    μ · increase after one that does not. Hagan and Menhaj, IEEE Transactions on Neural Networks 5
    (1994), with that paper's values. The cost never rises.

    Parameters
    ----------
    table, parameters, units, X, y, weights, epochs, mean, weight_decay, loss, progress
        As for `run_lbfgs`. loss is half_squared_error.
    damping : float
        μ at the start, for the sum over the examples whatever the reduction.
    decrease, increase : float
        Factors of μ, 0 < decrease < 1 < increase.
    most_damping : float
        Stop if no smaller μ than this lowers the cost.
    gradient_tolerance, cost_tolerance : float
        As for `run_lbfgs`.

    Returns
    -------
    SecondOrderHistory

    Raises
    ------
    ValueError
        If the loss is not a sum of squares, the network too large for p² numbers, or a layer of a
        kind whose Jacobian is not known.
    DivergenceError
        If the cost or its gradient is not finite at the start.
    """
    check_levenberg_marquardt(parameters.size, loss)
    check_jacobian(table)
    size = parameters.size
    # The Jacobian reads features as rows, so the first layer's input block must not be samples.
    table = table.copy()
    table[SAMPLE_MAJOR] = 0
    lanes = _jacobian_lanes(len(X), size)
    train = Examples(X, y, weights)
    table = linked(table, Use(parameters.dtype, single=lanes == 1, cost=True, train=True))
    model = buffers.model(table, parameters, train, lanes, 1, shuffle=False)
    state = levenberg_marquardt.State(
        position=np.zeros(levenberg_marquardt.POSITIONS, np.int64),
        cost=np.zeros(2),
        costs=np.zeros(epochs),
        damping=np.array([damping, decrease, increase, most_damping]),
        base=parameters.copy(),
        step=np.zeros(size),
        jacobian=np.zeros((size + 1) * lanes),
        normal=np.zeros((size + 1) * size),
        factor=np.zeros((size + 1) * size),
    )
    settings = _settings(
        X, epochs, lanes, loss, mean, weight_decay, gradient_tolerance, cost_tolerance
    )
    data = buffers.arrange(table, train, len(X), lanes, 1, shuffle=False)
    rules = functools.partial(of_levenberg_marquardt, settings=settings, outputs=y.shape[1])
    seconds = run_driver(
        levenberg_marquardt.descend, model, data, state, settings, 1, progress, watch, begin,
        rules,
    )  # fmt: skip
    return _history(state, seconds)


def run(
    optimizer: FullBatch,
    table: Array,
    parameters: Array,
    units: int,
    loss: int,
    train: Examples,
    options: Options,
    device: str = "cpu",
) -> SecondOrderHistory:
    """The optimizer that an object of `nnlib.optimizers` means, with the options of a descent.

    device is where it computes, "cpu" for Levenberg-Marquardt.

    Raises
    ------
    ValueError, DivergenceError
        As `run_lbfgs` and `run_levenberg_marquardt`.
    """
    check_full_batch(optimizer, table)
    chosen: Callable[..., SecondOrderHistory] = run_levenberg_marquardt
    if isinstance(optimizer, LBFGS):
        chosen = functools.partial(run_lbfgs, device=device)
    return chosen(
        table, parameters, units, train.X, train.y, train.weights,
        epochs=options.epochs, mean=options.mean, weight_decay=options.weight_decay, loss=loss,
        progress=options.progress, watch=Watch(options),
        begin=begin_from(table, loss, train, options, device), **asdict(optimizer),
    )  # fmt: skip


def check_full_batch(optimizer: FullBatch, table: Array) -> None:
    """Refuse what a method that takes full batches and finds its own steps cannot do.

    Raises
    ------
    ValueError
    """
    reasons = {
        "layers of dropout draw other masks for every step": drops(table),
        "layers with a rate_factor of their own have no meaning where there is no learning rate":
            has_rates(table),
    }  # fmt: skip
    for reason, holds in reasons.items():
        if holds:
            raise ValueError(f"optimizer={optimizer.name!r}: {reason}; use another optimizer")


def check_levenberg_marquardt(parameters: int, loss: int) -> None:
    """Refuse what Levenberg-Marquardt cannot do: other losses, and networks beyond its memory.

    Raises
    ------
    ValueError

    Examples
    --------
    >>> check_levenberg_marquardt(10_000, 0)
    Traceback (most recent call last):
        ...
    ValueError: optimizer='levenberg_marquardt' with 10000 parameters needs 1.6 GB for JᵀJ and ...
    """
    if loss != losses.HALF_SQUARED_ERROR:
        name = losses.of(loss).name
        raise ValueError(
            f"optimizer='levenberg_marquardt' with loss={name!r}: it minimises sums of squares, "
            "wanted loss='half_squared_error' (or optimizer='lbfgs')"
        )
    if parameters > MOST_PARAMETERS:
        raise ValueError(
            f"optimizer='levenberg_marquardt' with {parameters} parameters needs "
            f"{16e-9 * parameters**2:.1f} GB for JᵀJ and its factor, wanted at most "
            f"{MOST_PARAMETERS} parameters (or optimizer='lbfgs')"
        )


def check_jacobian(table: Array) -> None:
    """Refuse layers of which Levenberg-Marquardt has no Jacobian, by `ValueError`.

    >>> from nnlib import Network
    >>> check_jacobian(Network([1, 2, 1]).architecture.training_table)
    """
    kind = unknown_kind(table, KINDS)
    if kind is not None:
        raise ValueError(
            f"optimizer='levenberg_marquardt' has no Jacobian of layers of kind {kind!r} (use "
            "optimizer='lbfgs')"
        )
    if any(row.loss_weight != ONE for row in rows_of(table)):
        raise ValueError(
            "optimizer='levenberg_marquardt' takes no loss_weights (use optimizer='lbfgs')"
        )
    if any(row.loss not in (-1, losses.HALF_SQUARED_ERROR) for row in rows_of(table)):
        raise ValueError(
            "optimizer='levenberg_marquardt' minimises sums of squares, wanted "
            "loss='half_squared_error' for every output (or optimizer='lbfgs')"
        )


def _jacobian_lanes(n: int, parameters: int) -> int:
    """Samples per block, so that the Jacobian's block stays in cache.

    512 KiB of float64 stay in the second-level cache; wide networks still get 128 lanes, since
    products need long sides. Blocks are of equal size, in whole vectors of either dtype.
    """
    most = min(max(2**16 // parameters, 128), 1024)
    count = -(-n // most)
    return -(-n // (count * 16)) * 16


def _settings(
    X: Array,
    epochs: int,
    lanes: int,
    loss: int,
    mean: bool,
    weight_decay: float,
    gradient_tolerance: float,
    cost_tolerance: float,
) -> objective.Settings:
    n = len(X)
    return objective.Settings(
        n=n,
        epochs=epochs,
        lanes=lanes,
        loss=loss,
        scale=1 / n if mean else 1.0,
        # A whole number here would compile the driver anew.
        weight_decay=float(weight_decay),
        gradient_tolerance=float(gradient_tolerance),
        cost_tolerance=float(cost_tolerance),
    )


def _history(state: Any, seconds: float) -> SecondOrderHistory:
    """What the driver's state tells, or the error that it diverged."""
    status, epoch = int(state.position[objective.STATUS]), int(state.position[objective.EPOCH])
    if status == problem.DIVERGED:
        raise DivergenceError(
            "the cost or its gradient is not finite at the parameters that the descent starts "
            "from; the network still holds them. Try scaled inputs or smaller weights",
            0,
            History(state.cost[:1].copy(), seconds, np.full(1, np.nan)),
        )
    return SecondOrderHistory(
        J=state.costs[:epoch].copy(),
        seconds=seconds,
        learning_rate=np.full(epoch, np.nan),
        stopped=STOPPED[status],
        evaluations=int(state.position[objective.EVALUATIONS]),
        cost=float(state.cost[1]),
    )
