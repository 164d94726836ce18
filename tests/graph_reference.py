"""Graphs of layers in naive float64 NumPy: the oracle of networks of any shape.

Slow and obvious on purpose, and independent of nnlib, as `tests.reference`: one example at a time,
each layer by its formula, the gradient by reverse mode written out by hand. A graph is a list of
operations. Values have numbers: those of the inputs first, then one for each operation.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tests import image_reference, reference

# Activations that a loss of logits folds in.
FOLDED = ("sigmoid", "softmax")


class Operation(NamedTuple):
    """One use of a layer."""

    kind: str  # a key of FORWARD
    sources: tuple[int, ...]  # numbers of the values that it reads
    layer: int = -1  # number of the layer whose parameters it has; −1: it has none
    setting: Any = None  # activation, factors, axis, shape or windows


class Graph(NamedTuple):
    """Operations behind `inputs` inputs, and the values that the network gives."""

    inputs: int
    operations: list[Operation]
    outputs: list[int]
    losses: list[str]
    loss_weights: list[float]


def activate(name, z):
    """f(z) of one value of any shape."""
    return reference.softmax(z) if name == "softmax" else reference.ACTIVATIONS[name][0](z)


def dense_z(operation, own, values):
    """z = W a + b."""
    return own["weight"] @ values[0] + own["bias"]


def product(values):
    """x_1 ⊙ x_2 ⊙ …."""
    out = values[0]
    for value in values[1:]:
        out = out * value
    return out


def normalised(x):
    """x̂ over the last axis of one value, and its deviation √(σ² + ε)."""
    deviation = np.sqrt(np.var(x, axis=-1, keepdims=True) + EPSILON)
    return (x - np.mean(x, axis=-1, keepdims=True)) / deviation, deviation


def averaged(own, x):
    """The same by running averages."""
    deviation = np.sqrt(own["moving_variance"] + EPSILON)
    return (x - own["moving_mean"]) / deviation, deviation


# The output of an operation, of its own parameters and the values that it reads.
FORWARD = {
    "dense": lambda o, own, v: activate(o.setting, dense_z(o, own, v)),
    "activation": lambda o, own, v: activate(o.setting, v[0]),
    "sum": lambda o, own, v: sum(c * x for c, x in zip(o.setting, v, strict=True)),
    "multiply": lambda o, own, v: product(v),
    "maximum": lambda o, own, v: np.max(v, axis=0),
    "concatenate": lambda o, own, v: np.concatenate(v, axis=o.setting),
    "reshape": lambda o, own, v: v[0].reshape(o.setting),
    "scale": lambda o, own, v: own["weight"] * v[0] + own.get("bias", 0.0),
    "prelu": lambda o, own, v: np.where(v[0] > 0, v[0], own["alpha"] * v[0]),
    "rescaling": lambda o, own, v: o.setting[0] * v[0] + o.setting[1],
    "layer_normalization": lambda o, own, v: own["gamma"] * normalised(v[0])[0] + own["beta"],
    "batch_normalization": lambda o, own, v: own["gamma"] * averaged(own, v[0])[0] + own["beta"],
    "convolution": lambda o, own, v: image_reference.convolve(
        v[0], own["weight"], own.get("bias"), o.setting
    ),
    "pooling": lambda o, own, v: image_reference.pool(v[0], o.setting),
}

EPSILON = 1e-3  # of both normalisations


def run(graph, parameters, inputs):
    """All values of one example; parameters is a list of dicts of arrays, one for each layer."""
    values = [np.asarray(x, np.float64) for x in inputs]
    for operation in graph.operations:
        own = parameters[operation.layer] if operation.layer >= 0 else {}
        read = [values[source] for source in operation.sources]
        values.append(FORWARD[operation.kind](operation, own, read))
    return values


def logits(graph, parameters, values, number):
    """z of the operation that gives a value, the value itself if its activation is the identity."""
    operation = graph.operations[number - graph.inputs] if number >= graph.inputs else None
    if operation is None or operation.setting not in FOLDED:
        return values[number], False
    read = [values[source] for source in operation.sources]
    if operation.kind == "dense":
        return dense_z(operation, parameters[operation.layer], read), True
    return read[0], True


def example_cost(graph, parameters, inputs, targets):
    """Σ_k c_k J_k of one example, over the outputs."""
    values, total = run(graph, parameters, inputs), 0.0
    for number, loss, factor, y in zip(
        graph.outputs, graph.losses, graph.loss_weights, targets, strict=True
    ):
        J, _, of_logits = reference.loss_formulas(loss)
        z, _ = logits(graph, parameters, values, number)
        total += factor * J(z if of_logits else values[number], y)
    return total


def derivative(name, z):
    """f'(z) of an activation of single units."""
    return reference.ACTIVATIONS[name][1](z)


