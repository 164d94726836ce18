"""Sequences in the rows of examples: their length, the mask, and the padding.

The mask is one more input, `time` numbers behind the others, so whatever shuffles, cuts and packs
rows needs to know nothing of it. Before any work the padding becomes 0, even where it was NaN.
Where no output has steps, steps that no example counts are cut off from both ends. Neither the
content of the padding nor its length can then change a bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..checks.lengths import checked_mask, mask_of_lengths
from ..data.source import Source
from ..layers.shaped import Array, Shape
from ..sequences import Masked, Padded, is_ragged, pad
from .architecture import Architecture
from .redrawn import sequence_inputs

_GIVE = "give X as (n, time, …) with lengths= or mask=, or as a list of arrays"


class Unwrapped(NamedTuple):
    """X as the network's inputs take it, and what was said of its steps."""

    X: Any
    lengths: Any = None
    mask: Any = None


def wrapped(X: Any, lengths: Any, mask: Any) -> Any:
    """X with its lengths or its mask as one argument; X itself if there are none.

    Raises
    ------
    ValueError
        If both are given, or X says so itself.

    Examples
    --------
    >>> wrapped([[0.0, 1.0]], [1], None)
    Padded(X=[[0.0, 1.0]], lengths=[1])
    """
    if lengths is None and mask is None:
        return X
    name = "lengths" if mask is None else "mask"
    if lengths is not None and mask is not None:
        raise ValueError("lengths and mask are both given, wanted one of them")
    if isinstance(X, Source):
        raise ValueError(f"{name} is given, and X is a source of nnlib.data, wanted arrays with it")
    if isinstance(X, (Padded, Masked)) or is_ragged(X):
        given = "list of different lengths" if is_ragged(X) else type(X).__name__
        raise ValueError(f"{name} is given, and X is a {given}, which says it already")
    return Padded(X, lengths) if mask is None else Masked(X, mask)


def comes_by_port(architecture: Architecture, X: Any) -> bool:
    """Whether `ports` makes the rows of X: also of sequences of numbers for an embedding.

    >>> comes_by_port(Architecture.of([2, 1]), [[1, 2]])
    False
    """
    sequences = isinstance(X, (Padded, Masked)) or (bool(architecture.ranges) and is_ragged(X))
    return architecture.has_ports or sequences


def check_masks_are_read(architecture: Architecture, given: str) -> None:
    """Refuse what tells of the steps for a network of which no layer reads a mask."""
    if not architecture.masking.masked:
        raise ValueError(
            f"{given}, and no layer of this network reads masks: recurrent layers, "
            "BatchNormalization, GlobalAveragePooling1D and GlobalMaxPooling1D do, if all layers "
            "before them keep the steps apart (Conv1D with kernel_size above 1 and Flatten, for "
            "example, do not)"
        )


def unwrapped(architecture: Architecture, X: Any) -> Unwrapped:
    """What X is, and its lengths or mask: a `Padded`, a `Masked`, or the arrays themselves.

    A list of sequences of different lengths is padded, where the network has one input.
    """
    if isinstance(X, Padded):
        check_masks_are_read(architecture, "lengths is given")
        return Unwrapped(X.X, lengths=X.lengths)
    if isinstance(X, Masked):
        check_masks_are_read(architecture, "mask is given")
        return Unwrapped(X.X, mask=X.mask)
    graph = architecture.graph
    if len(graph.data_names) == 1 and sequence_inputs(graph) and is_ragged(X):
        check_masks_are_read(architecture, "X is a list of sequences of different lengths")
        length = None if graph.open_inputs else graph.data_shapes[0][0]
        return Unwrapped(*pad(X, length))
    return Unwrapped(X)


def shapes_of(
    architecture: Architecture, labels: Sequence[str], arrays: Sequence[Array]
) -> list[Shape]:
    """The shape of each input for these arrays (n, …): with their number of steps if it is open.

    Raises
    ------
    ValueError
        If an array has no steps, or two have different numbers.
    """
    graph, times = architecture.graph, dict[str, int]()
    shapes = list(graph.data_shapes)
    for k in graph.open_inputs:
        wanted = ", ".join(map(str, ("n", "time", *shapes[k][1:])))
        short = shapes[k][1:] == (1,)  # (n, time) of one feature
        if arrays[k].ndim not in (len(shapes[k]) + 1, len(shapes[k]) + 1 - short):
            raise ValueError(f"{labels[k]} has shape {arrays[k].shape}, wanted ({wanted}): {_GIVE}")
        if not arrays[k].shape[1]:
            raise ValueError(f"{labels[k]} has sequences of 0 steps, wanted at least one step")
        times[labels[k]] = arrays[k].shape[1]
        shapes[k] = (arrays[k].shape[1], *shapes[k][1:])
    if len(set(times.values())) > 1:
        told = " and ".join(f"{label} has {time} steps" for label, time in times.items())
        raise ValueError(f"{told}, wanted sequences of one length: pad the shorter ones")
    return shapes


