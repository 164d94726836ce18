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
from ..training.options import OPTIONS

ARCHITECTURE = ("sizes", "activation", "initializer")
VARYING = tuple(name for name, entry in OPTIONS.items() if entry.population == "varies")
# What all members share.
SHARED = tuple(name for name, entry in OPTIONS.items() if entry.population == "shared")
# The arguments of `train_many` itself.
_OWN = ("n", "seeds", "grid", "activation", "loss", "dtype", "initializer", "sample_weight",
         "lengths", "mask", "groups", "min_rows", "folds", "bootstrap", "halving", "rank_by",
         "trace", "seed", "device", "cluster", "checkpoint", "resume")  # fmt: skip

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
        if name in OPTIONS and OPTIONS[name].no_population:
            raise ValueError(f"train_many takes no {name}: {OPTIONS[name].no_population}")
        if name not in (*VARYING, *SHARED):
            raise unknown_argument("train_many", name, (*VARYING, *SHARED, *_OWN))


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
    known_name("argument of the grid", name, (*ARCHITECTURE, *VARYING))
    if isinstance(given, Mapping) or not holds_several(given):
        raise TypeError(f"grid[{name!r}] must be a list of values; got {shown(given)}")
    if isinstance(given, Sized):
        check_memory(f"grid[{name!r}] has {len(given)} values: they", _CHOICE_BYTES * len(given))
    values = given.tolist() if isinstance(given, np.ndarray) else list(given)
    if not values:
        raise ValueError(f"grid[{name!r}] is empty, wanted at least one value")
    return values
