"""The user's own formulas: their names, and what their objects keep."""

from __future__ import annotations

import dataclasses
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


class OwnFormula:
    """A frozen dataclass of a function, its derivative and a name, made by `keep_compiled`."""

    name: str | None

    def __reduce__(self) -> tuple[Any, ...]:
        # Made anew, the formulas are known to the process that unpickles them.
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        return type(self), tuple(getattr(self, own.name) for own in fields if own.init)

    def keep_compiled(
        self,
        function: Callable[..., float],
        compiled: Callable[[str], tuple[int, str]],
        check: Callable[[int], None],
    ) -> int:
        """Keep the formula's name and digest; returns its code.

        Parameters
        ----------
        function : callable
            Whose name it has if the user gives none.
        compiled : callable
            From the name to code and digest.
        check : callable
            Refuses the code of a formula whose derivative is wrong.
        """
        name = formula_name(self.name, function)
        code, digest = compiled(name)
        check(code)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "digest", digest)
        return code
