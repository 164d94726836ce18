"""Which options the members of a population differ in: the grid, checked and multiplied out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence, Sized
from typing import Any

import numpy as np

from ..checks.memory import check_memory
from ..checks.names import unknown_argument
from ..checks.values import holds_several, known_name, shown

ARCHITECTURE = ("sizes", "activation", "initializer")
OPTIONS = (
    "optimizer", "learning_rate", "weight_decay", "l1", "max_norm", "dropout", "clip_norm",
    "clip_value", "batch_size", "patience", "tolerance", "target_cost",
)  # fmt: skip
# What all members share.
SHARED = (*OPTIONS, "epochs", "reduction", "shuffle", "validation", "max_seconds", "callback",
          "progress")  # fmt: skip
# The arguments of `train_many` itself.
_OWN = ("n", "seeds", "grid", "activation", "loss", "dtype", "initializer", "sample_weight",
        "folds", "bootstrap", "halving", "trace", "seed", "device")  # fmt: skip
# What belongs to the descent of one network alone, and what to do instead.
_REFUSED = {
    "partial": "a population starts afresh",
    "checkpoint": "a population has none",
    "checkpoint_seconds": "a population has no checkpoint",
    "resume": "a population has no checkpoint",
    "precision": "its networks are too narrow for tensor cores",
    "callback_epochs": "a population calls its callback about every 50 ms",
}

Choice = dict[str, Any]

# Of a choice and its options, about.
_CHOICE_BYTES = 1000


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse keyword arguments that are no options of a population.

    >>> check_options({"epoch": 3})
    Traceback (most recent call last):
    ...
    TypeError: train_many() got an unexpected keyword argument 'epoch'; did you mean 'epochs'?
    """
    for name in options:
        if name in _REFUSED:
            raise ValueError(f"train_many takes no {name}: {_REFUSED[name]}")
        if name not in SHARED:
            raise unknown_argument("train_many", name, (*SHARED, *_OWN))


def combinations(grid: Any) -> list[Choice]:
    """Every combination of a grid's values, the last name fastest; of several grids in turn.

    >>> combinations({"learning_rate": [0.1, 0.2], "l1": [0, 1e-3]})[1]
    {'learning_rate': 0.1, 'l1': 0.001}
    >>> combinations([{"l1": [0.1], "weight_decay": [0.2]}, {"l1": [0.3]}])
    [{'l1': 0.1, 'weight_decay': 0.2}, {'l1': 0.3}]
    >>> combinations(None)
    [{}]
    """
    if grid is None:
        return [{}]
    grids = [grid] if isinstance(grid, Mapping) else grid
    wanted = "a dict such as {'learning_rate': [0.1, 0.2]}, or a list of such"
    if not isinstance(grids, Sequence) or isinstance(grids, str):
        raise TypeError(f"grid must be {wanted}; got {shown(grid)}")
    if not grids:
        raise ValueError(f"grid is empty, wanted {wanted}")
    choices: list[Choice] = []
    for one in grids:
        if not isinstance(one, Mapping):
            raise TypeError(f"grid must be {wanted}; got {shown(one)} in it")
        values = [_values(name, given) for name, given in one.items()]
        count = math.prod(map(len, values))
        check_memory(f"grid has {count} combinations: they", _CHOICE_BYTES * count)
        choices += [dict(zip(one, chosen, strict=True)) for chosen in itertools.product(*values)]
    return choices


def _values(name: Any, given: Any) -> list[Any]:
    """The values of one name of a grid."""
    known_name("argument of the grid", name, (*ARCHITECTURE, *OPTIONS))
    if isinstance(given, Mapping) or not holds_several(given):
        raise TypeError(f"grid[{name!r}] must be a list of values; got {shown(given)}")
    if isinstance(given, Sized):
        check_memory(f"grid[{name!r}] has {len(given)} values: they", _CHOICE_BYTES * len(given))
    values = given.tolist() if isinstance(given, np.ndarray) else list(given)
    if not values:
        raise ValueError(f"grid[{name!r}] is empty, wanted at least one value")
    return values
