"""F of checked examples, by as many threads as are worth their start."""

from __future__ import annotations

import functools

import numpy as np

from ..kernels.network import evaluate
from ..kernels.network.blocks import memory_of
from ..kernels.network.cut import block_lanes
from ..kernels.network.linking import Use
from ..kernels.threads.team import disband
from ..layers.shaped import Array
from ..machine.threads import Team, usable_threads
from .architecture import Architecture

# F runs on a team from this many multiplications on, about 0.4 ms: to start a team takes 0.1 ms.
TEAM_WORK = 20_000_000
# What an activation takes, in multiplications of a matrix product.
UNIT_WORK = 30
# For a call by one thread.
_NO_BOARD = np.zeros(0, np.int64)


def outputs(out: Array, architecture: Architecture, parameters: Array, X: Array) -> bool:
    """out (n · d_L,) ← F(X), by as many threads as are worth their start.

    Returns whether X and the parameters are finite.
    """
    (n, d_in), units = X.shape, architecture.units
    lanes = block_lanes(n, units, d_in, out.itemsize, architecture.convolves)
    work = n * (architecture.work + UNIT_WORK * units)
    members = usable_threads(-(-n // lanes)) if work > TEAM_WORK else 1
    scratch = np.empty(members * (units + d_in) * lanes, out.dtype)
    table, rows = architecture.linked.get((lanes == 1, out.itemsize)), X.reshape(-1)
    if X.dtype != out.dtype:
        table = architecture.image_table(Use(out.dtype, lanes == 1))
        rows = memory_of(X, out.dtype)
    elif table is None:
        table = architecture.output_table(out.dtype, lanes == 1)
    given = out, rows, table, parameters, scratch, lanes
    if members == 1:
        met = evaluate.outputs(*given, _NO_BOARD, 0, 1)
    else:
        team = Team()
        call = functools.partial(evaluate.outputs, *given, team.board)
        try:
            team.hire(members - 1, lambda member: call(member, members))
            met = call(0, members)
        finally:
            disband(team.board)
        team.check()
    finite: bool = met == evaluate.FINITE
    return finite
