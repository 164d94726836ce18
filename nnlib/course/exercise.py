"""The exercise: seven coefficients that separate the red points from the blue ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..network import Network
from .system import System


def exercise_data() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The 60 points (x, y): 40 blue ones at height 0.2, 20 red ones at height 1.

    Blue are (i/10, 0.2) and (6 + i/10, 0.2), red (3 + i/10, 1), each for i = 0, …, 19.

    Returns
    -------
    x, y : arrays, shape (60,)
        The blue points first.

    Examples
    --------
    >>> from nnlib import course
    >>> x, y = course.exercise_data()
    >>> float(x.min()), float(x.max()), int((y == 1).sum())
    (0.0, 7.9, 20)
    """
    step = np.arange(20) / 10
    x = np.concatenate([step, 6 + step, 3 + step])
    y = np.repeat([0.2, 0.2, 1.0], step.size)
    return x, y


def exercise() -> System:
    """The seven-coefficient network 1-2-1 with its data, at the start of the descent.

    F(x) = σ(a5 σ(a1 x + a2) + a6 σ(a3 x + a4) + a7), a = (0, 1, 0, −1, 1, 1, −1); in matrices
    W1 = [[a1], [a3]], b1 = [a2, a4], W2 = [[a5, a6]], b2 = [a7]. The descent is the lecture's:
    sum over the points, learning rate 0.1, full batch; the lecture looks at the curve after
    500, 1000 and 5000 epochs.

    Between epochs 300 and 400 the step is too long for the curvature and rounding differences
    grow by a factor of about 1e11, so two correct programs agree to about 1e-11 before and in the
    cost alone after it.

    Examples
    --------
    >>> from nnlib import course
    >>> system = course.exercise()
    >>> history = system.run()
    >>> history.J[[0, 4999]].round(2)
    array([4.3 , 0.02])
    >>> system.network.F([1.0, 4.0, 7.0]).round(1)  # blue, red, blue
    array([0.2, 1. , 0.2])
    """
    a1, a2, a3, a4, a5, a6, a7 = 0.0, 1.0, 0.0, -1.0, 1.0, 1.0, -1.0
    hidden = [[a1], [a3]], [a2, a4]
    output = [[a5, a6]], [a7]
    x, y = exercise_data()
    return System(
        description="the exercise: height of red and blue points from x",
        network=Network([1, 2, 1], activation="sigmoid", initializer=[hidden, output]),
        X=x,
        y=y,
        settings={"learning_rate": 0.1, "epochs": 5000, "reduction": "sum"},
    )
