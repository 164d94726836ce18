"""Examples of networks with several inputs or outputs, or with values of several axes.

Inside, an example is one row: its inputs one behind the other, each with its last axis running
fastest, and so are its targets. Here rows are made of what a user gives, and outputs of rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..checks.names import hint
from ..checks.sparse import Records
from ..checks.values import OF_CLASSES, check_finite, input_numbers, numbers, shown, targets
from ..layers.formulas import loss_family
from ..layers.shaped import Array, Shape
from .architecture import Architecture
from .graph import Graph
from .positions import class_targets_at, counted_positions, without_uncounted
from .redrawn import sequence_inputs
from .sequence_rows import shapes_of, unwrapped, with_mask
from .whole_numbers import check_ranges


def input_rows(
    architecture: Architecture, X: Any, dtype: np.dtype[Any], images: bool = False
) -> Array:
    """X as rows (n, d_1): an array, or a list or dict with one for each input.

    If `images`, an array of uint8 stays one; the network has one input then. Sequences with a mask
    have it behind them, see `sequence_rows`.

    Raises
    ------
    TypeError, ValueError
        For arrays of other shapes, or that are no finite real numbers.
    """
    graph, unwrapped_X = architecture.graph, unwrapped(architecture, X)
    told = unwrapped_X.lengths is not None or unwrapped_X.mask is not None
    masks = told or (bool(graph.open_inputs) and architecture.masking.masked)
    given = _each("X", unwrapped_X.X, graph.data_names)
    labels = list(given)
    arrays = [
        input_numbers(label, value, dtype, images and not masks) for label, value in given.items()
    ]
    shapes = shapes_of(architecture, labels, arrays)
    parts = [
        _as_rows(label, array, shape)
        for label, array, shape in zip(labels, arrays, shapes, strict=True)
    ]
    _check_counts(labels, parts)
    if masks:
        for k in sequence_inputs(graph):
            parts[k] = parts[k].reshape(len(parts[k]), shapes[k][0], -1)
        parts = with_mask(architecture, parts, unwrapped_X)
    for label, part in zip(labels, parts, strict=False):  # the mask has no label
        if part.dtype == dtype:
            check_finite(label, part)
    rows = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
    check_ranges(architecture.reading(rows).ranges, rows)
    return rows


def port_examples(
    architecture: Architecture, X: Any, y: Any, dtype: np.dtype[Any], images: bool = False
) -> tuple[Array, Array]:
    """X and y as rows (n, d_1) and (n, d_L), y with what each output's loss has a meaning for.

    If `images`, X of uint8 stays as it is.
    """
    if y is None:
        raise ValueError(
            "y is missing: a network with several inputs or outputs, or with values of several "
            "axes, takes X and y"
        )
    if not isinstance(X, Records):
        X = input_rows(architecture, X, dtype, images)
    graph = architecture.reading(X).graph
    given = _each("y", y, graph.output_names)
    parts = [
        _targets(label, numbers(label, value, dtype), X, graph, (place, loss_family(loss)))
        for place, ((label, value), loss) in enumerate(
            zip(given.items(), architecture.losses, strict=True)
        )
    ]
    _check_counts(list(given), parts)
    return X, parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def _targets(label: str, array: Array, X: Any, graph: Graph, output: tuple[int, str]) -> Array:
    """Rows (n, values) for an output, given by its place and the family of its loss."""
    place, family = output
    shape = graph.shape(graph.outputs[place])
    by_position = len(shape) > 1 and family in OF_CLASSES
    if array.ndim and len(array) != len(X):
        raise ValueError(
            f"{label} has {len(array)} examples and X has {len(X)}, wanted equally many"
        )
    if graph.output_masks:
        array = without_uncounted(array, counted_positions(graph, X, place), family)
    if array.ndim != 1 and not by_position:
        array = _as_rows(label, array, shape)
    try:
        if by_position:
            return class_targets_at(array, shape)
        return targets(array, math.prod(shape), family)
    except (TypeError, ValueError) as error:
        raise type(error)(str(error).replace("y ", f"{label} ", 1)) from None


def lone_targets(architecture: Architecture, y: Any) -> Any:
    """The targets of a network's one output in place of a dict that has nothing else.

    >>> lone_targets(Architecture.of([1, 2]), {"dense": ["a", "b"]})
    ['a', 'b']
    """
    names = architecture.graph.output_names
    if len(names) > 1 or not isinstance(y, Mapping):
        return y
    return next(iter(_each("y", y, names).values()))


def split_outputs(architecture: Architecture, rows: Array) -> Any:
    """F's rows (n, d_L) as an array (n, …), or one for each output, by name if these have names."""
    graph = architecture.graph
    parts, start = [], 0
    for number, units in zip(graph.outputs, graph.output_units, strict=True):
        part = rows[:, start : start + units]
        parts.append(np.ascontiguousarray(part).reshape(len(rows), *graph.shape(number)))
        start += units
    if graph.outputs_named:
        return dict(zip(graph.output_names, parts, strict=True))
    return parts[0] if len(parts) == 1 else parts


