"""Batch normalisation: every channel over the examples of a batch and the places of their values.

A descent normalises with μ and σ² of the whole batch, whatever blocks it is cut into, and keeps
running averages of them; F, J and derJ take these averages, and a frozen layer does so too. Source:
S. Ioffe and C. Szegedy, "Batch normalization", ICML 2015; the averages are Keras': m a + (1 − m) μ.

Statistics of a block: how many values of a channel count; of each channel their mean and the sum of
squares about it, Σ δ and Σ δ x̂. Those of several blocks are put together by T. Chan, G. Golub and
R. LeVeque, "Algorithms for computing the sample variance", The American Statistician 37 (1983).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..compile.jit import Doubles, Scalar, Vector, kernel
from ..compile.memory import stack_buffer, window
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
from .whole_batch import DELTAS, MOMENTS, OUTPUTS, SUMS, WholeBatch

MOMENTUM = GEOMETRY_4

# Values are gone through in the order of memory, which is another channel with every row of lanes.
# So the numbers of some channels lie ready on the stack: of how many, and their bytes in float64.
_STRIP, _STRIP_BYTES = 64, 512


class Moments(NamedTuple):
    """Of one channel."""

    mean: float
    variance: float
    values: float  # of how many, 0 if no example of the batch counts


def row(own: Normalization, momentum: float, parameters: int, output: int, source: int) -> Row:
    """Table row; behind γ and β the parameters hold the averages of μ, then those of σ²."""
    plain = normalization_row(BATCH_NORMALIZATION, own, parameters, output)
    averages = 2 * own.channels
    return plain._replace(
        size=plain.size + averages, averages=averages, statistics=1 + 4 * own.channels, learns=1,
        source=source, geometry_4=bits_of(momentum),
    )  # fmt: skip


class Strip(NamedTuple):
    """Numbers of the channels from `first` on: x becomes (x − mean) factor + offset.

    On the way back δ becomes (δ − offset − (x − mean) slope) factor.
    """

    first: int
    mean: Vector
    factor: Vector
    offset: Vector
    slope: Vector


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
    means = stack_buffer(layer.a_in, _STRIP_BYTES)
    factors = stack_buffer(layer.a_in, _STRIP_BYTES)
    offsets = stack_buffer(layer.a_in, _STRIP_BYTES)
    for first in range(0, layer.row[CHANNELS], _STRIP):
        count = min(_STRIP, layer.row[CHANNELS] - first)
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
    lanes, width = layer.lanes, layer.row[CHANNELS] * layer.lanes
    for place in range(strip.first * lanes, layer.a_out.size, width):
        for c in range(strip.mean.size):
            out = window(layer.a_out, place + c * lanes, lanes)
            values = window(layer.a_in, place + c * lanes, lanes)
            mean, factor, offset = strip.mean[c], strip.factor[c], strip.offset[c]
            for s in range(lanes):
                out[s] = factor * (values[s] - mean) + offset


@kernel
def delta(layer: Layer) -> None:
    """δ_in ← γ δ_out / √(σ² + ε): the running averages do not depend on the inputs."""
    kind, lanes, channels = layer.delta_in.dtype.type, layer.lanes, layer.row[CHANNELS]
    factors = stack_buffer(layer.delta_in, _STRIP_BYTES)
    for first in range(0, channels, _STRIP):
        count = min(_STRIP, channels - first)
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
        stack_buffer(layer.gradient, _STRIP_BYTES),
        stack_buffer(layer.gradient, _STRIP_BYTES),
    )
    for first in range(0, channels, _STRIP):
        count = min(_STRIP, channels - first)
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


@kernel
def whole(layer: Layer, batch: WholeBatch) -> None:
    """The layer's part of a stage in a descent, see `whole_batch`."""
    if batch.task == MOMENTS:
        keep_moments(layer, batch)
    elif batch.task == OUTPUTS:
        batch_outputs(layer, batch)
    elif batch.task == SUMS:
        keep_sums(layer, batch)
    elif batch.task == DELTAS:
        batch_deltas(layer, batch)


