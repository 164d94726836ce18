"""Names of the user's own formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .values import shown


def formula_name(name: Any, function: Callable[..., Any]) -> str:
    """The name that the user gives, or that of the function; "custom" for one without.

    >>> formula_name("mine", abs), formula_name(None, abs), formula_name(None, lambda z: z)
    ('mine', 'abs', 'custom')
    """
    if name is None:
        name = str(getattr(function, "__name__", ""))
        return name if name.isidentifier() else "custom"
    if not isinstance(name, str) or not name:
        raise TypeError(f"name must be a text; got {shown(name)}")
    return name
