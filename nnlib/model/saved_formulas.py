"""Losses and activations in files: names and settings, and digests of the user's own.

A file holds no code. Of a formula of the user's own it holds the name and the digest; whoever loads
the file gives the object, and the digest tells whether it is the right one. Digests are those of
one version of Python, whose number stands beside them: under another version the name decides.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from typing import Any

from .. import activations, layers, losses
from ..checks.values import shown

Formula = str | losses.Loss | activations.Custom | layers.Custom
# The user's own, by what a file says that they are.
_OWN: dict[str, Any] = {
    "loss": losses.Custom,
    "activation": activations.Custom,
    "layer": layers.Custom,
}


def to_json(formula: Formula) -> Any:
    """What a file holds of a loss or an activation: a name, or a mapping.

    >>> to_json("tanh"), to_json(losses.Quantile(0.9))
    ('tanh', {'name': 'quantile', 'settings': {'tau': 0.9}})
    """
    if isinstance(formula, str):
        return formula
    if isinstance(formula, layers.Custom):
        return {"custom": formula.kind, "digest": formula.digest, "python": _python()}
    if isinstance(formula, (losses.Custom, activations.Custom)):
        return {"custom": formula.name, "digest": formula.digest, "python": _python()}
    return {"name": formula.family, "settings": formula.settings}


def from_json(what: str, value: Any, custom: Iterable[Any]) -> Any:
    """The loss or activation of which a file holds this; a name is left to `Network` to check.

    Parameters
    ----------
    what : {"loss", "activation", "layer"}
        What it is, for messages and for the kind of object.
    value : object
        What the file holds.
    custom : iterable
        The user's own formulas that may be meant.

    Raises
    ------
    TypeError, ValueError
        If the file holds something else, if a formula of the user's own is not among `custom`, or
        if the one of that name computes something else.

    Examples
    --------
    >>> from_json("loss", {"name": "quantile", "settings": {"tau": 0.9}}, [])
    Quantile(tau=0.9)
    """
    if isinstance(value, str):
        return value
    if not isinstance(value, Mapping):
        raise TypeError(f"its {what} is {shown(value)}, wanted a name or a JSON object")
    if value.keys() == {"custom", "digest", "python"}:
        return _own(what, value, custom)
    if value.keys() != {"name", "settings"} or not isinstance(value["settings"], Mapping):
        raise ValueError(f"its {what} holds {shown(dict(value))}, wanted a name and settings")
    family = losses.FAMILIES.get(str(value["name"])) if what == "loss" else None
    if family is None:
        raise ValueError(f"its {what} is {shown(value['name'])}, which has no settings here")
    return family(**value["settings"])


def _own(what: str, value: Mapping[str, Any], custom: Iterable[Any]) -> Any:
    """The object that the file's name and digest mean."""
    kind = _OWN[what]
    wanted = f"{kind.__module__.removesuffix('.custom')}.Custom"
    named = [own for own in custom if type(own) is kind and _name(own) == value["custom"]]
    if not named:
        raise ValueError(
            f"its {what} is {shown(value['custom'])}, a formula of the user's own: give the "
            f"{wanted} of that name, load(path, custom=[…])"
        )
    for own in named:
        if own.digest == value["digest"] or value["python"] != _python():
            return own
    raise ValueError(
        f"its {what} {shown(value['custom'])} has the digest {shown(value['digest'])}, and that of "
        f"the {wanted} given in its place is {named[0].digest!r}: it is another formula"
    )


def check_custom(custom: Any) -> tuple[Any, ...]:
    """The formulas of the user's own that `load` is given.

    >>> check_custom([])
    ()
    """
    kinds = tuple(_OWN.values())
    given = (custom,) if isinstance(custom, kinds) else custom
    wanted = "custom must be a list of Custom of nnlib.losses, nnlib.activations and nnlib.layers"
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise TypeError(f"{wanted}; got {shown(custom)}")
    formulas = tuple(given)
    for formula in formulas:
        if not isinstance(formula, kinds):
            raise TypeError(f"{wanted}; got {shown(formula)} in it")
    return formulas


def _name(own: Any) -> str:
    """The name of what the user's own functions compute."""
    return str(own.kind if isinstance(own, layers.Custom) else own.name)


def _python() -> str:
    """The version of Python that digests hold for."""
    return ".".join(platform.python_version_tuple()[:2])
