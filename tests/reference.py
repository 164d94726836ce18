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


def softmax(z):
    """e^z_j / Σ e^z_i, with the largest z taken off first."""
    e = np.exp(z - np.max(z))
    return e / np.sum(e)


def log_sum_exp(z):
    """ln Σ e^z_i."""
    return np.max(z) + np.log(np.sum(np.exp(z - np.max(z))))


def x_log_x(y):
    """y ln y, 0 for y = 0."""
    return np.where(y > 0, y * np.log(np.where(y > 0, y, 1.0)), 0.0)


def gelu_gate(z):
    """½ (1 + tanh(√(2/π) (z + 0.044715 z³)))."""
    return 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)))


def gelu_derivative(z):
    """The product rule on z times the gate."""
    inner = np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)
    return gelu_gate(z) + 0.5 * z / np.cosh(inner) ** 2 * np.sqrt(2 / np.pi) * (
        1 + 3 * 0.044715 * z**2
    )


# f and f' of every activation of single units, as functions of z; where f has no derivative, f' is
# 0, or for leaky_relu the slope on the left.
ACTIVATIONS = {
    "identity": (lambda z: z, lambda z: np.ones_like(z)),
    "sigmoid": (sigmoid, sigmoid_derivative),
    "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
    "relu": (lambda z: np.where(z > 0, z, 0.0), lambda z: np.where(z > 0, 1.0, 0.0)),
    "leaky_relu": (
        lambda z: np.where(z > 0, z, 0.01 * z),
        lambda z: np.where(z > 0, 1.0, 0.01),
    ),
    "elu": (
        lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
        lambda z: np.where(z > 0, 1.0, np.exp(np.minimum(z, 0))),
    ),
    "gelu": (lambda z: z * gelu_gate(z), gelu_derivative),
    "silu": (
        lambda z: z * sigmoid(z),
        lambda z: sigmoid(z) + z * sigmoid(z) * sigmoid(-z),
    ),
    "softplus": (lambda z: np.logaddexp(0, z), sigmoid),
    "heaviside": (lambda z: np.where(z >= 0, 1.0, 0.0), lambda z: np.zeros_like(z)),
}


# J of one example and its derivatives, as functions of the outputs a and the targets y.
LOSSES = {
    "half_squared_error": (lambda a, y: 0.5 * np.sum((a - y) ** 2), lambda a, y: a - y),
    "absolute_error": (lambda a, y: np.sum(np.abs(a - y)), lambda a, y: np.sign(a - y)),
    "huber": (
        lambda a, y: np.sum(np.where(np.abs(a - y) <= 1, 0.5 * (a - y) ** 2, np.abs(a - y) - 0.5)),
        lambda a, y: np.clip(a - y, -1, 1),
    ),
    "log_cosh": (
        lambda a, y: np.sum(np.logaddexp(a - y, y - a) - np.log(2)),
        lambda a, y: np.tanh(a - y),
    ),
    "poisson": (lambda a, y: np.sum(np.exp(a) - y * a), lambda a, y: np.exp(a) - y),
    "hinge": (
        lambda a, y: np.sum(np.maximum(0, 1 - y * a)),
        lambda a, y: np.where(y * a < 1, -y, 0.0),
    ),
}
# The same as functions of z^[L], whatever the last activation is.
LOSSES_OF_LOGITS = {
    "binary_cross_entropy": (
        lambda z, y: np.sum(np.logaddexp(0, z) - y * z),
        lambda z, y: sigmoid(z) - y,
    ),
    "softmax_cross_entropy": (
        lambda z, y: np.sum(y * (log_sum_exp(z) - z)),
        lambda z, y: softmax(z) - y,
    ),
    "kl_divergence": (
        lambda z, y: np.sum(x_log_x(y) + y * (log_sum_exp(z) - z)),
        lambda z, y: softmax(z) - y,
    ),
}


# J of one example and its derivatives with settings, as above.
LOSS_FAMILIES = {
    "huber": lambda delta: (
        lambda a, y: np.sum(
            np.where(
                np.abs(a - y) <= delta, 0.5 * (a - y) ** 2, delta * (np.abs(a - y) - 0.5 * delta)
            )
        ),
        lambda a, y: np.clip(a - y, -delta, delta),
    ),
    "quantile": lambda tau: (
        lambda a, y: np.sum(np.maximum(tau * (y - a), (tau - 1) * (y - a))),
        lambda a, y: np.where(y > a, -tau, np.where(y < a, 1 - tau, 0.0)),
    ),
}
LOSS_FAMILIES_OF_LOGITS = {
    "binary_cross_entropy": lambda label_smoothing: (
        lambda z, y: np.sum(np.logaddexp(0, z) - smooth(y, label_smoothing, 2) * z),
        lambda z, y: sigmoid(z) - smooth(y, label_smoothing, 2),
    ),
    "softmax_cross_entropy": lambda label_smoothing: (
        lambda z, y: np.sum(smooth(y, label_smoothing, len(y)) * (log_sum_exp(z) - z)),
        lambda z, y: softmax(z) - smooth(y, label_smoothing, len(y)),
    ),
    "focal": lambda gamma: (
        lambda z, y: np.sum(
            y * sigmoid(-z) ** gamma * np.logaddexp(0, -z)
            + (1 - y) * sigmoid(z) ** gamma * np.logaddexp(0, z)
        ),
        lambda z, y: focal_slope(z, y, gamma) - focal_slope(-z, 1 - y, gamma),
    ),
    "softmax_focal": lambda gamma: (
        lambda z, y: -np.sum(y * (1 - softmax(z)) ** gamma * np.log(softmax(z))),
        lambda z, y: softmax_focal_slope(softmax(z), y, gamma),
    ),
}


