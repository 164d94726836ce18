"""Losses with parameters: for each family a function from its parameters to the code of the loss.

The parameters are constants of the compiled formulas. A loss is made where it is first asked for.
"""

from __future__ import annotations

import functools
from typing import Any

from ..compile.jit import Scalar, formula
from .activations import IDENTITY, LOG_SOFTMAX, relu, within
from .elementary import exp, expm1, like, log, log1p
from .losses import (
    Loss,
    binary_cross_entropy,
    binary_cross_entropy_delta,
    exponential_delta,
    registry,
    softmax_cross_entropy,
)
from .registry import digest_of


def _add(name: str, parameters: dict[str, float], cost: Any, delta: Any, **others: Any) -> int:
    """The code of the loss of this family with these parameters."""
    text = ", ".join(f"{key}={value!r}" for key, value in parameters.items())
    full = f"{name}({text})"
    return registry.add(Loss(full, cost, delta, digest=digest_of("loss of nnlib", full), **others))


@functools.cache
def huber(delta: float) -> int:
    """J = ½ e² if |e| ≤ δ else δ (|e| − ½ δ) (P. J. Huber, Ann. Math. Statist. 35, 1964)."""

    @formula
    def cost(a: Scalar, y: Scalar) -> Scalar:
        size, bound = abs(a - y), like(a, delta)
        half = like(a, 0.5)
        return bound * (size - half * bound) if size > bound else half * size * size

    @formula
    def derivative(a: Scalar, y: Scalar) -> Scalar:
        return within(a - y, delta)

    return _add("huber", {"delta": delta}, cost, derivative)


@functools.cache
def quantile(tau: float) -> int:
    """J = τ (y − a) if y ≥ a else (1 − τ) (a − y) (R. Koenker and G. Bassett, 1978).

    ∂J/∂a = −τ or 1 − τ, and 0 where a = y; NaN stays NaN.
    """

    @formula
    def cost(a: Scalar, y: Scalar) -> Scalar:
        e = a - y
        return like(a, 1 - tau) * e if e > like(a, 0) else like(a, -tau) * e

    @formula
    def derivative(a: Scalar, y: Scalar) -> Scalar:
        e = a - y
        return like(a, 1 - tau) if e > like(a, 0) else (like(a, -tau) if e < like(a, 0) else e)

    return _add("quantile", {"tau": tau}, cost, derivative)


@functools.cache
def smooth_binary_cross_entropy(smoothing: float) -> int:
    """binary_cross_entropy with y (1 − ε) + ε/2 in the place of y."""

    @formula
    def smooth(y: Scalar) -> Scalar:
        return like(y, 1 - smoothing) * y + like(y, 0.5 * smoothing)

    @formula
    def cost(a: Scalar, y: Scalar) -> Scalar:
        return binary_cross_entropy(a, smooth(y))

    @formula
    def derivative(a: Scalar, y: Scalar) -> Scalar:
        return binary_cross_entropy_delta(a, smooth(y))

    parameters = {"label_smoothing": smoothing}
    return _add("binary_cross_entropy", parameters, cost, derivative, on_logits=IDENTITY)


@functools.cache
def smooth_softmax_cross_entropy(smoothing: float, classes: int) -> int:
    """softmax_cross_entropy with y (1 − ε) + ε/K in the place of y, for K classes.

    Source: C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens and Z. Wojna, CVPR 2016.
    """

    @formula
    def smooth(y: Scalar) -> Scalar:
        return like(y, 1 - smoothing) * y + like(y, smoothing / classes)

    @formula
    def cost(a: Scalar, y: Scalar) -> Scalar:
        return softmax_cross_entropy(a, smooth(y))

    @formula
    def derivative(a: Scalar, y: Scalar) -> Scalar:
        return exponential_delta(a, smooth(y))

    parameters = {"label_smoothing": smoothing, "classes": classes}
    return _add(
        "softmax_cross_entropy", parameters, cost, derivative,
        delta_overflows=True, on_logits=LOG_SOFTMAX,
    )  # fmt: skip


@formula
def surprises(a: Scalar) -> tuple[Scalar, Scalar]:
    """−ln p and −ln (1 − p) of p = σ(a): max(0, ∓a) + ln(1 + e^−|a|)."""
    rest = log1p(exp(-abs(a)))
    return relu(-a) + rest, relu(a) + rest


@functools.cache
def focal(gamma: float) -> int:
    """J = −y q^γ ln p − (1 − y) p^γ ln q, p = σ(a) and q = 1 − p; γ > 0.

    ∂J/∂a = y q^γ (γ p ln p − q) + (1 − y) p^γ (p − γ q ln q). Source: T.-Y. Lin, P. Goyal,
    R. Girshick, K. He and P. Dollár, "Focal loss for dense object detection", ICCV 2017.
    """

    @formula
    def cost(a: Scalar, y: Scalar) -> Scalar:
        right, wrong = surprises(a)
        power = like(a, -gamma)
        no = like(a, 1) - y
        return y * (exp(power * wrong) * right) + no * (exp(power * right) * wrong)

    @formula
    def derivative(a: Scalar, y: Scalar) -> Scalar:
        right, wrong = surprises(a)
        p, q, power = exp(-right), exp(-wrong), like(a, -gamma)
        yes_slope = exp(power * wrong) * (power * p * right - q)
        no_slope = exp(power * right) * (p - power * q * wrong)
        return y * yes_slope + (like(a, 1) - y) * no_slope

    return _add(
        "focal", {"gamma": gamma}, cost, derivative, cost_overflows=True, delta_overflows=True,
        on_logits=IDENTITY,
    )  # fmt: skip


@functools.cache
def softmax_focal(gamma: float) -> int:
    """J's part −y q^γ a, a = ln p from log_softmax and q = 1 − p; γ > 0.

    ∂J/∂a = −y q^γ (1 − γ p a/q), where a/q goes to −1 with q to 0. Source: see `focal`.
    """

    @formula
    def cost(a: Scalar, y: Scalar) -> Scalar:
        return -(y * (exp(like(a, gamma) * log(-expm1(a))) * a))

    @formula
    def derivative(a: Scalar, y: Scalar) -> Scalar:
        q = -expm1(a)
        share = a / q if q != like(a, 0) else like(a, -1)
        slope = like(a, 1) - like(a, gamma) * (exp(a) * share)
        return -(y * (exp(like(a, gamma) * log(q)) * slope))

    return _add(
        "softmax_focal", {"gamma": gamma}, cost, derivative, cost_overflows=True,
        delta_overflows=True, on_logits=LOG_SOFTMAX, through_softmax=True,
    )  # fmt: skip
