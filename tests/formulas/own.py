"""The user's own formulas, as a module of the user's holds them."""

from __future__ import annotations

import math

import nnlib


def squared_error(a, y):
    return 0.5 * (a - y) * (a - y)


def error(a, y):
    return a - y


def tanh(z):
    return math.tanh(z)


def tanh_derivative(z):
    return 1 - math.tanh(z) ** 2


def loss(name="mine"):
    """The half squared error."""
    return nnlib.losses.Custom(squared_error, error, name)


def activation(name="mine"):
    """tanh."""
    return nnlib.activations.Custom(tanh, tanh_derivative, name)


def scaled_loss(factor, name="mine"):
    """The half squared error times a factor, which is no part of the code."""
    return nnlib.losses.Custom(
        lambda a, y: factor * (a - y) ** 2 / 2, lambda a, y: factor * (a - y), name
    )


def scaled_activation(factor, name="mine"):
    """A line through 0."""
    return nnlib.activations.Custom(lambda z: factor * z, lambda z: factor, name)
