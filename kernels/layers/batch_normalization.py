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

from ..compile.jit import Vector, kernel
from ..compile.memory import window
from .normalization import (
    CHANNELS,
    EPSILON,
    Normalization,
    add_gradients,
    beta_of,
    gamma_of,
    normalization_row,
)
from .operations import BATCH_NORMALIZATION, GEOMETRY_4, Layer, Row, bits_of, number_at
from .whole_batch import DELTAS, MOMENTS, OUTPUTS, SUMS, WholeBatch

MOMENTUM = GEOMETRY_4


class Moments(NamedTuple):
    """Of one channel."""

    mean: float
    variance: float
    values: float  # of how many


def row(own: Normalization, momentum: float, parameters: int, output: int, source: int) -> Row:
    """Table row; behind γ and β the parameters hold the averages of μ, then those of σ²."""
    plain = normalization_row(BATCH_NORMALIZATION, own, parameters, output)
    averages = 2 * own.channels
    return plain._replace(
        size=plain.size + averages, averages=averages, statistics=1 + 4 * own.channels, learns=1,
        source=source, geometry_4=bits_of(momentum),
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
    for c in range(layer.row[CHANNELS]):
        normalise(layer, c, averages(layer, c))


@kernel
def normalise(layer: Layer, channel: int, moments: Moments) -> None:
    """The channel's a_out, with these moments."""
    kind, lanes = layer.a_out.dtype.type, layer.lanes
    mean, inverse = kind(moments.mean), kind(inverse_of(layer, moments))
    gamma, beta = gamma_of(layer, channel), beta_of(layer, channel)
    for place in range(channel * lanes, layer.a_out.size, layer.row[CHANNELS] * lanes):
        out, values = window(layer.a_out, place, lanes), window(layer.a_in, place, lanes)
        for s in range(lanes):
            out[s] = gamma * ((values[s] - mean) * inverse) + beta


@kernel
def delta(layer: Layer) -> None:
    """δ_in ← γ δ_out / √(σ² + ε): the running averages do not depend on the inputs."""
    kind, lanes = layer.delta_in.dtype.type, layer.lanes
    for c in range(layer.row[CHANNELS]):
        factor = gamma_of(layer, c) * kind(inverse_of(layer, averages(layer, c)))
        for place in range(c * lanes, layer.delta_in.size, layer.row[CHANNELS] * lanes):
            out, given = window(layer.delta_in, place, lanes), window(layer.delta_out, place, lanes)
            for s in range(lanes):
                out[s] = factor * given[s]


@kernel
def gradient(layer: Layer) -> None:
    """∇γ ← Σ δ x̂, ∇β ← Σ δ, and 0 for the averages; added to what is there if `accumulate`."""
    clear(layer)
    for c in range(layer.row[CHANNELS]):
        sums = delta_sums(layer, c, averages(layer, c))
        kind = layer.gradient.dtype.type
        add_gradients(layer, c, kind(sums.products), kind(sums.deltas))


@kernel
def clear(layer: Layer) -> None:
    """The gradient ← 0, if it is not to be added to."""
    if not layer.accumulate:
        for k in range(layer.gradient.size):
            layer.gradient[k] = 0


class Sums(NamedTuple):
    """Of one channel: Σ δ and Σ δ x̂."""

    deltas: float
    products: float


@kernel
def delta_sums(layer: Layer, channel: int, moments: Moments) -> Sums:
    """Sums over the block; δ is 0 where an example does not count."""
    kind, lanes = layer.a_in.dtype.type, layer.lanes
    mean = kind(moments.mean)
    deltas = products = 0.0
    for place in range(channel * lanes, layer.delta_out.size, layer.row[CHANNELS] * lanes):
        values, given = window(layer.a_in, place, lanes), window(layer.delta_out, place, lanes)
        own_deltas = own_products = kind(0)
        for s in range(lanes):
            own_deltas += given[s]
            own_products += given[s] * (values[s] - mean)
        deltas += own_deltas
        products += own_products
    return Sums(deltas, products * inverse_of(layer, moments))


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
    for c in range(channels):
        mean = channel_sum(layer, c, batch.weight) / max(count, 1.0)
        batch.statistics[place + 1 + c] = mean
        squares = channel_squares(layer, c, batch.weight, mean)
        batch.statistics[place + 1 + channels + c] = squares


@kernel
def channel_sum(layer: Layer, channel: int, weight: Vector) -> float:
    """Σ x over the examples that count."""
    lanes, zero, total = layer.lanes, layer.a_in.dtype.type(0), 0.0
    for place in range(channel * lanes, layer.a_in.size, layer.row[CHANNELS] * lanes):
        values, own = window(layer.a_in, place, lanes), zero
        for s in range(lanes):
            own += values[s] if weight[s] > 0 else zero
        total += own
    return total


@kernel
def channel_squares(layer: Layer, channel: int, weight: Vector, mean: float) -> float:
    """Σ (x − mean)² over the examples that count."""
    kind, lanes, total = layer.a_in.dtype.type, layer.lanes, 0.0
    zero, middle = kind(0), kind(mean)
    for place in range(channel * lanes, layer.a_in.size, layer.row[CHANNELS] * lanes):
        values, own = window(layer.a_in, place, lanes), zero
        for s in range(lanes):
            apart = values[s] - middle if weight[s] > 0 else zero
            own += apart * apart
        total += own
    return total


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
    return Moments(mean, squares / max(count, 1.0), max(count, 1.0))


@kernel
def batch_outputs(layer: Layer, batch: WholeBatch) -> None:
    """a_out with the batch's moments; with its first block, the running averages of these."""
    channels, size = layer.row[CHANNELS], layer.parameters.size
    momentum = number_at(layer.row, MOMENTUM)
    for c in range(channels):
        moments = moments_of(batch, channels, c)
        normalise(layer, c, moments)
        if batch.block == 0:
            mean, variance = size - 2 * channels + c, size - channels + c
            kept = momentum * layer.parameters[mean]
            layer.parameters[mean] = kept + (1 - momentum) * moments.mean
            kept = momentum * layer.parameters[variance]
            layer.parameters[variance] = kept + (1 - momentum) * moments.variance


@kernel
def keep_sums(layer: Layer, batch: WholeBatch) -> None:
    """The block's Σ δ and Σ δ x̂ of every channel, which are its gradient too."""
    channels, kind = layer.row[CHANNELS], layer.gradient.dtype.type
    place = batch.block * batch.numbers + batch.first + 1 + 2 * channels
    clear(layer)
    for c in range(channels):
        sums = delta_sums(layer, c, moments_of(batch, channels, c))
        batch.statistics[place + c] = sums.deltas
        batch.statistics[place + channels + c] = sums.products
        add_gradients(layer, c, kind(sums.products), kind(sums.deltas))


@kernel
def batch_deltas(layer: Layer, batch: WholeBatch) -> None:
    """δ_in ← γ (δ − mean(δ) − x̂ mean(δ x̂)) / √(σ² + ε), and 0 where an example does not count."""
    channels, kind = layer.row[CHANNELS], layer.delta_in.dtype.type
    for c in range(channels):
        moments = moments_of(batch, channels, c)
        deltas = products = 0.0
        for block in range(batch.blocks):
            place = block * batch.numbers + batch.first + 1 + 2 * channels + c
            deltas += batch.statistics[place]
            products += batch.statistics[place + channels]
        inverse = inverse_of(layer, moments)
        factors = Factors(
            kind(moments.mean),
            gamma_of(layer, c) * kind(inverse),
            kind(deltas / moments.values),
            kind(inverse * products / moments.values),
        )
        channel_deltas(layer, c, factors, batch.weight)


class Factors(NamedTuple):
    """Numbers of a channel from which its δ_in is made."""

    mean: float  # μ
    factor: float  # γ / √(σ² + ε)
    deltas: float  # mean(δ)
    products: float  # mean(δ x̂) / √(σ² + ε)


@kernel
def channel_deltas(layer: Layer, channel: int, factors: Factors, weight: Vector) -> None:
    """The channel's δ_in in the block."""
    lanes, zero = layer.lanes, layer.delta_in.dtype.type(0)
    mean, factor, deltas, products = factors
    for place in range(channel * lanes, layer.delta_in.size, layer.row[CHANNELS] * lanes):
        out, given = window(layer.delta_in, place, lanes), window(layer.delta_out, place, lanes)
        values = window(layer.a_in, place, lanes)
        for s in range(lanes):
            rest = given[s] - deltas - (values[s] - mean) * products
            out[s] = factor * rest if weight[s] > 0 else zero
