"""One device function that chooses among many by a code: a GPU's thread calls no addresses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..compile.jit import kernel


def of_one(functions: Sequence[Any]) -> Any:
    """(x, code) ↦ functions[code](x), the last one for all codes beyond."""
    chosen: Any = None
    for code in range(len(functions) - 1, -1, -1):
        chosen = _rung_of_one(functions[code], code, chosen)
    return chosen


def of_two(functions: Sequence[Any]) -> Any:
    """(x, y, code) ↦ functions[code](x, y), the last one for all codes beyond."""
    chosen: Any = None
    for code in range(len(functions) - 1, -1, -1):
        chosen = _rung_of_two(functions[code], code, chosen)
    return chosen


def of_three(functions: Sequence[Any]) -> Any:
    """(x, y, z, code) ↦ functions[code](x, y, z), the last one for all codes beyond."""
    chosen: Any = None
    for code in range(len(functions) - 1, -1, -1):
        chosen = _rung_of_three(functions[code], code, chosen)
    return chosen


def _rung_of_one(function: Any, own: int, others: Any) -> Any:
    def last(x: Any, code: int) -> Any:
        return function(x)

    def rung(x: Any, code: int) -> Any:
        if code == own:
            return function(x)
        return others(x, code)

    return kernel(last if others is None else rung)


def _rung_of_two(function: Any, own: int, others: Any) -> Any:
    def last(x: Any, y: Any, code: int) -> Any:
        return function(x, y)

    def rung(x: Any, y: Any, code: int) -> Any:
        if code == own:
            return function(x, y)
        return others(x, y, code)

    return kernel(last if others is None else rung)


def _rung_of_three(function: Any, own: int, others: Any) -> Any:
    def last(x: Any, y: Any, z: Any, code: int) -> Any:
        return function(x, y, z)

    def rung(x: Any, y: Any, z: Any, code: int) -> Any:
        if code == own:
            return function(x, y, z)
        return others(x, y, z, code)

    return kernel(last if others is None else rung)
