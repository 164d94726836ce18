"""Populations in files: what `Population.save` writes and `Population.load` reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..checks.sparse import Records, from_parts, parts_of
from ..checks.values import PathLike, file_path, on_host, real_number, shown
from ..errors import FormatError
from ..files.arrays import read_arrays, write_arrays
from ..files.writing import sweep
from ..model.saved_formulas import check_custom
from ..model.saving import arguments_from, classes_to_json, described, parsed_json
from ..network import Network
from .grouping import Grouping
from .ranking import Ranking
from .saved_recipes import ARRAYS, recipe_from_file, recipe_to_file

if TYPE_CHECKING:
    from .result import Population

Array = NDArray[Any]
Made = TypeVar("Made")

_KIND = "population"
_NETWORKS = (
    {"sizes", "activation", "loss", "dtype"},
    {"graph", "loss", "loss_weights", "dtype"},
)
_TOLD = {
    "networks", "choices", "classes", "features", "seeds", "seconds", "compile_seconds", "stopped",
}  # fmt: skip
# The names of metrics, and that by which members are compared, with its sign; see `saved_recipes`.
_MAY_BE_TOLD = {"metrics", "ranking", "recipe"}
# Arrays with a row for each member: how many axes they have, and of what kind they are.
_ALWAYS = {
    "parameters": (2, "f"), "J": (2, "f"), "cost": (1, "f"), "epochs": (1, "i"),
    "choice": (1, "i"), "status": (1, "i"),
}  # fmt: skip
_SOMETIMES = {
    "validation_J": (2, "f"), "validation_cost": (1, "f"), "best_epoch": (1, "i"),
    "fold": (1, "i"), "seed": (1, "iu"), "generators": (2, "u"),
    "metrics": (2, "f"), "validation_metrics": (2, "f"), "group": (1, "i"),
}  # fmt: skip
# Those of the epochs, of the examples, and of the groups.
_OTHERS = {
    "trace": (1, "i"), "X": (2, "f"), "y": (2, "f"), "folds": (1, "i"), "grouping": (1, "u"),
    **ARRAYS,
}  # fmt: skip


def save(population: Population, path: PathLike) -> None:
    """Write all of a population, and how its members were trained if a file can hold that.

    Raises
    ------
    TypeError, ValueError, OSError, ImportError
        As `Population.save`.
    """
    X, y = population.data
    y = on_host(y)
    X = X if isinstance(X, Records) else on_host(X)
    arrays = {"X": X, "y": y}
    if isinstance(X, Records):
        arrays = {**{f"X_{name}": part for name, part in parts_of(X).items()}, "y": y}
    for name in ("trace", "folds", *_ALWAYS, *_SOMETIMES):
        values = getattr(population, name)
        if isinstance(values, np.ndarray) and values.dtype != object and (
            values.size or name not in _SOMETIMES
        ):  # fmt: skip
            arrays[name] = values
    for name in ("metrics", "validation_metrics"):
        columns = getattr(population, name)
        if columns:
            arrays[name] = np.stack(list(columns.values()), axis=1)
    if population.grouping is not None:
        arrays["grouping"] = population.grouping.to_array()
    classes = population.classes
    told = {
        "networks": [_network(own) for own in population.architectures],
        "choices": [{name: _told(own[name]) for name in own} for own in population.choices],
        "classes": None if classes is None else classes_to_json(classes),
        "features": population.feature_names,
        "seeds": None if "seed" in arrays else population.seed.tolist(),
        "seconds": population.seconds,
        "compile_seconds": population.compile_seconds,
        "stopped": population.stopped,
    }
    kept = None if population.recipe is None else recipe_to_file(population.recipe)
    if kept is not None:
        told["recipe"] = kept[0]
        arrays |= kept[1]
    if population.metrics:
        told.update(metrics=list(population.metrics), ranking=population.ranking)
    sweep(file_path("path", path))
    text = json.dumps(told, separators=(",", ":"))
    write_arrays(path, arrays, {"kind": _KIND, "population": text})


def _network(arguments: dict[str, Any]) -> dict[str, Any]:
    """What a file holds of a network that these arguments give."""
    network = Network(**arguments, initializer="zeros")
    return {**described(network), "dtype": network.dtype.name}


def _told(value: Any) -> Any:
    """A value of a grid as JSON has it; an object as its text."""
    if isinstance(value, (list, tuple)):
        return [_told(one) for one in value]
    return value if value is None or type(value) in (str, int, float, bool) else repr(value)


def read(path: PathLike, make: Callable[..., Made], custom: Any = ()) -> Made:
    """The population in a file that `save` wrote, made by `make` of its fields.

    Raises
    ------
    FormatError, OSError, ImportError
        As `Population.load`.
    """
    custom = check_custom(custom)
    arrays, metadata = read_arrays(path)
    try:
        if metadata.get("kind") != _KIND or set(metadata) != {"kind", "population"}:
            raise ValueError(f"its kind is {metadata.get('kind')!r}, wanted {_KIND!r}")
        arrays = _with_examples(arrays)
        told = _parsed(metadata["population"])
        members = _checked_arrays(arrays)
        architectures = _architectures(told["networks"], arrays, custom)
        _check_choices(told["choices"], arrays["choice"], len(architectures))
        seed = arrays.pop("seed", None)
        if seed is None:
            seed = _seeds(told["seeds"], members)
        data = arrays.pop("X"), arrays.pop("y")
        metrics, grouping = _metrics(told, arrays), _grouping(arrays)
        groups = None if grouping is None else len(grouping.names)
        recipe = recipe_from_file(told.get("recipe"), arrays, data, architectures, groups)
        missing = {name: None for name in (*_SOMETIMES, "folds") if name != "seed"}
        fields = {
            **missing, "generators": np.empty((0, 4), np.uint64), **arrays, **metrics, "seed": seed,
            "grouping": grouping,
            "data": data, "architectures": architectures, "recipe": recipe,
            "choices": told["choices"], "stopped": told["stopped"],
            **{name: real_number(name, told[name]) for name in ("seconds", "compile_seconds")},
        }  # fmt: skip
        first = Network(**architectures[0], initializer="zeros")
        first.classes, first.feature_names = told["classes"], told["features"]
        return make(**fields, classes=first.classes, feature_names=first.feature_names)
    except (TypeError, ValueError, KeyError) as error:
        raise FormatError(f"{path} holds no population that nnlib can read: {error}") from error


def _with_examples(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays of a file, with X in place of its parts where the examples are sparse."""
    parts = {name[2:]: array for name, array in arrays.items() if name.startswith("X_")}
    found = {name: array for name, array in arrays.items() if not name.startswith("X_")}
    if not parts:
        return found
    wanted = {"starts": "i", "columns": "iu", "values": "f", "features": "i"}
    flat = all(array.ndim == 1 for array in parts.values())
    if "X" in found or parts.keys() != wanted.keys() or not flat or not parts["starts"].size:
        raise ValueError(f"its sparse examples are {sorted(parts)}, wanted {sorted(wanted)}")
    for name, kinds in wanted.items():
        if parts[name].dtype.kind not in kinds:
            raise ValueError(f"its X_{name} is {parts[name].dtype}")
    return {**found, "X": from_parts(parts)}


