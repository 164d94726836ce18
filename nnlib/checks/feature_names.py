"""Names of features: the columns of a data frame, which have to be those trained with, in order."""

from __future__ import annotations

from typing import Any

from .names import hint
from .values import shown

# Names that a message lists.
_LISTED = 10


def names_of(X: Any) -> tuple[str, ...] | None:
    """The names of a data frame's columns; None for anything else, and for columns with numbers.

    >>> names_of([[1, 2]]) is None
    True
    """
    columns = getattr(X, "columns", None)
    if columns is None or not hasattr(X, "to_numpy"):
        return None
    names = tuple(columns)
    return names if names and all(isinstance(name, str) for name in names) else None


def check_feature_names(argument: str, X: Any, known: tuple[str, ...]) -> None:
    """Refuse a data frame with other columns than those known, or in another order.

    Arrays have no names, and pass.

    Raises
    ------
    ValueError
    """
    given = names_of(X)
    if given is not None:
        check_names(argument, given, known)


def check_names(argument: str, given: tuple[str, ...], known: tuple[str, ...]) -> None:
    """The same of the names themselves.

    Raises
    ------
    ValueError

    Examples
    --------
    >>> check_names("X", ("height", "age"), ("age", "size"))
    Traceback (most recent call last):
    ...
    ValueError: X has no column 'size', with which the network was trained
    """
    if given == known:
        return
    missing = [name for name in known if name not in given]
    if missing:
        near = hint("column", missing[0], [name for name in given if name not in known])
        raise ValueError(
            f"{argument} has no column {missing[0]!r}, with which the network was trained{near}"
        )
    others = [name for name in given if name not in known]
    if others:
        raise ValueError(
            f"{argument} has the column {others[0]!r}, with which the network was not trained"
        )
    raise ValueError(
        f"{argument} has its columns in the order {_text(given)}, wanted that of the training, "
        f"{_text(known)}: give {argument}[list(net.feature_names)]"
    )


def _text(names: tuple[str, ...]) -> str:
    rest = ", …" if len(names) > _LISTED else ""
    return ", ".join(map(shown, names[:_LISTED])) + rest
