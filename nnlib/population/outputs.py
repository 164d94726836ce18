"""Outputs of many members: an array, or a list or dict of them for several outputs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def stacked(outputs: Iterable[Any]) -> Any:
    """What `Network.F` gave for each member, along a new first axis.

    >>> stacked([{"a": np.zeros(2)}, {"a": np.ones(2)}])["a"].shape
    (2, 2)
    """
    members = list(outputs)
    parts = [np.array(part) for part in zip(*map(_parts, members), strict=True)]
    return _formed(parts, members[0]) if members else np.array([])


def mean_and_spread(outputs: Iterable[Any]) -> tuple[Any, Any]:
    """Mean and standard deviation over the members, in the form of one member's outputs.

    By B. P. Welford's recurrence: the outputs of a million members are never in memory.

    >>> mean_and_spread([np.zeros(1), np.ones(1)])
    (array([0.5]), array([0.5]))
    """
    count, last = 0, np.zeros(())
    mean: list[Any] = []
    squares: list[Any] = []
    for count, last in enumerate(outputs, 1):
        parts = [np.asarray(part, np.float64) for part in _parts(last)]
        if count == 1:
            mean, squares = [np.zeros(()) for _ in parts], [np.zeros(()) for _ in parts]
        for k, part in enumerate(parts):
            difference = part - mean[k]
            mean[k] = mean[k] + difference / count
            squares[k] = squares[k] + difference * (difference * (count - 1) / count)
    spread = [np.sqrt(part / count) for part in squares]
    return _formed(mean, last), _formed(spread, last)


def _parts(output: Any) -> list[Any]:
    """The arrays of one member's outputs."""
    if isinstance(output, dict):
        return list(output.values())
    return output if isinstance(output, list) else [output]


def _formed(parts: list[Any], like: Any) -> Any:
    """The arrays in the form of one member's outputs."""
    if isinstance(like, dict):
        return dict(zip(like, parts, strict=True))
    if isinstance(like, list):
        return parts
    return parts[0] if parts else np.full((), np.nan)
