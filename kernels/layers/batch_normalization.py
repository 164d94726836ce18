"""Batch normalisation: every channel over the examples of a batch and the places of their values.

A descent normalises with μ and σ² of the whole batch, whatever blocks it is cut into, and keeps
running averages of them; F, J and derJ take these averages, and a frozen layer does so too. Source:
S. Ioffe and C. Szegedy, "Batch normalization", ICML 2015; the averages are Keras': m a + (1 − m) μ.
What a descent does is in `whole_normalization`.
"""

from __future__ import annotations

import math

from ..compile.jit import Scalar, kernel
from ..compile.memory import stack_buffer, window
from ..products.channels import Run, Strip, normalised
from .batch_statistics import STRIP, STRIP_BYTES, Moments
from .normalization import (
    CHANNELS,
    EPSILON,
    Normalization,
    add_gradients,
    beta_of,
    gamma_of,
    normalization_row,
    row_sum,
)
from .operations import BATCH_NORMALIZATION, GEOMETRY_4, Layer, Row, bits_of, number_at

MOMENTUM = GEOMETRY_4


def row(
    own: Normalization, momentum: float, parameters: int, output: int, source: int, steps: int
) -> Row:
    """Table row; behind γ and β the parameters hold the averages of μ, then those of σ².

    steps: how many the mask has that the workspace begins with; 0: there is none.
    """
    plain = normalization_row(BATCH_NORMALIZATION, own, parameters, output)
    averages = 2 * own.channels
    return plain._replace(
        size=plain.size + averages, averages=averages, statistics=1 + 4 * own.channels, learns=1,
        source=source, workspace=output + own.units if steps else output, kept=steps,
        geometry_4=bits_of(momentum), geometry_5=steps,
    )  # fmt: skip


@kernel
def averages(layer: Layer, channel: int) -> Moments:
    """The running averages of a channel; values stands for nothing."""
    first = layer.parameters.size - 2 * layer.row[CHANNELS]
    mean = layer.parameters[first + channel]
    return Moments(mean, layer.parameters[first + layer.row[CHANNELS] + channel], 1.0)


@kernel
def inverse_of(layer: Layer, moments: Moments) -> float:
    """1/√(σ² + ε)."""
    return 1.0 / math.sqrt(moments.variance + number_at(layer.row, EPSILON))


@kernel
def forward(layer: Layer) -> None:
    """a_out ← γ x̂ + β, x̂ = (a_in − μ) / √(σ² + ε) with the running averages as μ and σ²."""
    means = stack_buffer(layer.a_in, STRIP_BYTES)
    factors = stack_buffer(layer.a_in, STRIP_BYTES)
    offsets = stack_buffer(layer.a_in, STRIP_BYTES)
    for first in range(0, layer.row[CHANNELS], STRIP):
        count = min(STRIP, layer.row[CHANNELS] - first)
        mean = window(means, 0, count)
        strip = Strip(first, mean, window(factors, 0, count), window(offsets, 0, count), mean)
        for c in range(count):
            set_outputs(layer, strip, c, averages(layer, first + c))
        normalise(layer, strip)


@kernel
def set_outputs(layer: Layer, strip: Strip, place: int, moments: Moments) -> None:
    """The numbers of a channel, at a place in the strip, on the way forward."""
    kind, channel = strip.mean.dtype.type, strip.first + place
    strip.mean[place] = kind(moments.mean)
    strip.factor[place] = gamma_of(layer, channel) * kind(inverse_of(layer, moments))
    strip.offset[place] = beta_of(layer, channel)


@kernel
def normalise(layer: Layer, strip: Strip) -> None:
    """a_out of the strip's channels, with the numbers that it holds."""
    lanes, channels = layer.lanes, layer.row[CHANNELS]
    start = strip.first * lanes
    out = window(layer.a_out, start, layer.a_out.size - start)
    values = window(layer.a_in, start, layer.a_out.size - start)
    if lanes > 1:
        run = Run(layer.a_out.size // (channels * lanes), channels, strip.mean.size, lanes)
        normalised(out, values, strip, run)
        return
    for place in range(0, out.size, channels):
        for c in range(strip.mean.size):
            apart = values[place + c] - strip.mean[c]
            out[place + c] = strip.factor[c] * apart + strip.offset[c]


@kernel
def delta(layer: Layer) -> None:
    """δ_in ← γ δ_out / √(σ² + ε): the running averages do not depend on the inputs."""
    kind, lanes, channels = layer.delta_in.dtype.type, layer.lanes, layer.row[CHANNELS]
    factors = stack_buffer(layer.delta_in, STRIP_BYTES)
    for first in range(0, channels, STRIP):
        count = min(STRIP, channels - first)
        for c in range(count):
            inverse = kind(inverse_of(layer, averages(layer, first + c)))
            factors[c] = gamma_of(layer, first + c) * inverse
        for place in range(first * lanes, layer.delta_in.size, channels * lanes):
            for c in range(count):
                out = window(layer.delta_in, place + c * lanes, lanes)
                given = window(layer.delta_out, place + c * lanes, lanes)
                factor = factors[c]
                for s in range(lanes):
                    out[s] = factor * given[s]


@kernel
def gradient(layer: Layer) -> None:
    """∇γ ← Σ δ x̂, ∇β ← Σ δ, and 0 for the averages; added to what is there if `accumulate`."""
    clear(layer)
    lanes, channels = layer.lanes, layer.row[CHANNELS]
    kind = layer.gradient.dtype.type
    means, inverses = (
        stack_buffer(layer.gradient, STRIP_BYTES),
        stack_buffer(layer.gradient, STRIP_BYTES),
    )
    for first in range(0, channels, STRIP):
        count = min(STRIP, channels - first)
        for c in range(count):
            moments = averages(layer, first + c)
            means[c], inverses[c] = kind(moments.mean), kind(inverse_of(layer, moments))
        for place in range(first * lanes, layer.delta_out.size, channels * lanes):
            for c in range(count):
                own = place + c * lanes
                deltas = row_sum(layer.delta_out, own, lanes)
                products = product_sum(layer, own, means[c])
                add_gradients(layer, first + c, inverses[c] * products, deltas)


@kernel
def clear(layer: Layer) -> None:
    """The gradient ← 0, if it is not to be added to."""
    if not layer.accumulate:
        for k in range(layer.gradient.size):
            layer.gradient[k] = 0


@kernel
def product_sum(layer: Layer, place: int, mean: Scalar) -> Scalar:
    """Σ δ (x − mean) over the samples at one place of the block."""
    values = window(layer.a_in, place, layer.lanes)
    given = window(layer.delta_out, place, layer.lanes)
    total = values.dtype.type(0)
    for s in range(layer.lanes):
        total += given[s] * (values[s] - mean)
    return total
