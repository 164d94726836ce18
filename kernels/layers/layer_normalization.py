"""Layer normalisation: every example by itself, over the channels at each of its places.

Source: J. L. Ba, J. R. Kiros and G. Hinton, "Layer normalization", arXiv 1607.06450 (2016).
"""

from __future__ import annotations

import math

from ..compile.jit import Vector, kernel
from ..compile.memory import stack_buffer, window
from .normalization import (
    CHANNELS,
    EPSILON,
    Normalization,
    add_gradients,
    beta_of,
    gamma_of,
    normalization_row,
)
from .operations import LAYER_NORMALIZATION, Layer, Row, number_at

# Samples for which `delta` keeps two sums, at most, and the bytes that they take in float64.
_STRIP, _STRIP_BYTES = 64, 512


def row(own: Normalization, parameters: int, output: int, source: int) -> Row:
    """Table row; of each place the workspace keeps two rows of lanes, so it needs two channels."""
    plain = normalization_row(LAYER_NORMALIZATION, own, parameters, output)
    return plain._replace(workspace=output + own.units, source=source)


@kernel
def forward(layer: Layer) -> None:
    """a_out ← γ x̂ + β, x̂ = (a_in − μ) / √(σ² + ε); the workspace keeps μ and 1/√(σ² + ε)."""
    channels, lanes = layer.row[CHANNELS], layer.lanes
    width, epsilon = channels * lanes, number_at(layer.row, EPSILON)
    for place in range(0, layer.a_out.size, width):
        a, out = window(layer.a_in, place, width), window(layer.a_out, place, width)
        mean = window(layer.workspace, place, lanes)
        inverse = window(layer.workspace, place + lanes, lanes)
        moments(mean, inverse, a, epsilon)
        for c in range(channels):
            values, normalised = window(a, c * lanes, lanes), window(out, c * lanes, lanes)
            gamma, beta = gamma_of(layer, c), beta_of(layer, c)
            for s in range(lanes):
                normalised[s] = gamma * ((values[s] - mean[s]) * inverse[s]) + beta


@kernel
def moments(mean: Vector, inverse: Vector, a: Vector, epsilon: float) -> None:
    """mean ← μ and inverse ← 1/√(σ² + ε) of every sample; a is (channels, lanes)."""
    lanes, one = mean.size, a.dtype.type(1)
    share, small = one / a.dtype.type(a.size // lanes), a.dtype.type(epsilon)
    for s in range(lanes):
        mean[s] = inverse[s] = 0
    for place in range(0, a.size, lanes):
        values = window(a, place, lanes)
        for s in range(lanes):
            mean[s] += share * values[s]
    for place in range(0, a.size, lanes):
        values = window(a, place, lanes)
        for s in range(lanes):
            apart = values[s] - mean[s]
            inverse[s] += share * (apart * apart)
    for s in range(lanes):
        inverse[s] = one / a.dtype.type(math.sqrt(inverse[s] + small))


@kernel
def delta(layer: Layer) -> None:
    """δ_in ← (γ δ − mean(γ δ) − x̂ mean(γ δ x̂)) / √(σ² + ε), the means over the channels."""
    width = layer.row[CHANNELS] * layer.lanes
    means = stack_buffer(layer.delta_in, _STRIP_BYTES)
    means_of_products = stack_buffer(layer.delta_in, _STRIP_BYTES)
    for place in range(0, layer.delta_in.size, width):
        for first in range(0, layer.lanes, _STRIP):
            count = min(_STRIP, layer.lanes - first)
            one, two = window(means, 0, count), window(means_of_products, 0, count)
            strip_means(layer, place + first, one, two)
            strip_delta(layer, place + first, one, two)


@kernel
def strip_means(layer: Layer, place: int, means: Vector, means_of_products: Vector) -> None:
    """Means over the channels of γ δ and γ δ x̂, for the samples from a place in the block on."""
    channels, lanes, count = layer.row[CHANNELS], layer.lanes, means.size
    mean = window(layer.workspace, place, count)
    inverse = window(layer.workspace, place + lanes, count)
    share = means.dtype.type(1) / means.dtype.type(channels)
    for s in range(count):
        means[s] = means_of_products[s] = 0
    for c in range(channels):
        values = window(layer.a_in, place + c * lanes, count)
        delta_out = window(layer.delta_out, place + c * lanes, count)
        factor = share * gamma_of(layer, c)
        for s in range(count):
            part = factor * delta_out[s]
            means[s] += part
            means_of_products[s] += part * ((values[s] - mean[s]) * inverse[s])


@kernel
def strip_delta(layer: Layer, place: int, means: Vector, means_of_products: Vector) -> None:
    """δ_in of the samples from a place in the block on, from the means over their channels."""
    lanes, count = layer.lanes, means.size
    mean = window(layer.workspace, place, count)
    inverse = window(layer.workspace, place + lanes, count)
    for c in range(layer.row[CHANNELS]):
        values = window(layer.a_in, place + c * lanes, count)
        delta_out = window(layer.delta_out, place + c * lanes, count)
        delta_in = window(layer.delta_in, place + c * lanes, count)
        gamma = gamma_of(layer, c)
        for s in range(count):
            normalised = (values[s] - mean[s]) * inverse[s]
            rest = gamma * delta_out[s] - means[s] - normalised * means_of_products[s]
            delta_in[s] = inverse[s] * rest


@kernel
def gradient(layer: Layer) -> None:
    """∇γ ← Σ δ x̂ and ∇β ← Σ δ, over places and samples, added to what is there if `accumulate`."""
    channels, lanes = layer.row[CHANNELS], layer.lanes
    if not layer.accumulate:
        for k in range(layer.gradient.size):
            layer.gradient[k] = 0
    for place in range(0, layer.delta_out.size, channels * lanes):
        mean = window(layer.workspace, place, lanes)
        inverse = window(layer.workspace, place + lanes, lanes)
        for c in range(channels):
            values = window(layer.a_in, place + c * lanes, lanes)
            delta_out = window(layer.delta_out, place + c * lanes, lanes)
            products = deltas = layer.gradient.dtype.type(0)
            for s in range(lanes):
                products += delta_out[s] * ((values[s] - mean[s]) * inverse[s])
                deltas += delta_out[s]
            add_gradients(layer, c, products, deltas)
