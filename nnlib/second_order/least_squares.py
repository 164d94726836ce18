"""Levenberg-Marquardt: what it cannot do, its arrays, and its run."""

from __future__ import annotations

import functools

import numpy as np

from ..history import SecondOrderHistory
from ..kernels.formulas import losses
from ..kernels.layers.kinds import unknown_kind
from ..kernels.layers.operations import ONE, SAMPLE_MAJOR, rows_of
from ..kernels.network.linking import Use, linked
from ..kernels.second_order import levenberg_marquardt
from ..kernels.second_order.jacobian import KINDS
from ..optimizers import LevenbergMarquardt
from ..training import buffers
from ..training.checkpoint_rules import of_levenberg_marquardt
from .minimised import Array, Minimised, history_of, settings_of
from .slices import Driver, Run, run_driver

# Levenberg-Marquardt keeps JᵀJ and its factor, 8 p² bytes each: 400 MB with this many parameters.
MOST_PARAMETERS = 5000


def run_levenberg_marquardt(
    minimised: Minimised, optimizer: LevenbergMarquardt, run: Run
) -> SecondOrderHistory:
    """Levenberg-Marquardt; the network's parameters are written.

    (JᵀJ + μ I) d = −Jᵀr for J = ½ Σ r²; μ ← μ · decrease after a step that lowers the cost,
    μ · increase after one that does not. Hagan and Menhaj, IEEE Transactions on Neural Networks 5
    (1994), with that paper's values. The cost never rises.

    Parameters
    ----------
    minimised : Minimised
        The network and checked examples; the loss is half_squared_error.
    optimizer : LevenbergMarquardt
        Its settings; damping is μ at the start, for the sum over the examples whatever the
        reduction.
    run : Run
        Options of the descent; an epoch is an iteration.

    Raises
    ------
    ValueError
        If the loss is not a sum of squares, the network too large for p² numbers, or a layer of a
        kind whose Jacobian is not known.
    DivergenceError
        If the cost or its gradient is not finite at the start.
    """
    parameters, train = minimised.parameters, minimised.train
    check_levenberg_marquardt(parameters.size, minimised.loss)
    check_jacobian(minimised.table)
    # The Jacobian reads features as rows, so the first layer's input block must not be samples.
    table = minimised.table.copy()
    table[SAMPLE_MAJOR] = 0
    lanes = _jacobian_lanes(len(train.X), parameters.size)
    table = linked(table, Use(parameters.dtype, single=lanes == 1, cost=True, train=True))
    model = buffers.model(table, parameters, train, lanes, 1, shuffle=False)
    data = buffers.arrange(table, train, len(train.X), lanes, 1, shuffle=False)
    settings = settings_of(minimised, optimizer, run, lanes)
    rules = functools.partial(of_levenberg_marquardt, settings=settings, outputs=train.y.shape[1])
    state = _state(parameters, optimizer, run.epochs, lanes)
    driver = Driver(levenberg_marquardt.descend, model, data, state, settings, 1, rules)
    return history_of(state, run_driver(driver, run))


def _state(
    parameters: Array, optimizer: LevenbergMarquardt, epochs: int, lanes: int
) -> levenberg_marquardt.LevenbergMarquardtState:
    """The state before the first iteration."""
    size, own = parameters.size, optimizer
    return levenberg_marquardt.LevenbergMarquardtState(
        position=np.zeros(levenberg_marquardt.POSITIONS, np.int64),
        cost=np.zeros(2),
        costs=np.zeros(epochs),
        damping=np.array([own.damping, own.decrease, own.increase, own.most_damping]),
        base=parameters.copy(),
        step=np.zeros(size),
        jacobian=np.zeros((size + 1) * lanes),
        normal=np.zeros((size + 1) * size),
        factor=np.zeros((size + 1) * size),
    )


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
    most = min(max(2**16 // max(parameters, 1), 128), 1024)
    count = -(-n // most)
    return -(-n // (count * 16)) * 16