def dense_back(operation, own, read, delta):
    """δ_in = Wᵀ δ, ∇W = δ aᵀ and ∇b = δ, for the δ of z."""
    return [own["weight"].T @ delta], {"weight": np.outer(delta, read[0]), "bias": delta}


def multiply_back(read, delta):
    """δ_k = δ ⊙ the product of all other values."""
    return [delta * product([*read[:k], *read[k + 1 :], 1.0]) for k in range(len(read))]


def maximum_back(read, delta):
    """δ_k = δ where x_k is the largest; the value that comes later has half of it among equals."""
    deltas, largest = [delta], read[0]
    for value in read[1:]:
        share = np.where(value > largest, 1.0, np.where(value == largest, 0.5, 0.0))
        deltas = [(1 - share) * one for one in deltas] + [share * delta]
        largest = np.maximum(largest, value)
    return deltas


def normalization_back(kind, own, x, delta):
    """δ before a normalisation, and the gradient of its parameters; averages are constants."""
    normal, deviation = normalised(x) if kind == "layer_normalization" else averaged(own, x)
    places = tuple(range(x.ndim - 1))
    gradient = {name: np.zeros_like(array) for name, array in own.items()}
    gradient["gamma"], gradient["beta"] = (delta * normal).sum(places), delta.sum(places)
    delta = own["gamma"] * delta
    if kind == "layer_normalization":
        shared = np.mean(delta * normal, axis=-1, keepdims=True)
        delta = delta - np.mean(delta, axis=-1, keepdims=True) - normal * shared
    return [delta / deviation], gradient


def concatenate_back(operation, read, delta):
    """The part of δ for each value."""
    ends = np.cumsum([value.shape[operation.setting] for value in read])[:-1]
    return np.split(delta, ends, axis=operation.setting)


def operation_back(operation, own, read, delta, of_z):
    """The δ of what an operation reads, and the gradient of its parameters by name.

    delta belongs to its output or, if of_z, to the z before its activation.
    """
    kind, setting = operation.kind, operation.setting
    if kind in ("dense", "activation") and not of_z:
        z = dense_z(operation, own, read) if kind == "dense" else read[0]
        delta = delta * derivative(setting, z)
    if kind == "dense":
        return dense_back(operation, own, read, delta)
    if kind == "scale":
        gradient = {"weight": delta * read[0], "bias": delta}
        return [own["weight"] * delta], {name: gradient[name] for name in own}
    if kind == "prelu":
        slope = np.where(read[0] > 0, 1.0, own["alpha"])
        return [slope * delta], {"alpha": delta * np.minimum(read[0], 0)}
    if kind.endswith("_normalization"):
        return normalization_back(kind, own, read[0], delta)
    if kind == "convolution":
        delta_in, weight, bias = image_reference.convolve_back(
            read[0], own["weight"], delta, setting
        )
        return [delta_in], {"weight": weight, "bias": bias} if "bias" in own else {"weight": weight}
    deltas = {
        "rescaling": lambda: [setting[0] * delta],
        "activation": lambda: [delta],
        "pooling": lambda: [image_reference.pool_back(read[0], delta, setting)],
        "sum": lambda: [c * delta for c in setting],
        "multiply": lambda: multiply_back(read, delta),
        "maximum": lambda: maximum_back(read, delta),
        "concatenate": lambda: concatenate_back(operation, read, delta),
        "reshape": lambda: [delta.reshape(read[0].shape)],
    }
    return deltas[kind](), {}


def example_gradients(graph, parameters, inputs, targets):
    """∇ of `example_cost` with respect to every array of parameters, and to the inputs."""
    values = run(graph, parameters, inputs)
    deltas = [np.zeros_like(value) for value in values]
    of_z = {}
    for number, loss, factor, y in zip(
        graph.outputs, graph.losses, graph.loss_weights, targets, strict=True
    ):
        _, slope, of_logits = reference.loss_formulas(loss)
        z, folded = logits(graph, parameters, values, number)
        delta = factor * slope(z if of_logits else values[number], y)
        if of_logits and folded:
            of_z[number] = of_z.get(number, 0.0) + delta
        else:
            deltas[number] = deltas[number] + delta
    gradients = [{name: np.zeros_like(a) for name, a in own.items()} for own in parameters]
    for number in reversed(range(graph.inputs, len(values))):
        operation = graph.operations[number - graph.inputs]
        own = parameters[operation.layer] if operation.layer >= 0 else {}
        read = [values[source] for source in operation.sources]
        back, gradient = operation_back(
            operation, own, read, of_z.get(number, deltas[number]), number in of_z
        )
        for source, delta in zip(operation.sources, back, strict=True):
            deltas[source] = deltas[source] + delta
        for name, array in gradient.items():
            gradients[operation.layer][name] += array
    return gradients, deltas[: graph.inputs]


