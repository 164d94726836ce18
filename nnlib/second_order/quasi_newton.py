"""L-BFGS: its arrays, and its run on the CPU or a GPU."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..cluster.door import engine_for
from ..history import SecondOrderHistory
from ..kernels.layers.operations import convolves, multiply_adds
from ..kernels.network import problem
from ..kernels.network.cut import block_lanes
from ..kernels.network.linking import Use, linked
from ..kernels.second_order import lbfgs, line_search, objective
from ..optimizers import LBFGS
from ..training import buffers
from ..training.checkpoint_rules import of_lbfgs
from ..training.windows import Cut, Streamed, Windows
from . import elsewhere
from .minimised import Array, Minimised, history_of, settings_of
from .over_workers import NetworkCost, WorkerCost
from .slices import Driver, Run, run_driver


def run_lbfgs(
    minimised: Minimised, optimizer: LBFGS, run: Run, device: str = "cpu", cluster: Any = None
) -> SecondOrderHistory:
    """L-BFGS with a strong-Wolfe line search; the network's parameters are written.

    d = −H ∇J, with H from the last `memory` changes of parameters and gradient; then
    J(p + α d) ≤ J(p) + 1e-4 α dᵀ∇J and |dᵀ∇J(p + α d)| ≤ 0.9 |dᵀ∇J(p)|. Nocedal and Wright,
    Numerical Optimization, 2nd edition, algorithms 7.5, 3.5 and 3.6. The cost never rises.

    Parameters
    ----------
    minimised : Minimised
        The network and checked examples.
    optimizer : LBFGS
        Its settings.
    run : Run
        Options of the descent; an epoch is an iteration.
    device : {"cpu", "cuda"}
        Where costs and gradients are computed.
    cluster : object or None
        Whose workers compute them, as for `descent`.

    Raises
    ------
    DivergenceError
        If the cost or its gradient is not finite at the start.
    """
    where = _where(minimised, device, cluster)
    parameters, settings = minimised.parameters, settings_of(minimised, optimizer, run, where.lanes)
    driver = Driver(
        where.descend, where.model, where.data,
        _state(parameters, optimizer.memory, run.epochs), settings,
        3 * multiply_adds(minimised.table) * where.lanes,
        functools.partial(of_lbfgs, settings=settings),
    )  # fmt: skip
    try:
        return history_of(driver.state, run_driver(driver, run))
    finally:
        if where.close is not None:
            where.close()


class _Where(NamedTuple):
    """Where costs and gradients are computed."""

    descend: Callable[..., None]
    model: problem.Model
    data: Any  # where `descend` has the examples from
    lanes: int
    close: Callable[[], None] | None = None


def _where(minimised: Minimised, device: str, cluster: Any) -> _Where:
    """The kernels of this process, with all rows or with windows of them, a GPU, or workers."""
    table, parameters, train = minimised.table, minimised.parameters, minimised.train
    if device != "cpu":
        from . import cuda

        cost = cuda.data_cost(table, parameters, minimised.units, minimised.loss, train)
        model = elsewhere.model(table, parameters)
        return _Where(elsewhere.descend, model, cost, len(train.X))  # all are one block
    n, d_in = train.X.shape
    lanes = block_lanes(n, minimised.units, d_in, train.X.itemsize, convolves(table))
    if cluster is not None:
        assert isinstance(train, Streamed)
        network = NetworkCost(table, lanes, minimised.loss)
        sums = WorkerCost(engine_for(cluster), network, train)
        model = elsewhere.model(table, parameters)
        return _Where(elsewhere.descend, model, sums, lanes, sums.close)
    table = linked(table, Use(parameters.dtype, single=lanes == 1, cost=True, train=True))
    model = buffers.model(table, parameters, train, lanes, 1, shuffle=False)
    if isinstance(train, Streamed):
        windows = Windows(train, Cut(table, lanes, lanes, 1), None)
        return _Where(_from_windows, model, windows, lanes, windows.close)
    data = buffers.arrange(table, train, n, lanes, 1, shuffle=False)
    return _Where(lbfgs.descend, model, data, lanes)


def _from_windows(
    model: problem.Model,
    windows: Windows,
    state: lbfgs.LBFGSState,
    settings: objective.Settings,
    budget: int,
) -> None:
    """`lbfgs.descend` over blocks that are read while it runs, from one window to the next."""
    position = state.position
    while budget > 0 and position[objective.STATUS] == problem.RUNNING:
        block = int(position[objective.BLOCK])
        window = windows.at(0, block)
        own = min(budget, window.last - block)
        lbfgs.descend(model, window.data, state, settings, own)
        budget -= own


def _state(parameters: Array, memory: int, epochs: int) -> lbfgs.LBFGSState:
    """The state before the first iteration, with `memory` pairs of changes."""
    size, dtype = parameters.size, parameters.dtype
    return lbfgs.LBFGSState(
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
