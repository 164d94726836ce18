"""Derivatives against differences: what is found, and what is left out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nnlib.checks.derivatives import POINTS, check_derivative

NAMES = ["function", "derivative", "z"]


def check(function, derivative, points=POINTS):
    """The check of two functions of numbers in plain Python."""

    def evaluate(values, slopes, z):
        with np.errstate(all="ignore"):
            values[:] = [function(number) for number in z]
            slopes[:] = [derivative(number) for number in z]

    check_derivative(NAMES, evaluate, np.array(points))


@pytest.mark.parametrize(
    ("function", "derivative"),
    [
        (lambda z: z, lambda z: 1),
        (lambda z: z**6, lambda z: 6 * z**5),
        (np.exp, np.exp),
        (lambda z: np.exp(z * z), lambda z: 2 * z * np.exp(z * z)),
        (lambda z: 1e-9 * math.sin(z), lambda z: 1e-9 * math.cos(z)),
        (lambda z: 1e9 + math.sin(z), math.cos),
        (np.log, lambda z: 1 / z),
        (lambda z: math.sin(z) ** 2 + math.cos(z) ** 2, lambda z: 0),
        (lambda z: 3.0, lambda z: 0),
        (lambda z: math.sin(30 * z), lambda z: 30 * math.cos(30 * z)),
    ],
)
def test_a_right_derivative_passes(function, derivative):
    check(function, derivative)


@pytest.mark.parametrize("place", [0.23, -0.29, 0.0])
def test_kinks_and_jumps_are_left_out(place):
    points = (*POINTS, 0.0)
    check(lambda z: abs(z - place), lambda z: math.copysign(1, z - place), points)
    check(lambda z: float(z > place), lambda z: 0, points)
    check(lambda z: 2 * z if z > place else 2 * z * math.inf, lambda z: 2 if z > place else 7)


@pytest.mark.parametrize("factor", [0.5, 0.99, 0.999, 1.01, -1, 2])
@pytest.mark.parametrize("scale", [1e-9, 1, 1e6])
def test_a_wrong_factor_is_found(factor, scale):
    with pytest.raises(ValueError, match=r"^derivative\(z\) is .* but the difference of function"):
        check(lambda z: scale * math.tanh(z), lambda z: factor * scale * (1 - math.tanh(z) ** 2))


def test_the_message_says_where_and_by_how_much():
    with pytest.raises(ValueError, match="derivative") as caught:
        check(lambda z: z**2, lambda z: 3 * z, [0.5])
    assert str(caught.value) == (
        "derivative(z) is 1.5 at z=0.5, but the difference of function there is 1: off by 0.5"
    )


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_derivative_that_is_not_finite_is_found(value):
    with pytest.raises(ValueError, match=f"is {value} at"):
        check(lambda z: z, lambda z: value)


def test_a_branch_far_from_0_is_found():
    def derivative(z):
        return 1.0 if z < 20 else 2.0

    with pytest.raises(ValueError, match=r"z=37\.1"):
        check(lambda z: z, derivative)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_function_that_is_nowhere_finite(value):
    with pytest.raises(ValueError, match="smooth at none of 16 points with z"):
        check(lambda z: value, lambda z: 0)
