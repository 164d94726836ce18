"""What an epoch's cost decides: the best parameters, the learning rate on a plateau, the end."""

from __future__ import annotations

from ..compile.jit import kernel
from ..compile.memory import copy
from ..network.problem import (
    BEST,
    NO_PROGRESS,
    PATIENCE_BEST,
    PLATEAU_BEST,
    PLATEAU_WAIT,
    RATE_FACTOR,
    RUNNING,
    TARGET_REACHED,
    WAIT,
    DescentState,
    Model,
)
from ..network.rules import Rules

# An epoch is better than the best before if its cost is lower by this fraction (PyTorch's).
_PLATEAU_THRESHOLD = 1e-4


@kernel
def watch(model: Model, state: DescentState, rules: Rules, cost: float, watched: float) -> int:
    """Judge an epoch and return the status; cost is J, watched the validation cost if there is one.

    The best parameters are those of the lowest watched cost. Progress is a watched cost below that
    of the last progress by more than the tolerance; after `patience` epochs without progress the
    descent stops (scikit-learn's rule).
    """
    numbers, position = state.numbers, state.position
    if watched < numbers[BEST]:
        numbers[BEST] = watched
        copy(state.best, model.parameters)
    if watched < numbers[PATIENCE_BEST] - rules.tolerance:
        numbers[PATIENCE_BEST] = watched
        position[WAIT] = 0
    else:
        position[WAIT] += 1
    if rules.plateau_factor > 0:
        reduce_on_plateau(state, rules, watched)
    if cost <= rules.target_cost:
        return TARGET_REACHED
    if rules.patience > 0 and position[WAIT] >= rules.patience:
        return NO_PROGRESS
    return RUNNING


@kernel
def reduce_on_plateau(state: DescentState, rules: Rules, watched: float) -> None:
    """Multiply the learning rate by the factor after more than `plateau_patience` bad epochs."""
    numbers, position = state.numbers, state.position
    if watched < numbers[PLATEAU_BEST] * (1 - _PLATEAU_THRESHOLD):
        numbers[PLATEAU_BEST] = watched
        position[PLATEAU_WAIT] = 0
        return
    position[PLATEAU_WAIT] += 1
    if position[PLATEAU_WAIT] > rules.plateau_patience:
        numbers[RATE_FACTOR] *= rules.plateau_factor
        position[PLATEAU_WAIT] = 0
