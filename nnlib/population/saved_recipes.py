"""How the members of a population were trained, as a file holds it: options, weights, a start.

A file holds no code: what is an object of a class of the user's own, or an array in place of an
initializer's name, it cannot hold, and then it holds no recipe at all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import schedules
from ..checks.examples import Examples, counted
from ..checks.values import on_host, shown
from ..network import Network
from ..optimizers import OPTIMIZERS, Optimizer
from ..schedules import Schedule
from ..training.options import OPTIONS, Options
from .refit import Recipe
from .windows import Windows

Array = NDArray[Any]

# Part of the examples or of their weights, or of no meaning for a network trained later.
_LEFT_OUT = ("validation", "class_weight", "metrics", "max_seconds", "callback", "progress")
_KEPT = tuple(
    name
    for name, entry in OPTIONS.items()
    if entry.population != "absent" and name not in _LEFT_OUT
)
_KINDS: dict[str, type[Any]] = {
    **{kind.__name__: kind for kind in OPTIMIZERS.values()},
    **{
        name: kind
        for name, kind in vars(schedules).items()
        if isinstance(kind, type) and issubclass(kind, Schedule) and kind is not Schedule
    },
}
# Axes of the arrays, and of what kind they are.
ARRAYS = {
    "weights": (1, "f"), "validation_X": (2, "f"), "validation_y": (2, "f"),
    "validation_weights": (1, "f"), "start": (1, "f"), "start_generator": (1, "u"),
    "group_rows": (1, "i"), "group_validation_rows": (1, "i"),
}  # fmt: skip


class _UnkeptError(Exception):
    """A value that no file holds."""


def recipe_to_file(recipe: Recipe) -> tuple[dict[str, Any], dict[str, Array]] | None:
    """What stands in a file's text and in its arrays; None if it cannot hold this recipe."""
    try:
        told = {
            "options": [
                {
                    name: _told(value)
                    for name in _KEPT
                    if (value := getattr(own, name)) is not OPTIONS[name].default
                }
                for own in recipe.options
            ],
            "initializers": [_told(one) for one in recipe.initializers],
            "own_weights": recipe.own_weights,
        }
    except _UnkeptError:
        return None
    arrays = {"weights": recipe.train.weights}
    if recipe.validation is not None:
        X, y, weights = recipe.validation.X, recipe.validation.y, recipe.validation.weights
        arrays |= {"validation_X": X, "validation_y": y, "validation_weights": weights}
    if recipe.start is not None:
        parameters, _, generator = recipe.start.state()
        arrays |= {"start": parameters, "start_generator": generator}
    if recipe.windows is not None:
        own = recipe.windows
        arrays |= {"group_rows": own.count, "group_validation_rows": own.held_count}
    return told, {name: on_host(array) for name, array in arrays.items()}


def recipe_from_file(
    told: Any,
    arrays: MutableMapping[str, Array],
    data: tuple[Array, Array],
    architectures: Sequence[Mapping[str, Any]],
    groups: int | None,
) -> Recipe | None:
    """The recipe in a file; its arrays are taken from the mapping. None: the file has none.

    groups is how many of them there are, None: none.

    Raises
    ------
    TypeError, ValueError, KeyError
        For what `recipe_to_file` does not write.
    """
    own = {name: arrays.pop(name) for name in ARRAYS if name in arrays}
    if told is None:
        return None
    parts = {"options": list, "initializers": list, "own_weights": bool}
    if not isinstance(told, dict) or {name: type(one) for name, one in told.items()} != parts:
        raise ValueError(f"its recipe is {shown(told)}")
    (X, y), count = data, len(architectures)
    if len(told["options"]) != count or len(told["initializers"]) != count:
        raise ValueError(f"its recipe is not one of {count} choices")
    dtype = np.dtype(architectures[0]["dtype"])
    train, validation = _examples(dtype, X, y, own["weights"]), None
    if "validation_X" in own:
        held_out = own["validation_X"], own["validation_y"], own["validation_weights"]
        validation = _examples(dtype, *held_out)
        if (validation.X.shape[1], validation.y.shape[1]) != (X.shape[1], y.shape[1]):
            raise ValueError("its validation examples have not the widths of the others")
    networks: dict[int, Network] = {}
    for one in architectures:
        if id(one) not in networks:
            networks[id(one)] = Network(**one, initializer="zeros")
    start = None
    if "start" in own:
        start = Network(**architectures[0], initializer="zeros")
        start.restore(own["start"], start.seed, own["start_generator"])
    return Recipe(
        counted(train),
        validation,
        networks=[networks[id(one)] for one in architectures],
        options=[_options(one) for one in told["options"]],
        initializers=[_initializer(one) for one in told["initializers"]],
        start=start,
        own_weights=told["own_weights"],
        windows=_windows(own, groups, len(X), 0 if validation is None else len(validation.X)),
    )


