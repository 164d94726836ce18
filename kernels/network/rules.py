"""The numbers of regularisation and of stopping: the rules by which a descent goes.

They travel together everywhere: in the settings of one network, as a row for each choice of a
population, and as the first numbers of a network on a GPU.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.jit import Doubles, formula


class Rules(NamedTuple):
    """All of them are float64, counts too, since a population keeps them as rows of a matrix."""

    l1: float
    l2: float  # weight decay
    clip_norm: float  # 0: no clipping, for both
    clip_value: float
    max_norm: float  # 0: none
    tolerance: float
    patience: float  # epochs; 0: never stop for want of progress
    target_cost: float  # −inf: none
    plateau_factor: float  # 0: the schedule alone
    plateau_patience: float  # epochs


RULES = len(Rules._fields)
# Of a descent that asks for nothing.
NO_RULES = Rules(0, 0, 0, 0, 0, 0, 0, float("-inf"), 0, 0)


@formula
def rules_of(row: Doubles) -> Rules:
    """The rules from their row of numbers; no other function knows the places."""
    return Rules(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9])
