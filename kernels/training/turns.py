"""What comes after a batch and after an epoch: one rule each, for the CPU's loop and for the GPU's.

The two walk through epochs in different ways. The CPU's loop (`descent`) keeps the place in
registers and goes through all rounds of a slice; a GPU's kernel reads it from memory, does one
batch and writes it back (`cuda.training.epoch`). Where they decide, both ask these functions. What
looks at the costs of earlier epochs is in `stopping`.
"""

from __future__ import annotations

import math
from typing import Any

from ..compile.jit import formula
from ..network.problem import FINISHED, RATE_FACTOR, RUNNING


@formula
def is_finite(cost: float) -> bool:
    """Whether the descent can go on with this Σ J; otherwise it has diverged, and makes no step."""
    return abs(cost) < math.inf


@formula
def is_whole_epoch(batches: int, data: Any) -> bool:
    """Whether so many batches hold all examples."""
    return batches * data.batch_size >= data.n


@formula
def rate_of(state: Any, epoch: int) -> float:
    """The learning rate of an epoch: by the schedule, and what plateaus have made of it."""
    rate: float = state.rates[epoch] * state.numbers[RATE_FACTOR]
    return rate


@formula
def scale_of(examples: int, settings: Any) -> float:
    """What the summed gradient of so many examples is multiplied with for a step."""
    return 1.0 / examples if settings.mean else 1.0


@formula
def first_cost(penalty: float, data: Any, settings: Any) -> float:
    """Σ J of an epoch before its first batch: the penalty, as `mean_of` divides it."""
    return penalty * (data.n if settings.mean else 1)


@formula
def mean_of(total: float, data: Any, settings: Any) -> float:
    """The cost as the user sees it: a mean over the examples, or their sum."""
    return total / data.n if settings.mean else total


@formula
def status_after(status: int, epochs: int, settings: Any) -> int:
    """The status after so many epochs: finished, if nothing has ended the descent before."""
    return FINISHED if status == RUNNING and epochs == settings.epochs else status
