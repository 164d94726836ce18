"""Steps of a descent in naive NumPy, with the gradients of `graph_reference`.

A gradient gets its penalties, is clipped by value and then by norm, and makes a step by the formula
of an optimizer; at the end the weights of each unit are limited. Frozen layers have no part in it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tests import graph_reference


class Rule(NamedTuple):
    """How steps treat a layer."""

    trainable: bool = True
    rate_factor: float = 1.0
    decay_factor: float = 1.0


# One step w ← w − step(g, memory, t) of learning rate 1, by the formulas of the optimizers.
def _momentum(g, m, t):
    m["v"] = 0.9 * m.get("v", 0.0) + g
    return m["v"]


def _nesterov(g, m, t):
    return g + 0.9 * _momentum(g, m, t)


def _rmsprop(g, m, t):
    m["s"] = 0.99 * m.get("s", 0.0) + 0.01 * g**2
    return g / (np.sqrt(m["s"]) + 1e-8)


def _adagrad(g, m, t):
    m["s"] = m.get("s", 0.0) + g**2
    return g / (np.sqrt(m["s"]) + 1e-10)


def _adam(g, m, t):
    m["m"] = 0.9 * m.get("m", 0.0) + 0.1 * g
    m["s"] = 0.999 * m.get("s", 0.0) + 0.001 * g**2
    return m["m"] / (1 - 0.9**t) / (np.sqrt(m["s"] / (1 - 0.999**t)) + 1e-8)


def _rprop(g, m, t):
    """iRprop−, whose learning rate is the first length."""
    before = m.get("g", np.zeros_like(g))
    length = m.get("length", np.ones_like(g))
    agree = np.sign(g * before)
    length = np.where(agree > 0, length * 1.2, np.where(agree < 0, length * 0.5, length))
    g = np.where(agree < 0, 0.0, g)
    m["g"], m["length"] = g, length
    return length * np.sign(g)


STEPS = {
    "sgd": lambda g, m, t: g, "momentum": _momentum, "nesterov": _nesterov, "rmsprop": _rmsprop,
    "adagrad": _adagrad, "adam": _adam, "adamw": _adam, "rprop": _rprop,
}  # fmt: skip


class Penalties(NamedTuple):
    """What is added to a gradient, and what shortens it."""

    weight_decay: float = 0.0
    l1: float = 0.0
    clip_value: float | None = None
    clip_norm: float | None = None
    max_norm: float | None = None


def penalised(gradient, parameters, rules, penalties):
    """The gradient of what is trained with its penalties, clipped by value and then by norm."""
    found = []
    for one, arrays, rule in zip(gradient, parameters, rules, strict=True):
        own = {name: a.copy() for name, a in one.items()} if rule.trainable else {}
        if "weight" in own:
            W, factor = arrays["weight"], rule.decay_factor
            own["weight"] += factor * (penalties.weight_decay * W + penalties.l1 * np.sign(W))
        found.append(own)
    if penalties.clip_value is not None:
        limit = penalties.clip_value
        found = [{k: np.clip(a, -limit, limit) for k, a in own.items()} for own in found]
    if penalties.clip_norm is not None:
        norm = np.sqrt(sum(np.sum(a**2) for own in found for a in own.values()))
        scale = min(1.0, penalties.clip_norm / (norm + 1e-6))
        found = [{k: scale * a for k, a in own.items()} for own in found]
    return found


def descent(graph, parameters, X, Y, batches, optimizer, rate, rules=None, penalties=None, **cost):
    """Parameters after one step for each batch, which is a list of numbers of examples.

    cost has the other arguments of `graph_reference.gradients`.
    """
    parameters = [{k: np.array(a, np.float64) for k, a in own.items()} for own in parameters]
    rules, penalties = rules or [Rule()] * len(parameters), penalties or Penalties()
    memory = [{name: {} for name in own} for own in parameters]
    units = {o.layer for o in graph.operations if o.kind in ("dense", "convolution")}
    for t, batch in enumerate(batches, 1):
        data = [x[batch] for x in X], [y[batch] for y in Y]
        gradient = graph_reference.gradients(graph, parameters, *data, **cost)
        gradient = penalised(gradient, parameters, rules, penalties)
        each = zip(parameters, gradient, memory, rules, strict=True)
        for number, (own, g, kept, rule) in enumerate(each):
            for name, one in g.items():
                if optimizer == "adamw" and name == "weight":
                    own[name] *= 1 - rate * rule.rate_factor * rule.decay_factor * 0.01
                own[name] -= rate * rule.rate_factor * STEPS[optimizer](one, kept[name], t)
            if penalties.max_norm is not None and "weight" in g:
                fan_in = own["weight"][0].size if number in units else 1
                limit_norms(own["weight"], penalties.max_norm, fan_in)
    return parameters


def limit_norms(weight, limit, fan_in):
    """Scale each unit's incoming weights, of which there are fan_in, to a norm of at most limit."""
    rows = weight.reshape(-1, fan_in)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    rows *= np.minimum(1.0, limit / np.maximum(norms, limit / 2))