def predict(graph, parameters, X):
    """F of every example as a list of arrays (n, …), one for each output; X has one an input."""
    rows = [run(graph, parameters, inputs) for inputs in zip(*X, strict=True)]
    return [np.array([values[number] for values in rows]) for number in graph.outputs]


def decay_cost(parameters, weight_decay, factors=None):
    """(λ/2) Σ c w² over all arrays called weight; c is the factor of the layer."""
    factors = factors or [1.0] * len(parameters)
    return sum(
        0.5 * weight_decay * factor * np.sum(own["weight"] ** 2)
        for own, factor in zip(parameters, factors, strict=True)
        if "weight" in own
    )


def scaled_weights(n, reduction, sample_weight):
    """v_i / Σ v_i, or v_i for the sum."""
    v = np.ones(n) if sample_weight is None else np.asarray(sample_weight, np.float64)
    return v / {"mean": np.sum(v), "sum": 1.0}[reduction]


def cost(graph, parameters, X, Y, reduction="mean", weight_decay=0.0, sample_weight=None):
    """J = Σ v_i J(x_i, y_i) / Σ v_i + (λ/2) Σ w², or without 1/Σ v_i for the sum."""
    v = scaled_weights(len(X[0]), reduction, sample_weight)
    each = zip(v, zip(*X, strict=True), zip(*Y, strict=True), strict=True)
    total = sum(w * example_cost(graph, parameters, x, y) for w, x, y in each)
    return total + decay_cost(parameters, weight_decay)


def gradients(graph, parameters, X, Y, reduction="mean", weight_decay=0.0, sample_weight=None):
    """∇ of `cost`: a dict of arrays for each layer."""
    total = [{name: np.zeros_like(a) for name, a in own.items()} for own in parameters]
    v = scaled_weights(len(X[0]), reduction, sample_weight)
    each = zip(v, zip(*X, strict=True), zip(*Y, strict=True), strict=True)
    for weight, x, y in each:
        of_one, _ = example_gradients(graph, parameters, x, y)
        for own, one in zip(total, of_one, strict=True):
            for name in own:
                own[name] += weight * one[name]
    for own, arrays in zip(total, parameters, strict=True):
        if "weight" in own:
            own["weight"] += weight_decay * arrays["weight"]
    return total


def smallest_gap(graph, parameters, X, Y):
    """Smallest distance from where the cost has no second derivative.

    A z of exactly 0 is what relu makes of another z, and 0 in every arithmetic. Equal values in a
    maximum count as no tie if they are one value, or both 0.
    """
    gaps = [np.inf]
    for inputs, targets in zip(zip(*X, strict=True), zip(*Y, strict=True), strict=True):
        values = run(graph, parameters, inputs)
        for operation in graph.operations:
            own = parameters[operation.layer] if operation.layer >= 0 else {}
            read = [values[source] for source in operation.sources]
            gaps.append(_gap(operation, own, read))
        for number, loss, y in zip(graph.outputs, graph.losses, targets, strict=True):
            a = values[number]
            if loss == "absolute_error":
                gaps.append(np.min(np.abs(a - y)))
            if loss == "huber":
                gaps.append(np.min(np.abs(np.abs(a - y) - 1)))
            if loss == "hinge":
                gaps.append(np.min(np.abs(a * y - 1)))
    return min(gaps)


def _gap(operation, own, read):
    kinked = ("relu", "leaky_relu", "elu", "heaviside")
    kind = operation.kind
    if kind == "prelu" or (kind in ("dense", "activation") and operation.setting in kinked):
        z = dense_z(operation, own, read) if kind == "dense" else read[0]
        return np.min(np.abs(z), where=z != 0, initial=np.inf)
    if kind == "pooling":
        return image_reference.pool_gap(read[0], operation.setting)
    if kind != "maximum":
        return np.inf
    gaps = [np.inf]
    for k, one in enumerate(read):
        for j, other in enumerate(read[:k]):
            apart = np.abs(one - other)
            same = operation.sources[k] == operation.sources[j]
            gaps.append(np.min(np.where(same | ((one == 0) & (other == 0)), np.inf, apart)))
    return min(gaps)


def largest_value(graph, parameters, X):
    """The largest magnitude of any value of any example."""
    rows = (run(graph, parameters, inputs) for inputs in zip(*X, strict=True))
    return max(float(np.max(np.abs(value))) for values in rows for value in values)
