"""Groups of examples, as of customers or shops: their key, their names, and which are skipped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..checks.array_like import label_array
from ..checks.names import hint
from ..checks.values import shown
from ..model.saving import parsed_json

Array = NDArray[Any]

_WANTED = "text or whole numbers"
# Names among which a near one is looked for: so many take some seconds.
_NEAR = 100_000


class SkippedGroup(NamedTuple):
    """A group that was not trained: its name, how many rows it has, and the rule."""

    group: Any
    rows: int
    reason: str


@dataclass(frozen=True)
class Grouping:
    """The groups of a population.

    Attributes
    ----------
    names : ndarray, shape (groups,)
        Of those that were trained, sorted.
    skipped : tuple of SkippedGroup

    Examples
    --------
    >>> groups = Grouping(np.array(["shop 1", "shop 2"]), (SkippedGroup("shop 3", 1, "few rows"),))
    >>> groups.number("shop 2")
    1
    >>> groups.number("shp 2")
    Traceback (most recent call last):
    ...
    ValueError: group is 'shp 2', wanted one of the 2 groups; did you mean 'shop 2'?
    """

    names: Array
    skipped: tuple[SkippedGroup, ...] = ()

    def number(self, name: Any) -> int:
        """The place of a name; `ValueError` if it is none, with the near name."""
        text = self.names.dtype.kind == "U"
        fits = isinstance(name, str) if text else isinstance(name, (int, np.integer))
        if not fits or isinstance(name, (bool, np.bool_)):
            kind = "text" if text else "whole numbers"
            raise TypeError(f"group is {shown(name)}, wanted one of the groups, which are {kind}")
        place = int(np.searchsorted(self.names, name))
        if place < len(self.names) and self.names[place] == name:
            return place
        for own in self.skipped:
            if own.group == name:
                raise ValueError(f"group {shown(name)} was skipped: {own.reason}")
        near = hint("group", name, self.names[:_NEAR].tolist()) if text else ""
        raise ValueError(
            f"group is {shown(name)}, wanted one of the {len(self.names)} groups{near}"
        )

    def numbers(self, names: Sequence[Any] | Array) -> Array:
        """The places of several names, each of which is named once."""
        places = np.array([self.number(name) for name in names], np.int64)
        found, count = np.unique(places, return_counts=True)
        for place in found[count > 1]:
            raise ValueError(f"group {shown(self.names[place].item())} is named twice")
        return places

    def to_array(self) -> Array:
        """Names and skipped groups as JSON, a uint32 for each character, for a file of arrays.

        >>> Grouping.from_array(Grouping(np.array([3, 7])).to_array()).names
        array([3, 7])
        """
        told = {"names": self.names.tolist(), "skipped": self.skipped}
        return np.frombuffer(json.dumps(told).encode("utf-32-le"), np.uint32)

    @classmethod
    def from_array(cls, values: Array) -> Grouping:
        """What `to_array` gave; `ValueError` or `TypeError` for anything else."""
        told = parsed_json("groups", values.tobytes().decode("utf-32-le"))
        if not isinstance(told, dict) or told.keys() != {"names", "skipped"}:
            raise ValueError("its groups have no names")
        if not isinstance(told["names"], list) or not isinstance(told["skipped"], list):
            raise TypeError("the names of its groups are no list")
        skipped = tuple(SkippedGroup(*own) for own in told["skipped"])
        names = np.array(told["names"])
        if names.ndim != 1 or names.dtype.kind not in "Ui" or (names[1:] <= names[:-1]).any():
            raise ValueError("the names of its groups are not different ones in their order")
        return cls(names, skipped)


def read_groups(groups: Any, n: int) -> tuple[Array, Array]:
    """The number of each example's group, shape (n,), and the sorted names.

    Raises
    ------
    TypeError, ValueError
        If groups is not a name for each of n examples, or some are missing.

    Examples
    --------
    >>> read_groups(["b", "a", "b"], 3)
    (array([1, 0, 1]), array(['a', 'b'], dtype='<U1'))
    """
    if isinstance(groups, (str, bytes)):
        raise TypeError(f"groups must be the group of each example; got {shown(groups)}")
    values = label_array("groups", groups)
    if values.shape != (n,):
        raise ValueError(
            f"groups has shape {values.shape}, wanted ({n},), the group of each example"
        )
    missing = _missing(values)
    if missing.any():
        raise ValueError(
            f"groups[{int(np.argmax(missing))}] is missing, as {int(missing.sum())} of {n} are: "
            "leave these examples out, or give them a group of their own"
        )
    names, numbers = np.unique(_plain(values), return_inverse=True)
    return numbers.reshape(-1), names


def rows_of_groups(numbers: Array, groups: int) -> list[Array]:
    """The rows of each group, in the order in which they come.

    >>> rows_of_groups(np.array([1, 0, 1]), 2)
    [array([1]), array([0, 2])]
    """
    bounds = np.cumsum(np.bincount(numbers, minlength=groups))[:-1]
    return np.split(np.argsort(numbers, kind="stable"), bounds)


def _missing(values: Array) -> Array:
    """Where no group is: None, NaN, and what pandas has for these."""
    if values.dtype.kind in "fcmM":
        return np.asarray(values != values)
    if values.dtype.kind != "O":
        return np.zeros(values.shape, bool)
    return np.array([_is_missing(value) for value in values], bool)


def _is_missing(value: Any) -> bool:
    number = isinstance(value, (float, np.floating)) and value != value
    return value is None or number or type(value).__name__ in ("NAType", "NaTType")


def _plain(values: Array) -> Array:
    """The key as text or whole numbers, and as nothing else."""
    if values.dtype.kind == "O":
        for kind, of_numpy in ((str, np.str_), ((int, np.integer), np.int64)):
            if all(isinstance(value, kind) and not isinstance(value, bool) for value in values):
                return values.astype(of_numpy)
        texts = [not isinstance(value, str) for value in values]
        other = values[int(np.argmax(texts))]
        raise TypeError(f"groups holds {shown(other)}, wanted {_WANTED} in all of it")
    whole = values.dtype.kind == "f" and bool((np.floor(values) == values).all())
    if whole and abs(values).max(initial=0) < 2**53:
        return values.astype(np.int64)
    if values.dtype.kind not in "iuU":
        raise TypeError(f"groups has dtype {values.dtype}, wanted {_WANTED}")
    return values
