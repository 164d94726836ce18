"""What every layer is told: its name, and how a descent treats its parameters."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

from ..checks.names import NearNames, hinted, unknown_attribute
from ..checks.values import flag, real_number, shown

P = ParamSpec("P")


def _completing(init: Callable[P, None]) -> Callable[P, None]:
    """The same `__init__`; the layer is complete at its end, if it is that of the layer's class."""

    @functools.wraps(init)
    def completing(*arguments: P.args, **named: P.kwargs) -> None:
        init(*arguments, **named)
        layer: Any = arguments[0]
        if type(layer).__init__ is completing:
            vars(layer)["_complete"] = True

    return completing


# What may be set of a layer that has been called.
_SETTINGS = ("trainable", "rate_factor", "decay_factor")


class Settings(NearNames):
    """The settings of a layer, which may be set at any time between descents.

    Parameters
    ----------
    name, trainable, rate_factor, decay_factor
        As for `Layer`.
    """

    def __init_subclass__(cls) -> None:
        """Arguments that a kind of layer does not have are refused with the near name."""
        if "__init__" in vars(cls):
            cls.__init__ = _completing(hinted(cls.__init__))  # type: ignore[method-assign]

    def __setattr__(self, name: str, value: Any) -> None:
        """What a descent asks of a layer may be set; what it computes only before it is called."""
        own = vars(self)
        if own.get("_complete", False) and not name.startswith("_") and name not in _SETTINGS:
            if name not in own and not hasattr(type(self), name):
                raise unknown_attribute(self, name)
            if self._made:
                raise AttributeError(f"{name} of {self!r} cannot be set: make another layer")
        super().__setattr__(name, value)

    def __init__(
        self,
        name: str | None = None,
        trainable: bool = True,
        rate_factor: float = 1.0,
        decay_factor: float = 1.0,
    ) -> None:
        self._made = False
        self.name = checked_name(name)
        self.trainable = trainable
        self.rate_factor = rate_factor
        self.decay_factor = decay_factor

    @property
    def trainable(self) -> bool:
        """Whether a descent changes its parameters."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = flag("trainable", value)

    @property
    def rate_factor(self) -> float:
        """By what a descent's learning rate is multiplied for this layer."""
        return self._rate_factor

    @rate_factor.setter
    def rate_factor(self, value: float) -> None:
        self._rate_factor = real_number("rate_factor", value, above=0)

    @property
    def decay_factor(self) -> float:
        """By what weight decay and l1 are multiplied for this layer."""
        return self._decay_factor

    @decay_factor.setter
    def decay_factor(self, value: float) -> None:
        self._decay_factor = real_number("decay_factor", value)


def checked_name(name: Any) -> str | None:
    """A layer's name, or None."""
    if name is not None and (not isinstance(name, str) or not name):
        raise TypeError(f"name must be a string, or None; got {shown(name)}")
    return name
