"""Networks in files: what `Network.save` writes and `load` reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..checks.values import PathLike, file_path, layer_sizes, shown
from ..errors import FormatError
from ..files.arrays import Array, read_arrays, write_arrays
from ..files.writing import sweep
from .dense_chain import count_parameters
from .function import NetworkFunction
from .graph import draw
from .graph_json import graph_to_json, values_from_json
from .rows import Training
from .saved_formulas import check_custom, from_json, to_json

Made = TypeVar("Made", bound=NetworkFunction)

_KIND = "network"
_ARRAYS = {"parameters", "generator"}
_ARCHITECTURE = {"sizes", "activation", "loss", "dtype", "seed"}
# Of a network that is no plain chain.
_GRAPH = {"graph", "loss", "loss_weights", "dtype", "seed"}
# A layer costs 10 µs and 1 KB when a network is made, however few bytes it took in the file.
LAYERS_LIMIT = 40_000


def save(network: NetworkFunction, path: PathLike) -> None:
    """Write all of a network: architecture, parameters, and the state of its generator.

    Raises
    ------
    TypeError
        For an open file's number.
    ValueError
        If the parameters are not finite, or the layers too many to be read again.
    OSError, ImportError
        As `files.arrays.write_arrays`.
    """
    _check_layers(network.sizes)
    parameters, seed, generator = network.state()
    architecture = {**described(network), "dtype": network.dtype.name, "seed": seed}
    if network.classes is not None:
        architecture["classes"] = classes_to_json(network.classes)
    if network.feature_names is not None:
        architecture["features"] = network.feature_names
    sweep(file_path("path", path))
    write_arrays(
        path,
        {"parameters": parameters, "generator": generator},
        {"kind": _KIND, "architecture": json.dumps(architecture, separators=(",", ":"))},
    )


def read(path: PathLike, make: Callable[..., Made], custom: Any = ()) -> Made:
    """The network in a file that `save` wrote, made by `make(sizes=…, activation=…, …)`.

    custom are the formulas of the user's own that the file may name.

    Raises
    ------
    FormatError, OSError, ImportError
        As `nnlib.load`.
    """
    custom = check_custom(custom)
    arrays, metadata = read_arrays(path)
    try:
        _check_parts(arrays, metadata)
        architecture = _parse_architecture(metadata["architecture"])
        seed = architecture.pop("seed")
        classes, features = architecture.pop("classes", None), architecture.pop("features", None)
        architecture, wanted = arguments_from(architecture, custom)
        _check_parameters(arrays["parameters"], wanted, architecture["dtype"])
        _check_seed(seed)
        network = make(**architecture, initializer="zeros")
        # Files of earlier versions may tell no seed: then none is known.
        network.restore(arrays["parameters"], seed, arrays["generator"])
        network.classes, network.feature_names = classes, features
    except (TypeError, ValueError) as error:
        raise FormatError(f"{path} holds no network that nnlib can read: {error}") from error
    return network


def arguments_from(architecture: dict[str, Any], custom: Any) -> tuple[dict[str, Any], int]:
    """The arguments of `Network` that a file tells, and how many parameters it has.

    >>> told = {"sizes": [1, 2, 1], "activation": ["tanh", "tanh"], "loss": "huber"}
    >>> arguments_from(told, ())[1]
    7
    """
    if "graph" in architecture:
        inputs, outputs = values_from_json(architecture["graph"], LAYERS_LIMIT, custom)
        wanted = sum(layer.size for layer in draw(inputs, outputs).graph.layers)
        others = {name: value for name, value in architecture.items() if name != "graph"}
        architecture = {**others, "inputs": inputs, "outputs": outputs}
    else:
        _check_layers(architecture["sizes"])
        wanted = count_parameters(layer_sizes(architecture["sizes"]))
    _read_formulas(architecture, custom)
    return architecture, wanted


def _check_parts(arrays: dict[str, Array], metadata: dict[str, str]) -> None:
    """The file is a network's, with nothing missing and nothing more."""
    kind = metadata.get("kind")
    if kind != _KIND:
        instead = "; nnlib.Population.load reads it" if kind == "population" else ""
        raise ValueError(f"its kind is {kind!r}, wanted {_KIND!r}{instead}")
    _check_names("metadata", set(metadata), {"kind", "architecture"})
    _check_names("arrays", set(arrays), _ARRAYS)