def _parsed(text: str) -> dict[str, Any]:
    """What stands beside the arrays."""
    told = parsed_json("description", text)
    if not isinstance(told, dict) or set(told) - _MAY_BE_TOLD != _TOLD:
        raise ValueError(f"its description holds {shown(told)}, wanted {sorted(_TOLD)}")
    if told["stopped"] is not None and not isinstance(told["stopped"], str):
        raise TypeError(f"stopped is {shown(told['stopped'])}")
    return told


def _metrics(told: Mapping[str, Any], arrays: Mapping[str, Array]) -> dict[str, Any]:
    """The fields of metrics: columns by their names, and by which members are compared."""
    names = told.get("metrics", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"metrics is {shown(names)}, wanted a list of names")
    if bool(names) != ("metrics" in arrays) or len(set(names)) != len(names):
        raise ValueError(f"its metrics are {names}, wanted different names, and their values")
    fields: dict[str, Any] = {"metrics": {}, "validation_metrics": None, "ranking": None}
    for field in arrays.keys() & fields.keys():
        if not names or arrays[field].shape[1] != len(names):
            raise ValueError(f"its {field} has shape {arrays[field].shape}, wanted {len(names)}")
        fields[field] = dict(zip(names, arrays[field].T.copy(), strict=True))
    ranking = told.get("ranking")
    if ranking is not None:
        if not isinstance(ranking, list) or len(ranking) != 2 or ranking[0] not in names:
            raise ValueError(f"ranking is {shown(ranking)}, wanted one of its metrics and a sign")
        if ranking[1] not in (1, -1):
            raise ValueError(f"ranking is {shown(ranking)}, wanted the sign 1 or −1")
        fields["ranking"] = Ranking(*ranking)
    return fields