@kernel
def keep_moments(layer: Layer, batch: WholeBatch) -> None:
    """The block's moments of every channel, of the examples whose weight is not 0."""
    channels, place = layer.row[CHANNELS], batch.block * batch.numbers + batch.first
    examples = 0.0
    for s in range(layer.lanes):
        examples += 1.0 if batch.weight[s] > 0 else 0.0
    count = examples * (layer.a_in.size // (channels * layer.lanes))
    batch.statistics[place] = count
    mean = window(batch.statistics, place + 1, channels)
    squares = window(batch.statistics, place + 1 + channels, channels)
    for c in range(channels):
        mean[c] = squares[c] = 0
    add_values(layer, batch.weight, mean)
    for c in range(channels):
        mean[c] /= max(count, 1.0)
    add_squares(layer, batch.weight, mean, squares)


@kernel
def add_values(layer: Layer, weight: Vector, total: Doubles) -> None:
    """total_c ← total_c + Σ x over the examples that count."""
    lanes, channels, zero = layer.lanes, total.size, layer.a_in.dtype.type(0)
    for place in range(0, layer.a_in.size, channels * lanes):
        for c in range(channels):
            values, own = window(layer.a_in, place + c * lanes, lanes), zero
            for s in range(lanes):
                own += values[s] if weight[s] > 0 else zero
            total[c] += own


@kernel
def add_squares(layer: Layer, weight: Vector, mean: Doubles, total: Doubles) -> None:
    """total_c ← total_c + Σ (x − mean_c)² over the examples that count."""
    kind, lanes, channels = layer.a_in.dtype.type, layer.lanes, total.size
    zero = kind(0)
    for place in range(0, layer.a_in.size, channels * lanes):
        for c in range(channels):
            values, own, middle = window(layer.a_in, place + c * lanes, lanes), zero, kind(mean[c])
            for s in range(lanes):
                apart = values[s] - middle if weight[s] > 0 else zero
                own += apart * apart
            total[c] += own


@kernel
def moments_of(batch: WholeBatch, channels: int, channel: int) -> Moments:
    """A channel's moments in the whole batch, from those of its blocks in their order."""
    mean = squares = count = 0.0
    for block in range(batch.blocks):
        place = block * batch.numbers + batch.first
        own = batch.statistics[place]
        if own > 0:
            together = count + own
            apart = batch.statistics[place + 1 + channel] - mean
            mean += apart * (own / together)
            squares += batch.statistics[place + 1 + channels + channel]
            squares += apart * apart * (count * own / together)
            count = together
    return Moments(mean, squares / max(count, 1.0), count)


@kernel
def batch_outputs(layer: Layer, batch: WholeBatch) -> None:
    """a_out with the batch's moments; with its first block, the running averages of these.

    A batch of which no example counts, as in a fold's training, has no moments and changes none.
    """
    channels = layer.row[CHANNELS]
    means = stack_buffer(layer.a_in, _STRIP_BYTES)
    factors = stack_buffer(layer.a_in, _STRIP_BYTES)
    offsets = stack_buffer(layer.a_in, _STRIP_BYTES)
    for first in range(0, channels, _STRIP):
        count = min(_STRIP, channels - first)
        mean = window(means, 0, count)
        strip = Strip(first, mean, window(factors, 0, count), window(offsets, 0, count), mean)
        for c in range(count):
            moments = moments_of(batch, channels, first + c)
            set_outputs(layer, strip, c, moments)
            if batch.block == 0 and moments.values > 0:
                average(layer, first + c, moments)
        normalise(layer, strip)


@kernel
def average(layer: Layer, channel: int, moments: Moments) -> None:
    """The running averages ← m times themselves and 1 − m times the batch's moments."""
    momentum, channels = number_at(layer.row, MOMENTUM), layer.row[CHANNELS]
    variance = layer.parameters.size - channels + channel
    mean = variance - channels
    kept = momentum * layer.parameters[mean]
    layer.parameters[mean] = kept + (1 - momentum) * moments.mean
    kept = momentum * layer.parameters[variance]
    layer.parameters[variance] = kept + (1 - momentum) * moments.variance


@kernel
def keep_sums(layer: Layer, batch: WholeBatch) -> None:
    """The block's Σ δ and Σ δ x̂ of every channel, which are its gradient too.

    δ is 0 where an example does not count.
    """
    lanes, channels, kind = layer.lanes, layer.row[CHANNELS], layer.gradient.dtype.type
    place = batch.block * batch.numbers + batch.first + 1 + 2 * channels
    deltas = window(batch.statistics, place, channels)
    products = window(batch.statistics, place + channels, channels)
    means = stack_buffer(layer.a_in, _STRIP_BYTES)
    clear(layer)
    for first in range(0, channels, _STRIP):
        count = min(_STRIP, channels - first)
        for c in range(count):
            means[c] = kind(moments_of(batch, channels, first + c).mean)
            deltas[first + c] = products[first + c] = 0
        for begin in range(first * lanes, layer.delta_out.size, channels * lanes):
            for c in range(count):
                own = begin + c * lanes
                deltas[first + c] += row_sum(layer.delta_out, own, lanes)
                products[first + c] += product_sum(layer, own, means[c])
    for c in range(channels):
        products[c] *= inverse_of(layer, moments_of(batch, channels, c))
        add_gradients(layer, c, kind(products[c]), kind(deltas[c]))


@kernel
def batch_deltas(layer: Layer, batch: WholeBatch) -> None:
    """δ_in ← γ (δ − mean(δ) − x̂ mean(δ x̂)) / √(σ² + ε), and 0 where an example does not count."""
    channels = layer.row[CHANNELS]
    means = stack_buffer(layer.a_in, _STRIP_BYTES)
    factors = stack_buffer(layer.a_in, _STRIP_BYTES)
    offsets = stack_buffer(layer.a_in, _STRIP_BYTES)
    slopes = stack_buffer(layer.a_in, _STRIP_BYTES)
    for first in range(0, channels, _STRIP):
        count = min(_STRIP, channels - first)
        strip = Strip(
            first, window(means, 0, count), window(factors, 0, count), window(offsets, 0, count),
            window(slopes, 0, count),
        )  # fmt: skip
        for c in range(count):
            set_deltas(layer, batch, strip, c)
        strip_deltas(layer, strip, batch.weight)


@kernel
def set_deltas(layer: Layer, batch: WholeBatch, strip: Strip, place: int) -> None:
    """The numbers of a channel, at a place in the strip, on the way back."""
    channels, channel = layer.row[CHANNELS], strip.first + place
    kind, moments = strip.mean.dtype.type, moments_of(batch, channels, channel)
    deltas = products = 0.0
    for block in range(batch.blocks):
        kept = block * batch.numbers + batch.first + 1 + 2 * channels + channel
        deltas += batch.statistics[kept]
        products += batch.statistics[kept + channels]
    inverse, values = inverse_of(layer, moments), max(moments.values, 1.0)
    strip.mean[place] = kind(moments.mean)
    strip.factor[place] = gamma_of(layer, channel) * kind(inverse)
    strip.offset[place] = kind(deltas / values)
    strip.slope[place] = kind(inverse * products / values)


@kernel
def strip_deltas(layer: Layer, strip: Strip, weight: Vector) -> None:
    """δ_in of the strip's channels, with the numbers that it holds."""
    lanes, width = layer.lanes, layer.row[CHANNELS] * layer.lanes
    zero = layer.delta_in.dtype.type(0)
    for place in range(strip.first * lanes, layer.delta_in.size, width):
        for c in range(strip.mean.size):
            own = place + c * lanes
            out, given = window(layer.delta_in, own, lanes), window(layer.delta_out, own, lanes)
            values = window(layer.a_in, own, lanes)
            mean, factor, offset, slope = (
                strip.mean[c], strip.factor[c], strip.offset[c], strip.slope[c],
            )  # fmt: skip
            for s in range(lanes):
                rest = given[s] - offset - (values[s] - mean) * slope
                out[s] = factor * rest if weight[s] > 0 else zero
