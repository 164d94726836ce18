"""Training and validation examples of a fit."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from ..checks.examples import Examples

Array = NDArray[Any]


class Split(NamedTuple):
    """The examples to train with and those that stop the training, if there are any."""

    train: Examples
    validation: Examples | None


def split_examples(given: Examples, fraction: float, random: Any, stratify: bool) -> Split:
    """Hold out a fraction of the examples, as scikit-learn's estimators do with this random state.

    Parameters
    ----------
    given : Examples
    fraction : float
    random : numpy.random.RandomState
    stratify : bool
        Hold out the same part of each class; y is then one column of bool.

    Returns
    -------
    Split

    Raises
    ------
    ValueError
        If fewer than two examples are held out, or a class has too few members.

    Examples
    --------
    >>> import numpy as np
    >>> given = Examples(np.eye(10), np.zeros((10, 1)), np.empty(0))
    >>> split = split_examples(given, 0.2, np.random.RandomState(0), stratify=False)
    >>> len(split.train.X), len(split.validation.X)
    (8, 2)
    """
    arrays = [given.X, given.y] + ([given.weights] if given.weights.size else [])
    parts = train_test_split(
        *arrays, random_state=random, test_size=fraction, stratify=given.y if stratify else None
    )
    if len(parts[1]) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            "dataset."
        )
    weights = parts[4:] if given.weights.size else [given.weights, given.weights]
    return Split(Examples(parts[0], parts[2], weights[0]), Examples(parts[1], parts[3], weights[1]))