def with_mask(architecture: Architecture, parts: list[Array], given: Unwrapped) -> list[Array]:
    """The inputs' rows (n, …) with 0 in the padding, without what nobody counts, and the mask.

    Parameters
    ----------
    architecture : Architecture
        The network's own, not yet of any length.
    parts : list of ndarray
        For each input (n, time, features) if it is a sequence, (n, values) if not; not written.
    given : Unwrapped

    Returns
    -------
    list of ndarray
        Rows (n, values) of each input, and of the mask if the network has one for these examples.
    """
    graph, masking = architecture.graph, architecture.masking
    sequences = sequence_inputs(graph)
    n, time = parts[sequences[0]].shape[:2]
    mask = np.ones((n, time), bool)
    if given.lengths is not None:
        mask = mask_of_lengths(given.lengths, n, time)
    elif given.mask is not None:
        mask = checked_mask(given.mask, n, time)
    elif masking.masks.issuperset(sequences):  # whole numbers, of which 0 is padding
        mask = np.any([parts[k].any(axis=2) for k in sequences], axis=0)
    kept = slice(0, time)
    if graph.open_inputs and not mask.all() and _ends_without_steps(architecture):
        counted = np.flatnonzero(mask.any(axis=0))
        kept = slice(int(counted[0]), int(counted[-1]) + 1) if counted.size else slice(0, 1)
    found = list(parts)
    for k in sequences:
        part = parts[k][:, kept]
        out = ~mask[:, kept]
        if out.any():
            part = part.copy()
            part[out] = 0
        found[k] = part
    if masking.graph.masked:
        found.append(mask[:, kept].astype(parts[sequences[0]].dtype))
    return [part.reshape(n, -1) for part in found]


def _ends_without_steps(architecture: Architecture) -> bool:
    """Whether no output's shape depends on the number of steps."""
    graph, drawn = architecture.graph, architecture.shown_shapes
    return all(None not in drawn[number] for number in graph.outputs)


def alike(architecture: Architecture, rows: Array, others: Array) -> tuple[Array, Array]:
    """Rows of two sets of examples with the same number of steps: the shorter ones are padded.

    Raises
    ------
    ValueError
        If the network reads no mask that could tell it of the padding, or its outputs have steps.
    """
    width, other = rows.shape[1], others.shape[1]
    if width == other:
        return rows, others
    if not architecture.graph.open_inputs:
        return _counted(rows, max(width, other)), _counted(others, max(width, other))
    own = architecture.reading(rows).graph, architecture.reading(others).graph
    times = [graph.input_shapes[sequence_inputs(graph)[0]][0] for graph in own]
    masked = all(graph.masked for graph in own)
    if not masked or not _ends_without_steps(architecture):
        near = f": pad X and y, see sequences.pad(…, length={max(times)})" if masked else ""
        raise ValueError(
            f"validation: its sequences have {times[0]} steps and the training examples' "
            f"{times[1]}, wanted the same number{near}"
        )
    if width < other:
        return _longer(own[0].input_shapes, rows, own[1].input_shapes), others
    return rows, _longer(own[1].input_shapes, others, own[0].input_shapes)


def _counted(rows: Array, width: int) -> Array:
    """Rows with a mask of which every step counts, where they have none."""
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1])), constant_values=1)


def _longer(shapes: Sequence[Shape], rows: Array, wanted: Sequence[Shape]) -> Array:
    """Rows of inputs of these shapes as rows of longer ones, with zeros behind each input."""
    parts, first = [], 0
    for shape, goal in zip(shapes, wanted, strict=True):
        units, more = int(np.prod(shape)), int(np.prod(goal)) - int(np.prod(shape))
        parts.append(np.pad(rows[:, first : first + units], ((0, 0), (0, more))))
        first += units
    return np.concatenate(parts, axis=1)
