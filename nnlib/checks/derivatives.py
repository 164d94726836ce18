"""Whether a formula's derivative is its derivative: against differences, at many points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
# (values, slopes, *arguments): values and slopes are written.
Evaluate = Callable[..., None]

# No round numbers, so that kinks of most formulas lie elsewhere; the nearest are the first to fail.
POINTS = (0.23, -0.29, 0.61, -0.71, 1.19, -1.37, 2.41, -2.83, 0.017, -0.043,
          5.3, -6.1, 11.9, -13.3, 37.1, -41.7)  # fmt: skip
# Targets: also classes and signs, which some losses are made for.
TARGETS = (0.37, 1.0, 0.0, -1.0, -2.6, 3.7, 23.0)

# The step h in parts of the point: the error h² of a central difference meets rounding's ε/h.
_EPSILON = float(np.finfo(np.float64).eps)
_STEP = _EPSILON ** (1 / 3)
# A derivative may be off by so much, in parts of its size, or of the largest one up to 1.
_TOLERANCE = 1e-4
# Where the differences to both sides are further apart, f has a kink or a jump.
_KINK = 1e-2


def check_derivative(
    names: Sequence[str], evaluate: Evaluate, points: Array, *others: Array
) -> None:
    """Refuse a derivative that disagrees with (f(x + h) − f(x − h))/2h at one of the points.

    Points where the differences to the two sides disagree, at kinks and jumps, and those where f is
    not finite, are left out.

    Parameters
    ----------
    names : sequence of str
        Of f, of its derivative, and of the arguments; the first argument is the one that f is
        derived by.
    evaluate : callable
        (values, slopes, x, *others): writes f and its derivative.
    points, others : ndarray of float64
        x and the other arguments.

    Raises
    ------
    ValueError
        It says at which point, what the derivative gave, what the difference is, and how far they
        are apart.

    Examples
    --------
    >>> def square(values, slopes, x):
    ...     values[:], slopes[:] = x**2, 3 * x
    >>> check_derivative(["function", "derivative", "z"], square, np.array([0.5]))
    Traceback (most recent call last):
    ...
    ValueError: derivative(z) is 1.5 at z=0.5, but the difference of function there is 1: off by 0.5
    """
    values, slopes = np.empty((3, len(points))), np.empty((3, len(points)))
    h = _STEP * np.maximum(1.0, abs(points))
    places = points - h, points, points + h
    for row, place in enumerate(places):
        evaluate(values[row], slopes[row], place, *others)
    left, right = places[1] - places[0], places[2] - places[1]  # h, as it was rounded
    with np.errstate(all="ignore"):
        below, above = (values[1] - values[0]) / left, (values[2] - values[1]) / right
        central = (values[2] - values[0]) / (left + right)
        slope, gap = abs(central), abs(above - below)
        size = np.maximum(slope, min(1.0, slope.max(initial=0.0, where=np.isfinite(slope))))
        rounding = 4 * _EPSILON * abs(values).max(axis=0) / h
        smooth = np.isfinite(central) & (gap <= _KINK * size + rounding)
        wrong = smooth & ~(abs(slopes[1] - central) <= _TOLERANCE * size + gap + rounding)
    if not smooth.any():
        raise ValueError(
            f"{names[0]} is smooth at none of {len(points)} points with "
            f"{' and '.join(names[2:])} between −42 and 38: its derivative cannot be checked"
        )
    if wrong.any():
        raise ValueError(
            _message(names, int(np.flatnonzero(wrong)[0]), slopes[1], central, points, *others)
        )


def _message(names: Sequence[str], i: int, slopes: Array, central: Array, *arguments: Array) -> str:
    """Where the derivative is wrong, and by how much."""
    values = zip(names[2:], arguments, strict=True)
    place = ", ".join(f"{name}={values[i]:g}" for name, values in values)
    return (
        f"{names[1]}({', '.join(names[2:])}) is {slopes[i]:.6g} at {place}, but the difference of "
        f"{names[0]} there is {central[i]:.6g}: off by {abs(slopes[i] - central[i]):.3g}"
    )


def check_loss(evaluate: Evaluate) -> None:
    """Refuse a loss whose derivative is not ∂J/∂a."""
    a, y = (grid.ravel() for grid in np.meshgrid(POINTS, TARGETS))
    check_derivative(["cost", "derivative", "a", "y"], evaluate, a, y)


def check_activation(evaluate: Evaluate) -> None:
    """Refuse an activation whose derivative is not f'(z)."""
    check_derivative(["function", "derivative", "z"], evaluate, np.array(POINTS))