def _grouping(arrays: Mapping[str, Array]) -> Grouping | None:
    """The groups, of which each member has one; None where there are none."""
    if ("group" in arrays) != ("grouping" in arrays):
        raise ValueError("it has numbers of groups without their names, or names without numbers")
    if "group" not in arrays:
        return None
    found, group = Grouping.from_array(arrays["grouping"]), arrays["group"]
    if group.size and not (group.min() >= 0 and group.max() < len(found.names)):
        raise ValueError(f"its members have groups beyond the {len(found.names)} that there are")
    return found


def _checked_arrays(arrays: Mapping[str, Array]) -> int:
    """The number of members, after a check of all shapes and dtypes."""
    known = {**_ALWAYS, **_SOMETIMES, **_OTHERS}
    missing = {*_ALWAYS, "trace", "X", "y"} - set(arrays)
    if missing or not set(arrays) <= set(known):
        raise ValueError(f"its arrays are {sorted(arrays)}, wanted those of {sorted(known)}")
    members = len(arrays["cost"]) if arrays["cost"].ndim else 0
    for name, array in arrays.items():
        axes, kinds = known[name]
        rows = members if name in {**_ALWAYS, **_SOMETIMES} else None
        if array.ndim != axes or array.dtype.kind not in kinds or rows not in (None, len(array)):
            raise ValueError(f"its {name} is {array.dtype} of shape {array.shape}")
    points, examples = len(arrays["trace"]), len(arrays["X"])
    for name in ("J", "validation_J"):
        if name in arrays and arrays[name].shape[1] != points:
            raise ValueError(
                f"its {name} has shape {arrays[name].shape}, and trace {points} epochs"
            )
    for name in ("y", "folds"):
        if name in arrays and len(arrays[name]) != examples:
            raise ValueError(f"its {name} has {len(arrays[name])} examples, and X {examples}")
    generators = arrays.get("generators", np.ones((1, 4)))
    if generators.shape[1] != 4 or not generators.any(axis=1).all():
        raise ValueError("its generators are not of four words each, not all 0")
    if "seed" in arrays and (arrays["seed"] < 0).any():
        raise ValueError("a seed of it is below 0")
    return members


def _architectures(told: Any, arrays: Mapping[str, Array], custom: Any) -> list[dict[str, Any]]:
    """The arguments of `Network` for each choice; all of its parameters are there."""
    if not isinstance(told, list) or not told:
        raise ValueError("it names no networks")
    known: dict[str, dict[str, Any]] = {}
    texts = [json.dumps(one) for one in told]
    for text, one in zip(texts, told, strict=True):
        if text not in known:
            known[text] = _arguments(one, arrays, custom)
    return [known[text] for text in texts]


def _arguments(told: Any, arrays: Mapping[str, Array], custom: Any) -> dict[str, Any]:
    """The arguments of one network, which fits the arrays."""
    if not isinstance(told, dict) or set(told) not in _NETWORKS:
        raise ValueError(f"a network of it is {shown(told)}")
    arguments, wanted = arguments_from(dict(told), custom)
    parameters = arrays["parameters"]
    if wanted > parameters.shape[1] or parameters.dtype.name != told["dtype"]:
        raise ValueError(
            f"its parameters are {parameters.shape[1]} of {parameters.dtype}, and a network of it "
            f"has {wanted} of {shown(told['dtype'])}"
        )
    X, y = arrays["X"], arrays["y"]
    own = Network(**arguments, initializer="zeros").architecture.reading(X)
    widths = X.matrix.features if isinstance(X, Records) else X.shape[1], y.shape[1]
    if widths != (own.d_in, own.d_out):
        raise ValueError(f"its data have {widths} values an example, its networks others")
    return arguments


def _check_choices(choices: Any, choice: Array, count: int) -> None:
    """A dict for each choice, and members of these alone."""
    if not isinstance(choices, list) or len(choices) != count:
        raise ValueError(f"it has {count} networks, and not as many choices")
    if not all(isinstance(own, dict) for own in choices):
        raise TypeError("a choice of it is no mapping")
    if choice.size and not (choice.min() >= 0 and choice.max() < count):
        raise ValueError(f"its members have choices beyond the {count} that there are")


def _seeds(seeds: Any, members: int) -> Array:
    """Seeds that no array of NumPy's holds: None, or longer than 64 bits."""
    if not isinstance(seeds, Sequence) or len(seeds) != members:
        raise ValueError("it has not a seed for each member")
    if any(one is not None and (type(one) is not int or one < 0) for one in seeds):
        raise ValueError("a seed of it is no whole number")
    result = np.empty(members, object)
    result[:] = seeds
    return result