def smooth(y, label_smoothing, classes):
    """Targets of which a part is spread over all classes."""
    return (1 - label_smoothing) * y + label_smoothing / classes


def focal_slope(z, y, gamma):
    """The derivative of −y q^γ ln p by z, where dp/dz = p q and q = 1 − p: the product rule."""
    p, q = sigmoid(z), sigmoid(-z)
    return -y * (gamma * q ** (gamma - 1) * (-p * q) * np.log(p) + q**gamma * q)


def softmax_focal_slope(p, y, gamma):
    """∂J/∂p through the Jacobian matrix of softmax, ∂p_j/∂z_k = p_j (δ_jk − p_k)."""
    by_p = -y * ((1 - p) ** gamma / p - gamma * (1 - p) ** (gamma - 1) * np.log(p))
    return (np.diag(p) - np.outer(p, p)) @ by_p


def loss_formulas(loss):
    """J and its derivative, and whether they are functions of the logits; by name or object."""
    if isinstance(loss, str):
        of_logits = loss in LOSSES_OF_LOGITS
        return *(LOSSES_OF_LOGITS if of_logits else LOSSES)[loss], of_logits
    of_logits = loss.family in LOSS_FAMILIES_OF_LOGITS
    families = LOSS_FAMILIES_OF_LOGITS if of_logits else LOSS_FAMILIES
    return *families[loss.family](**loss.settings), of_logits


def forward(layers, activations, x):
    """All z^[ℓ] and a^[ℓ] of one example: z = W a + b, a = f(z), a^[1] = x."""
    a = np.asarray(x, dtype=np.float64)
    zs, outputs = [], [a]
    for (W, b), name in zip(layers, activations, strict=True):
        z = W @ a + b
        a = softmax(z) if name == "softmax" else ACTIVATIONS[name][0](z)
        zs.append(z)
        outputs.append(a)
    return zs, outputs


def predict(layers, activations, X):
    """h(x) of every example, shape (n, d_L)."""
    return np.array([forward(layers, activations, x)[1][-1] for x in X])


def example_cost(layers, activations, x, y, loss="half_squared_error"):
    """J(W, b; x, y), by default ½‖h(x) − y‖²."""
    zs, outputs = forward(layers, activations, x)
    J, _, of_logits = loss_formulas(loss)
    return J(zs[-1] if of_logits else outputs[-1], y)


def output_delta(z, a, y, activation, loss):
    """δ^[L] = ∂J/∂a ⊙ f'(z), by default (a − y) ⊙ f'(z)."""
    _, slope, of_logits = loss_formulas(loss)
    return slope(z, y) if of_logits else slope(a, y) * ACTIVATIONS[activation][1](z)


def decay_cost(layers, weight_decay):
    """(λ/2) Σ w² over the weights, not the biases."""
    return 0.5 * weight_decay * sum(np.sum(W**2) for W, _ in layers)


def cost(
    layers,
    activations,
    X,
    Y,
    reduction="mean",
    weight_decay=0.0,
    loss="half_squared_error",
    sample_weight=None,
):
    """J = Σ v_i J(x_i, y_i) / Σ v_i + (λ/2) Σ w², or without 1/Σ v_i for the sum; v_i = 1."""
    v = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    total = sum(
        weight * example_cost(layers, activations, x, y, loss)
        for weight, x, y in zip(v, X, Y, strict=True)
    )
    scale = {"mean": 1 / np.sum(v), "sum": 1.0}[reduction]
    return scale * total + decay_cost(layers, weight_decay)


def example_gradients(layers, activations, x, y, loss="half_squared_error"):
    """∇W^[ℓ] and ∇b^[ℓ] of one example, by the delta formulas.

    δ^[L] = ∂J/∂a^[L] ⊙ f'(z^[L]); δ^[ℓ] = (W^[ℓ]ᵀ δ^[ℓ+1]) ⊙ f'(z^[ℓ]);
    ∇W^[ℓ] = δ^[ℓ+1] (a^[ℓ])ᵀ; ∇b^[ℓ] = δ^[ℓ+1].
    """
    zs, outputs = forward(layers, activations, x)
    delta = output_delta(zs[-1], outputs[-1], y, activations[-1], loss)
    gradients = []
    for number in reversed(range(len(layers))):
        gradients.insert(0, (np.outer(delta, outputs[number]), delta))
        if number > 0:
            derivative = ACTIVATIONS[activations[number - 1]][1](zs[number - 1])
            delta = (layers[number][0].T @ delta) * derivative
    return gradients


def gradients(
    layers,
    activations,
    X,
    Y,
    reduction="mean",
    weight_decay=0.0,
    loss="half_squared_error",
    sample_weight=None,
):
    """Lists of dJ/dW and dJ/db of `cost`."""
    v = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    dW = [np.zeros_like(W) for W, _ in layers]
    db = [np.zeros_like(b) for _, b in layers]
    for weight, x, y in zip(v, X, Y, strict=True):
        of_one = example_gradients(layers, activations, x, y, loss)
        for number, (one_W, one_b) in enumerate(of_one):
            dW[number] += weight * one_W
            db[number] += weight * one_b
    scale = {"mean": 1 / np.sum(v), "sum": 1.0}[reduction]
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


# The exercise's descent in 80-bit arithmetic: epoch, J at its start, a1 … a7. Beyond
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
