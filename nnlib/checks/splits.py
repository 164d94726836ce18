"""Validation examples: given apart, or split off from the others."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .examples import Examples
from .values import holds_several, real_number, shown

Array = NDArray[Any]

_LAST = re.compile(r"\s*last\s+(\d+(?:\.\d+)?)\s*%\s*")
_WANTED = "a pair (X, y), a fraction, 'last 20%' or a splitter of scikit-learn"


def is_split_off(validation: Any) -> bool:
    """Whether `validation` is no data, but says which of the examples to split off as such."""
    return not holds_several(validation)


def is_drawn(validation: Any) -> bool:
    """Whether it is a fraction, whose examples are drawn at random if they are shuffled.

    >>> is_drawn(0.2), is_drawn("last 20%")
    (True, False)
    """
    return is_split_off(validation) and not (
        isinstance(validation, str) or _is_splitter(validation)
    )


def as_data(validation: Any) -> tuple[Any, Any]:
    """X and y of validation data: of a tuple (X, y), else a sequence of (x, y) pairs and None.

    >>> as_data([(0, 1), (1, 3)])
    ([(0, 1), (1, 3)], None)
    """
    if isinstance(validation, tuple) and len(validation) == 2:
        return validation
    return validation, None


def split_off(
    given: Examples, validation: Any, seed: int | None, shuffle: bool, classes: Array | None = None
) -> tuple[Examples, Examples]:
    """Training and validation examples.

    Parameters
    ----------
    given : Examples
    validation : float, str or splitter
        A fraction, drawn at random, or the last ones if shuffle is False; "last 20%"; or an object
        with a method `split`, as scikit-learn's have it, of whose splits the last is taken.
    seed : int or None
        Of what is drawn.
    shuffle : bool
    classes : ndarray, shape (n,) or (n, labels), or None
        What a splitter is given as y, class numbers; None: the targets.

    Raises
    ------
    TypeError, ValueError
        If there is nothing on one side, or validation is of another form.

    Examples
    --------
    >>> given = Examples(np.arange(10.0)[:, None], np.zeros((10, 1)), np.empty(0))
    >>> split_off(given, "last 20%", 0, shuffle=True)[1].X[:, 0]
    array([8., 9.])
    """
    if _is_splitter(validation):
        train, held_out = _last_split(given, validation, given.y if classes is None else classes)
        return given.part(train), given.part(held_out)
    n = len(given.X)
    count = last_count(validation, n)
    if isinstance(validation, str) or not shuffle:
        return given.part(slice(n - count)), given.part(slice(n - count, n))
    order = np.random.default_rng(seed).permutation(n)
    return given.part(np.sort(order[count:])), given.part(np.sort(order[:count]))


def last_count(validation: Any, n: int) -> int:
    """How many of n examples a fraction or "last 20%" splits off.

    Raises
    ------
    TypeError, ValueError
        If nothing is left on one side, or validation is of another form.

    Examples
    --------
    >>> last_count("last 20%", 10), last_count(0.3, 10)
    (2, 3)
    """
    if isinstance(validation, str):
        validation = _last_fraction(validation)
    fraction = real_number("validation", validation, above=0)
    count = round(min(fraction, 1.0) * n)
    if not 0 < count < n:
        raise ValueError(
            f"validation is {fraction:g}, wanted a pair (X, y) or a fraction that leaves at "
            f"least one of {n} examples on either side"
        )
    return count


def _last_fraction(text: str) -> float:
    """The fraction that "last 20%" means."""
    found = _LAST.fullmatch(text)
    if found is None:
        raise TypeError(f"validation must be {_WANTED}; got {shown(text)}")
    percent = float(found[1])
    if not 0 < percent < 100:
        raise ValueError(f"validation is {shown(text)}, wanted more than 0 % and less than 100 %")
    return percent / 100


def _is_splitter(validation: Any) -> bool:
    return callable(getattr(validation, "split", None)) and not isinstance(validation, (str, bytes))


def _last_split(given: Examples, splitter: Any, y: Array) -> tuple[Array, Array]:
    """The numbers of the examples on either side."""
    name, n = type(splitter).__name__, len(given.X)
    try:
        splits = list(splitter.split(given.X, y[:, 0] if y.ndim > 1 and y.shape[1] == 1 else y))
        train, held_out = (np.sort(np.asarray(side)) for side in splits[-1])
    except Exception as error:
        raise ValueError(f"validation: {name}.split cannot split the examples: {error}") from error
    for side in (train, held_out):
        whole = side.ndim == 1 and side.size > 0 and side.dtype.kind in "iu"
        if not whole or side[0] < 0 or side[-1] >= n or (np.diff(side) == 0).any():
            raise ValueError(
                f"validation: {name}.split gave {shown(side)}, wanted different numbers of "
                f"examples, from 0 to {n - 1}"
            )
    if np.intersect1d(train, held_out).size:
        raise ValueError(f"validation: {name}.split gave examples that are on both sides")
    return train, held_out
