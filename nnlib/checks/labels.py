"""Labels in y, as "cat" and "dog": read, told apart from numbers, and turned into class numbers.

A class number is the place of a label among a network's classes. Everything behind these functions
knows class numbers alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .array_like import label_array
from .values import shown, split_pairs

Array = NDArray[Any]

# Classes that a message lists.
_LISTED = 10
# Types of labels that NumPy keeps as they are.
_PLAIN = (str, bool, int, float)


def class_array(argument: str, labels: Iterable[Any]) -> Array:
    """The labels as a read-only vector, each once, in the order given.

    Raises
    ------
    TypeError, ValueError
        If there are fewer than two, one comes twice, is missing (None, NaN) or cannot be hashed.

    Examples
    --------
    >>> class_array("classes", ["dog", "cat"])
    array(['dog', 'cat'], dtype='<U3')
    """
    listed = list(labels.tolist() if isinstance(labels, np.ndarray) else labels)
    for label in listed:
        _check_label(argument, label)
    if len(set(listed)) != len(listed) or len(listed) < 2:
        raise ValueError(f"{argument} holds {_text(listed)}, wanted at least two different labels")
    types = {type(label) for label in listed}
    result = np.empty(len(listed), object)
    result[:] = listed
    if len(types) == 1 and types <= set(_PLAIN):
        result = np.array(listed)
    result.flags.writeable = False
    return result


def found_classes(y: Any, count: int, places: Array | None = None) -> Array | None:
    """The classes of a network with `count` of them that learns from y; None: y holds no labels.

    Text and objects are labels, and so are whole numbers, unless 0 is among them: these are class
    numbers or, with two classes, probabilities. places (n, axes) are the indices of the labels, if
    y is a part of something with several axes.

    Raises
    ------
    TypeError, ValueError
        If the different labels are not as many as the classes, or a label is missing.

    Examples
    --------
    >>> found_classes(np.array(["b", "a", "b"]), 2)
    array(['a', 'b'], dtype='<U1')
    >>> found_classes(np.array([2, 1, 2]), 2)
    array([1, 2])
    >>> found_classes(np.array([0, 1, 1]), 2) is None
    True
    """
    if y.ndim != 1 or not y.size:
        return None
    if y.dtype.kind in "biuf":
        return _found_numbers(y, count)
    labels = set()
    for place, label in enumerate(y.tolist()):
        _check_label(f"y at index {_index(place, places)}", label)
        labels.add(label)
    if len(labels) != count:
        raise ValueError(
            f"y holds {len(labels)} different labels, {_text(_sorted(labels))}, wanted {count}, "
            "one for each class: change the network's outputs, or say what all labels are by "
            "net.classes = […]"
        )
    return class_array("y", _sorted(labels))


def _found_numbers(y: Array, count: int) -> Array | None:
    """Whole numbers that are labels."""
    if y.dtype.kind == "b" or (y == 0).any() or not np.isfinite(y).all():
        return None
    different = np.unique(y)
    whole = bool((different == np.floor(different)).all())
    # Two numbers −1 and 1, or 1 and 2; a 1 alone is a class number.
    return class_array("y", different) if whole and len(different) == count else None


def numbered(y: Array, classes: Array, places: Array | None = None) -> Array:
    """y with class numbers (n,) in place of labels; what has two axes stays as it is.

    places are as for `found_classes`.

    Raises
    ------
    TypeError, ValueError
        For a label that is not among the classes.

    Examples
    --------
    >>> numbered(np.array(["b", "a"]), np.array(["a", "b"]))
    array([1, 0])
    >>> numbered(np.array(["c"]), np.array(["a", "b"]))
    Traceback (most recent call last):
    ...
    ValueError: y holds 'c' at index 0, wanted one of the network's classes 'a', 'b'
    """
    if y.ndim != 1 and y.dtype.kind in "biuf":
        return y
    if y.ndim != 1:
        raise ValueError(f"y has shape {y.shape}, wanted (n,) with a label for each example")
    comparable = y.dtype.kind in "biufU" and y.dtype.kind == classes.dtype.kind
    codes = _by_order(y, classes) if comparable else _by_hash(y, classes)
    if (codes < 0).any():
        index = int(np.argmax(codes < 0))
        label, place = y[index : index + 1].tolist()[0], _index(index, places)
        raise ValueError(
            f"y holds {shown(label)} at index {place}, wanted one of the network's classes "
            f"{_text(classes.tolist())}"
        )
    return codes


def _by_order(y: Array, classes: Array) -> Array:
    """Class numbers of labels that NumPy can put in order; −1 for a label that is no class."""
    order = np.argsort(classes)
    places = np.searchsorted(classes[order], y)
    codes: Array = order[np.minimum(places, len(classes) - 1)]
    return np.where(classes[codes] == y, codes, -1)


def _by_hash(y: Array, classes: Array) -> Array:
    """The same for labels of other types, one by one."""
    places = {label: place for place, label in enumerate(classes.tolist())}
    found = (places.get(label, -1) if isinstance(label, Hashable) else -1 for label in y.tolist())
    return np.fromiter(found, np.intp, len(y))


def read_labels(X: Any, y: Any) -> tuple[Any, Array]:
    """X, and y as an array of labels or numbers, from two arrays or a sequence of (x, y) pairs."""
    if y is None:
        X, y = split_pairs(X)
    return X, label_array("y", y)


def _index(place: int, places: Array | None) -> int | list[int]:
    """A place as a message shows it."""
    return place if places is None else list(map(int, places[place]))


def _check_label(argument: str, label: Any) -> None:
    """Refuse what is no label: None, NaN, pandas' NA, a list."""
    if not isinstance(label, Hashable):
        raise TypeError(f"{argument} holds {shown(label)}, wanted labels that can be hashed")
    missing = label is None or type(label).__name__ in ("NAType", "NaTType")
    if missing or (isinstance(label, float) and label != label):
        raise ValueError(f"{argument} holds {shown(label)}, wanted a label for every example")


def _sorted(labels: set[Any]) -> list[Any]:
    """In their order if they have one, else in that of their texts."""
    try:
        return sorted(labels)
    except TypeError:
        return sorted(labels, key=lambda label: (type(label).__name__, str(label)))


def _text(labels: list[Any]) -> str:
    """Some labels, as a message lists them."""
    rest = ", …" if len(labels) > _LISTED else ""
    return ", ".join(map(shown, labels[:_LISTED])) + rest