def _told(value: Any) -> Any:
    """A value as JSON has it; raises `_UnkeptError`."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, (list, tuple)) and all(type(one) is float for one in value):
        return list(value)
    if isinstance(value, (Optimizer, Schedule)) and _KINDS.get(type(value).__name__) is type(value):
        settings = {own.name: getattr(value, own.name) for own in dataclasses.fields(value)}  # type: ignore[arg-type]
        return {
            "kind": type(value).__name__,
            "settings": {name: _told(one) for name, one in settings.items()},
        }
    raise _UnkeptError


def _value(told: Any) -> Any:
    """The value of which JSON holds this; classes check their settings themselves."""
    if isinstance(told, dict):
        if set(told) != {"kind", "settings"} or told["kind"] not in _KINDS:
            raise ValueError(f"its recipe holds {shown(told)}")
        return _KINDS[told["kind"]](**{name: _value(own) for name, own in told["settings"].items()})
    return tuple(told) if isinstance(told, list) else told


def _options(told: Any) -> Options:
    if not isinstance(told, dict) or not set(told) <= set(_KEPT):
        raise ValueError(f"the options of its recipe are {shown(told)}")
    return Options(**{name: _value(own) for name, own in told.items()})


def _initializer(told: Any) -> str | None:
    if told is not None and not isinstance(told, str):
        raise TypeError(f"an initializer of its recipe is {shown(told)}")
    return told


def _windows(
    arrays: Mapping[str, Array], groups: int | None, examples: int, held_out: int
) -> Windows | None:
    """The rows of so many groups, which are all of the examples; None: there are no groups."""
    names = "group_rows", "group_validation_rows"
    if groups is None:
        if arrays.keys() & set(names):
            raise ValueError("its recipe has rows of groups, and it has no groups")
        return None
    for name, total in zip(names, (examples, held_out), strict=True):
        rows = arrays[name]
        if (rows < 1).any() or sum(rows.tolist()) != total or len(rows) != bool(total) * groups:
            raise ValueError(f"its {name} are not those of {groups} groups and {total} examples")
    return Windows(arrays[names[0]], arrays[names[1]], np.empty(0, np.int64))


def _examples(dtype: np.dtype[Any], X: Array, y: Array, weights: Array) -> Examples:
    """Examples of a file; `ValueError` if their arrays do not fit together."""
    counts = {len(X), len(y), len(weights) if weights.size else len(X)}
    if len(counts) != 1 or not len(X):
        raise ValueError(f"its examples have the shapes {X.shape}, {y.shape} and {weights.shape}")
    if {X.dtype, y.dtype, weights.dtype} != {dtype}:
        raise ValueError(f"its examples are {X.dtype}, {y.dtype} and {weights.dtype}, not {dtype}")
    if not all(np.isfinite(array).all() for array in (X, y, weights)) or (weights < 0).any():
        raise ValueError("its examples are not finite, or have weights below 0")
    return Examples(X, y, weights)