def _check_names(what: str, names: set[str], wanted: set[str]) -> None:
    if names != wanted:
        raise ValueError(f"{what} holds {sorted(names)}, wanted {sorted(wanted)}")


def parsed_json(what: str, text: str) -> Any:
    """What a text of a file says, which may be anything; what is what a message calls it."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its {what} cannot be parsed: {error}") from None


def _parse_architecture(text: str) -> dict[str, Any]:
    """The arguments of `Network`; their values are for `Network` to check."""
    architecture = parsed_json("architecture", text)
    if not isinstance(architecture, dict):
        raise TypeError("its architecture is no JSON object")
    wanted = _GRAPH if "graph" in architecture else _ARCHITECTURE
    _check_names("architecture", set(architecture) - {"classes", "features"}, wanted)
    return architecture


def classes_to_json(classes: Array) -> list[Any]:
    """The labels as JSON has them: text, numbers, True and False.

    >>> import numpy as np
    >>> classes_to_json(np.array(["a", "b"]))
    ['a', 'b']
    """
    labels: list[Any] = classes.tolist()
    for label in labels:
        if type(label) not in (str, int, float, bool):
            raise ValueError(
                f"the network's classes hold {shown(label)}, and a file keeps only text, numbers, "
                "True and False"
            )
    return labels


def described(network: NetworkFunction) -> dict[str, Any]:
    """What the file says of the architecture: sizes where these are all, else a graph.

    >>> from nnlib import Network
    >>> described(Network([1, 1]))
    {'sizes': (1, 1), 'activation': ['sigmoid'], 'loss': 'half_squared_error'}
    """
    own, training = network.architecture, network.layer_training()
    if own.is_given_by_sizes and all(one == Training() for one in training):
        return {
            "sizes": own.sizes,
            "activation": [to_json(activation) for activation in own.activations],
            "loss": to_json(own.losses[0]),
        }
    training = training or [Training()] * len(own.layers)
    return {
        "graph": graph_to_json(own.graph, training),
        "loss": [to_json(loss) for loss in own.losses],
        "loss_weights": own.loss_weights,
    }


def _read_formulas(architecture: dict[str, Any], custom: tuple[Any, ...]) -> None:
    """Put losses and activations in the places of what the file holds of them."""
    found = architecture["loss"]
    several = [from_json("loss", one, custom) for one in found] if type(found) is list else None
    architecture["loss"] = several or from_json("loss", found, custom)
    names = architecture.get("activation")
    if isinstance(names, list):
        architecture["activation"] = [from_json("activation", name, custom) for name in names]


def _check_parameters(parameters: Array, wanted: int, dtype: Any) -> None:
    """Shape and dtype agree with the architecture; nothing of the claimed sizes is allocated."""
    if parameters.shape != (wanted,):
        raise ValueError(
            f"its parameters have shape {parameters.shape}, its sizes need {(wanted,)}"
        )
    if parameters.dtype.name != dtype:
        raise ValueError(f"its parameters are {parameters.dtype}, its architecture says {dtype!r}")


def _check_layers(sizes: Any) -> None:
    """Refuse more layers than anybody has: a file of 1 MB could name 500 000."""
    if isinstance(sizes, Sequence) and len(sizes) > LAYERS_LIMIT:
        raise ValueError(f"the network has {len(sizes)} layers, wanted at most {LAYERS_LIMIT}")


def _check_seed(seed: Any) -> None:
    """None, or a whole number of any length: earlier versions took seeds beyond 2⁶⁴."""
    if seed is not None and (type(seed) is not int or seed < 0):
        raise ValueError(f"seed is {shown(seed)}, wanted a whole number of at least 0, or none")
