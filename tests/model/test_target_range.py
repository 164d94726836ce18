"""The warning of targets that the output activation cannot reach."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import nnlib
from nnlib.model.target_range import warn_of_unreachable

X = np.arange(4.0)


def warned(function):
    """The UserWarnings of a call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function()
    return [str(w.message) for w in caught if w.category is UserWarning]


@pytest.mark.parametrize(
    ("activation", "y"),
    [
        ("sigmoid", [0, 0.5, 1, 1.5]), ("sigmoid", [-0.5, 0, 0, 1]), ("tanh", [-2, 0, 0, 1]),
        ("relu", [-1, 2, 3, 4]), ("softplus", [-1, 2, 3, 4]), ("elu", [-1.5, 0, 0, 9]),
        ("silu", [-0.3, 0, 0, 9]), ("gelu", [-0.2, 0, 0, 9]), ("heaviside", [0, 0, 1, 2]),
    ],
)  # fmt: skip
def test_a_target_beyond_the_output_warns_once(activation, y):
    net = nnlib.Network([1, 1], activation)
    with pytest.warns(UserWarning, match=f"the output activation '{activation}'") as caught:
        net.descent(X, y, epochs=1, learning_rate=1e-3)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert f"y goes from {min(y):g} to {max(y):g}" in str(caught[0].message)
    assert "'identity'" in str(caught[0].message)


@pytest.mark.parametrize(
    ("activation", "y"),
    [
        ("sigmoid", [0, 0.5, 1, 1]), ("tanh", [-1, 0, 0, 1]), ("relu", [0, 2, 3, 4]),
        ("identity", [-9, 0, 0, 9]), ("leaky_relu", [-9, 0, 0, 9]), ("silu", [-0.27, 0, 0, 9]),
        ("gelu", [-0.17, 0, 0, 9]), ("elu", [-1, 0, 0, 9]), ("heaviside", [0, 1, 1, 0]),
    ],
)  # fmt: skip
def test_reachable_targets_do_not_warn(activation, y):
    net = nnlib.Network([1, 1], activation)
    assert warned(lambda: net.descent(X, y, epochs=1, learning_rate=1e-3)) == []


def test_the_ranges_are_those_of_the_activations():
    z = np.linspace(-40, 40, 4001)
    for name in ("sigmoid", "tanh", "relu", "softplus", "elu", "silu", "gelu", "heaviside"):
        F = nnlib.Network([1, 1], name, initializer=[([[1]], [0])]).F(z)
        assert warned(lambda F=F, name=name: warn_of_unreachable(
            F, name, "half_squared_error", 1)) == []  # fmt: skip


def test_losses_of_logits_and_rates_do_not_warn():
    for loss, activation in (("poisson", "tanh"), ("binary_cross_entropy", "sigmoid")):
        net = nnlib.Network([1, 1], activation, loss)
        y = [0, 3, 5, 8] if loss == "poisson" else [0, 1, 1, 0]
        assert warned(lambda net=net, y=y: net.descent(X, y, epochs=1)) == []


def test_a_margin_that_the_output_cannot_reach_warns():
    y = [1, -1, 1, -1]
    with pytest.warns(UserWarning, match="y goes from -1 to 1"):
        nnlib.Network([1, 1], "sigmoid", "hinge").descent(X, y, epochs=1)
    for activation in ("tanh", "identity"):
        net = nnlib.Network([1, 1], activation, "hinge")
        assert warned(lambda net=net: net.descent(X, y, epochs=1)) == []


@pytest.mark.cpu("formulas")
def test_activations_of_the_user_s_own_do_not_warn():
    own = nnlib.activations.Custom(lambda z: 0.5 * z, lambda z: 0.5)
    net = nnlib.Network([1, 1], own)
    assert warned(lambda: net.descent(X, [0, 9, -9, 1], epochs=1, learning_rate=1e-3)) == []


def test_J_does_not_warn():
    net = nnlib.Network([1, 1])
    assert warned(lambda: net.J(X, [5, 5, 5, 5])) == []


def test_examples_of_weight_0_do_not_warn():
    net = nnlib.Network([1, 1])
    options = {"sample_weight": [1, 1, 1, 0], "epochs": 1}
    assert warned(lambda: net.descent(X, [0, 1, 1, 9], **options)) == []
    assert warned(lambda: nnlib.train_many([1, 1], X, [0, 1, 1, 9], n=1, **options)) == []


def test_a_population_warns_once():
    with pytest.warns(UserWarning, match="y goes from 2 to 5") as caught:
        nnlib.train_many([1, 1], X, [2, 3, 4, 5], n=3, epochs=1)
    assert len(caught) == 1
    assert caught[0].filename == __file__