def split_gradient(architecture: Architecture, gradient: Array) -> Any:
    """∂F/∂x (n, d_L, d_1) as (n, …, …) for every output and input, in the form of `split_outputs`.

    Where there are several inputs, each output has a list of them.
    """
    graph = architecture.graph
    found, row = [], 0
    for number, units in zip(graph.outputs, graph.output_units, strict=True):
        parts, column = [], 0
        for shape in graph.data_shapes:
            width = math.prod(shape)
            part = gradient[:, row : row + units, column : column + width]
            parts.append(part.reshape(len(gradient), *graph.shape(number), *shape))
            column += width
        found.append(parts[0] if len(parts) == 1 else parts)
        row += units
    if graph.outputs_named:
        return dict(zip(graph.output_names, found, strict=True))
    return found[0] if len(found) == 1 else found


def _each(argument: str, given: Any, names: Sequence[str]) -> dict[str, Any]:
    """One value for each name, by what a message calls it."""
    if len(names) == 1 and not isinstance(given, Mapping):
        return {argument: given}
    if isinstance(given, Mapping):
        for name in given:
            if name not in names:
                near = hint(argument, str(name), names)
                raise ValueError(f"{argument} has {shown(name)}, wanted {', '.join(names)}{near}")
        missing = [name for name in names if name not in given]
        if missing:
            raise ValueError(f"{argument} has nothing for {missing[0]!r}")
        return {f"{argument}[{name!r}]": given[name] for name in names}
    if not isinstance(given, (list, tuple)) or len(given) != len(names):
        raise ValueError(
            f"{argument} must be a list of {len(names)} arrays or a dict of them, for "
            f"{', '.join(names)}; got {_counted(given)}"
        )
    return {f"{argument}[{number}]": value for number, value in enumerate(given)}


def _counted(given: Any) -> str:
    """What a message says of something that is no list of the right length."""
    if isinstance(given, (list, tuple)):
        return f"a {type(given).__name__} of {len(given)}"
    return f"an array of shape {given.shape}" if isinstance(given, np.ndarray) else shown(given)


def _as_rows(label: str, array: Array, shape: Shape) -> Array:
    """Values (n, …) as rows; (n,) of numbers, and (n, height, width) of images of one channel."""
    units = math.prod(shape)
    if array.ndim and not len(array):
        raise ValueError(f"{label} is empty, wanted at least one example")
    one_channel = len(shape) > 1 and array.shape[1:] == shape[:-1] and shape[-1] == 1
    rows = array.ndim == 2 and array.shape[1] == units
    if array.shape[1:] == shape or one_channel or rows:
        return np.ascontiguousarray(array.reshape(len(array), units))
    if array.ndim == 1 and units == 1:
        return array.reshape(-1, 1)
    wanted = ", ".join(map(str, ("n", *shape)))
    first = (shape[-1], *shape[:-1])
    moved = array.shape[1:] == first != shape
    near = f"; its channels stand first: give np.moveaxis({label}, 1, -1)" if moved else ""
    raise ValueError(f"{label} has shape {array.shape}, wanted ({wanted}){near}")


def _check_counts(labels: Sequence[str], parts: Sequence[Array]) -> None:
    """Refuse arrays with different numbers of examples."""
    for label, part in zip(labels, parts, strict=True):
        if len(part) != len(parts[0]):
            raise ValueError(
                f"{labels[0]} has {len(parts[0])} examples and {label} has {len(part)}, wanted "
                "equally many"
            )
