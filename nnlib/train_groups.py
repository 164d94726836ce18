"""`train_groups`: a network for each group of a data frame's rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .checks.names import hint
from .checks.values import shown
from .population.result import Population
from .train_many import train_many

if TYPE_CHECKING:
    import pandas

# Columns that a message lists.
_LISTED = 10
# Arguments of `train_many` that the frame's columns take the place of.
_FROM_FRAME = ("groups", "net")


def train_groups(
    frame: pandas.DataFrame,
    by: str,
    X: Sequence[str],
    y: str | Sequence[str],
    sizes: Any,
    **options: Any,
) -> Population:
    """Train a network for each customer, shop or sensor of a data frame, on its rows alone.

    Parameters
    ----------
    frame : pandas DataFrame
    by : str
        The column that holds the group of each row, as text or whole numbers.
    X : list of str
        The columns of the inputs; they become `Network.feature_names`.
    y : str or list of str
        The column of the targets, or several.
    sizes : list of int, or Network
        The architecture of every network, as for `train_many`.
    **options
        As for `train_many`, which trains them: ``activation``, ``validation``, ``patience``,
        ``min_rows``, ``seeds``, ``grid``, …

    Returns
    -------
    Population
        ``population["shop 17"]`` is the network of a group, and `Population.predict_groups`
        predicts the rows of many.

    Raises
    ------
    TypeError, ValueError
        For a column that is not there, the near name is told; for columns of text or categories
        in X, and rows without a group; and as `train_many`.

    Examples
    --------
    >>> import nnlib, numpy, pandas
    >>> day = numpy.tile(numpy.linspace(0, 1, 40), 3)
    >>> shop = numpy.repeat(["shop 1", "shop 2", "shop 3"], 40)
    >>> frame = pandas.DataFrame({"shop": shop, "day": day, "sales": day**2})
    >>> population = nnlib.train_groups(
    ...     frame, by="shop", X=["day"], y="sales", sizes=[1, 4, 1], epochs=20
    ... )
    >>> population.to_frame()["group"].tolist()
    ['shop 1', 'shop 2', 'shop 3']
    >>> population["shop 2"].predict(frame[["day"]]).shape
    (120,)
    """
    if not (hasattr(frame, "columns") and hasattr(frame, "to_numpy")):
        raise TypeError(f"frame must be a pandas DataFrame; got {shown(frame)}")
    for name in _FROM_FRAME:
        if name in options:
            raise TypeError(f"train_groups takes no {name}: it is made of the frame and of sizes")
    inputs, targets = _names("X", X), [y] if isinstance(y, str) else _names("y", y)
    for argument, names in (("by", [by]), ("X", inputs), ("y", targets)):
        for name in names:
            _check_column(argument, name, frame)
    both = [name for name in inputs if name in targets]
    if both:
        raise ValueError(f"column {shown(both[0])} is in X and in y, wanted it in one of them")
    given = frame[y] if isinstance(y, str) else frame[targets]
    return train_many(sizes, frame[inputs], given, groups=frame[by], **options)


def _names(argument: str, names: Any) -> list[str]:
    """The names of columns, at least one."""
    listed = isinstance(names, (list, tuple)) or hasattr(names, "tolist")
    if not listed or not len(names):
        raise TypeError(f"{argument} must be a list of names of columns; got {shown(names)}")
    return list(names)


def _check_column(argument: str, name: Any, frame: Any) -> None:
    """Refuse a column that the frame does not have, or has twice."""
    columns = list(frame.columns)
    if name not in columns:
        texts = [column for column in columns if isinstance(column, str)]
        near = hint("column", name, texts) if isinstance(name, str) else ""
        more = ", …" if len(columns) > _LISTED else ""
        raise ValueError(
            f"{argument} names the column {shown(name)}, which frame does not have: it has "
            f"{', '.join(map(shown, columns[:_LISTED]))}{more}{near}"
        )
    if columns.count(name) > 1:
        raise ValueError(f"frame has the column {shown(name)} {columns.count(name)} times")
