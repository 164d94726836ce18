"""Classes and labels, and the targets 0 and 1 that a network learns in their place."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import type_of_target

from ..checks.labels import numbered

Array = NDArray[Any]

# scikit-learn's names for the targets that a network can learn as classes.
_KINDS = ("binary", "multiclass", "multilabel-indicator")


class Labels(NamedTuple):
    """What the targets of a classification are."""

    classes: Array  # sorted; of several labels their numbers
    several: bool  # whether an example has several labels at once

    @property
    def multiclass(self) -> bool:
        """Whether there are more than two classes, of which an example has one."""
        return not self.several and len(self.classes) > 2

    def encode(self, y: Array) -> Array:
        """Targets of bool, shape (n, outputs): a column for two classes, else one for each.

        Parameters
        ----------
        y : ndarray, shape (n,) or (n, labels)
            Only of the known classes.

        Returns
        -------
        ndarray of bool, shape (n, outputs)

        Examples
        --------
        >>> labels_of(np.array(["b", "a"])).encode(np.array(["a", "b", "b"])).ravel()
        array([False,  True,  True])
        """
        if self.several:
            targets: Array = y != 0
            return targets
        numbers = numbered(y, self.classes)[:, None]
        columns: Array = numbers == (np.arange(len(self.classes)) if self.multiclass else 1)
        return columns

    def unknown(self, y: Array) -> Array:
        """The classes in y that are none of these.

        >>> labels_of(np.array([0, 1])).unknown(np.array([0, 2]))
        array([2])
        """
        return np.setdiff1d(found_classes(y), self.classes)


def labels_of(y: Any) -> Labels:
    """The classes, or the labels, that are found in y.

    Raises
    ------
    ValueError
        If these are no classes, but continuous numbers or several of them for an example.

    Examples
    --------
    >>> labels_of([3, 1, 3])
    Labels(classes=array([1, 3]), several=False)
    """
    kind = type_of_target(y, input_name="y")
    if kind not in _KINDS:
        raise ValueError(
            f"Unknown label type: {kind}. Wanted a class for each example, or labels of 0 and 1; a "
            "regressor takes numbers"
        )
    return Labels(found_classes(np.asarray(y)), several=kind == "multilabel-indicator")


def found_classes(y: Array) -> Array:
    """The classes in y, sorted; the numbers of the columns where there are several.

    >>> found_classes(np.array([[0, 1, 1]])), found_classes(np.array([5, 4]))
    (array([0, 1, 2]), array([4, 5]))
    """
    classes: Array = np.arange(y.shape[1]) if y.ndim == 2 else np.unique(y)
    return classes
