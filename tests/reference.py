"""The lecture's networks in naive float64 NumPy: the oracle that every backend is held against.

Slow and obvious on purpose, and independent of nnlib: one example at a time, every formula as the
lecture writes it. A network is a list of layers (W, b), W of shape (d_out, d_in), b of shape
(d_out,), with one activation name per layer. Data is X of shape (n, d_1) and Y of shape (n, d_L).
"""

from __future__ import annotations

import numpy as np


def sigmoid(z):
    """σ(z) = 1/(1 + e^-z), written so that neither sign of z overflows."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


def sigmoid_derivative(z):
    """σ'(z) = σ(z) (1 − σ(z)) = σ(z) σ(−z)."""
    return sigmoid(z) * sigmoid(-z)


# f and f' of every activation, as functions of z; where f has no derivative, f' is 0.
ACTIVATIONS = {
    "identity": (lambda z: z, lambda z: np.ones_like(z)),
    "sigmoid": (sigmoid, sigmoid_derivative),
    "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
    "relu": (lambda z: np.where(z > 0, z, 0.0), lambda z: np.where(z > 0, 1.0, 0.0)),
    "heaviside": (lambda z: np.where(z >= 0, 1.0, 0.0), lambda z: np.zeros_like(z)),
}


def forward(layers, activations, x):
    """All z^[ℓ] and a^[ℓ] of one example: z = W a + b, a = f(z), a^[1] = x."""
    a = np.asarray(x, dtype=np.float64)
    zs, outputs = [], [a]
    for (W, b), name in zip(layers, activations, strict=True):
        z = W @ a + b
        a = ACTIVATIONS[name][0](z)
        zs.append(z)
        outputs.append(a)
    return zs, outputs


def predict(layers, activations, X):
    """h(x) of every example, shape (n, d_L)."""
    return np.array([forward(layers, activations, x)[1][-1] for x in X])


def example_cost(layers, activations, x, y):
    """J(W, b; x, y) = ½‖h(x) − y‖²."""
    h = forward(layers, activations, x)[1][-1]
    return 0.5 * np.sum((h - y) ** 2)


def decay_cost(layers, weight_decay):
    """(λ/2) Σ w² over the weights, not the biases."""
    return 0.5 * weight_decay * sum(np.sum(W**2) for W, _ in layers)


def cost(layers, activations, X, Y, reduction="mean", weight_decay=0.0):
    """J = (1/n) Σ J(x_i, y_i) + (λ/2) Σ w², or without 1/n for the sum."""
    total = sum(example_cost(layers, activations, x, y) for x, y in zip(X, Y, strict=True))
    scale = {"mean": 1 / len(X), "sum": 1.0}[reduction]
    return scale * total + decay_cost(layers, weight_decay)


def example_gradients(layers, activations, x, y):
    """∇W^[ℓ] and ∇b^[ℓ] of one example, by the delta formulas.

    δ^[L] = (a^[L] − y) ⊙ f'(z^[L]); δ^[ℓ] = (W^[ℓ]ᵀ δ^[ℓ+1]) ⊙ f'(z^[ℓ]);
    ∇W^[ℓ] = δ^[ℓ+1] (a^[ℓ])ᵀ; ∇b^[ℓ] = δ^[ℓ+1].
    """
    zs, outputs = forward(layers, activations, x)
    delta = (outputs[-1] - y) * ACTIVATIONS[activations[-1]][1](zs[-1])
    gradients = []
    for number in reversed(range(len(layers))):
        gradients.insert(0, (np.outer(delta, outputs[number]), delta))
        if number > 0:
            derivative = ACTIVATIONS[activations[number - 1]][1](zs[number - 1])
            delta = (layers[number][0].T @ delta) * derivative
    return gradients


def gradients(layers, activations, X, Y, reduction="mean", weight_decay=0.0):
    """Lists of dJ/dW and dJ/db of `cost`."""
    dW = [np.zeros_like(W) for W, _ in layers]
    db = [np.zeros_like(b) for _, b in layers]
    for x, y in zip(X, Y, strict=True):
        for number, (one_W, one_b) in enumerate(example_gradients(layers, activations, x, y)):
            dW[number] += one_W
            db[number] += one_b
    scale = {"mean": 1 / len(X), "sum": 1.0}[reduction]
    dW = [scale * one + weight_decay * W for one, (W, _) in zip(dW, layers, strict=True)]
    return dW, [scale * one for one in db]


def descent(
    layers,
    activations,
    X,
    Y,
    learning_rate,
    orders,
    reduction="mean",
    weight_decay=0.0,
    batch_size=None,
):
    """Layers after one epoch per order, and the cost of each epoch's pass.

    An order is the sequence in which the epoch visits the examples; every `batch_size` of them
    make one step W ← W − α dW, b ← b − α db with the gradients of `gradients` on that batch. The
    cost of an epoch's pass adds up every example's J when its batch is reached, before the step,
    with the weight decay term of the epoch's start.
    """
    layers = [(np.array(W, dtype=np.float64), np.array(b, dtype=np.float64)) for W, b in layers]
    scale = {"mean": 1 / len(X), "sum": 1.0}[reduction]
    costs = []
    for order in orders:
        pass_cost = decay_cost(layers, weight_decay)
        for start in range(0, len(order), batch_size or len(order)):
            batch = order[start : start + (batch_size or len(order))]
            pass_cost += scale * len(batch) * cost(layers, activations, X[batch], Y[batch])
            dW, db = gradients(layers, activations, X[batch], Y[batch], reduction, weight_decay)
            for (W, b), one_W, one_b in zip(layers, dW, db, strict=True):
                W -= learning_rate * one_W
                b -= learning_rate * one_b
        costs.append(pass_cost)
    return layers, np.array(costs)


def flat(layers):
    """W^[1], b^[1], W^[2], b^[2], … as one vector."""
    return np.concatenate([part.ravel() for layer in layers for part in layer])


# The exercise's descent in 80-bit arithmetic: epoch, J at its start, a1 … a7 (COURSE §6). Beyond
# epoch 300 two correct programs part, so only costs are given, with how far they may spread.
EXERCISE_TRAJECTORY = [
    (0, 4.3, 0, 1, 0, -1, 1, 1, -1),
    (
        1, 4.269836053896352, -0.03883085681519266, 0.9901694033379259, -0.03883085681519266,
        -1.0098305966620742, 0.9634470710684998, 0.9865529289315003, -1.05,
    ),
    (
        10, 4.264698440500016, -0.06338264591865585, 0.9911106502289045, 0.014724394802174875,
        -1.0112087025817484, 0.9584898830215713, 0.9841775481675168, -1.0564873885372288,
    ),
    (
        100, 4.258937980384932, -0.1503473751336135, 1.1591489014082745, 0.06520104417537605,
        -0.9792893818700692, 0.9523827515998806, 1.0000332259151405, -1.0631484619766607,
    ),
    (
        200, 4.228161394478088, -0.2589731306570658, 1.5189669815337277, 0.22204100984389602,
        -0.8687151112348428, 0.9493473412634171, 0.9842213545545168, -1.184766971347497,
    ),
    (
        300, 2.3993853790775588, -0.5719603251108502, 2.7054667776928865, 1.568337830256644,
        -2.6252859645834445, 1.913972598925384, 2.5491128268047842, -3.1051423369095636,
    ),
]  # fmt: skip
EXERCISE_COSTS = [(800, 0.1330, 0.0015), (1000, 0.0934, 0.0010), (5000, 0.01765, 0.00005)]
