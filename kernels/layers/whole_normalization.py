"""Batch normalisation in a descent, by μ and σ² of the whole batch; see `batch_normalization`.

Where sequences have a mask, μ and σ² are those of the steps that count, as in Keras 3, and all
steps are normalised by them: one that does not count has a δ, and no part in μ and σ².
"""

from __future__ import annotations

from ..compile.jit import Vector, kernel
from ..compile.memory import part, stack_buffer, window
from ..products.channels import Run, Strip, normalised_deltas
from .batch_normalization import (
    MOMENTUM,
    clear,
    inverse_of,
    normalise,
    set_outputs,
)
from .batch_statistics import (
    STEPS,
    STRIP,
    STRIP_BYTES,
    Counted,
    Moments,
    add_sums,
    counted_of,
    keep_moments,
    moments_of,
)
from .normalization import CHANNELS, add_gradients, gamma_of
from .operations import Layer, number_at
from .whole_batch import DELTAS, MOMENTS, OUTPUTS, SUMS, WholeBatch


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
def batch_outputs(layer: Layer, batch: WholeBatch) -> None:
    """a_out with the batch's moments; with its first block, the running averages of these.

    A batch of which no example counts, as in a fold's training, has no moments and changes none.
    """
    channels = layer.row[CHANNELS]
    means = stack_buffer(layer.a_in, STRIP_BYTES)
    factors = stack_buffer(layer.a_in, STRIP_BYTES)
    offsets = stack_buffer(layer.a_in, STRIP_BYTES)
    for first in range(0, channels, STRIP):
        count = min(STRIP, channels - first)
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
    channels, kind = layer.row[CHANNELS], layer.gradient.dtype.type
    place = batch.block * batch.numbers + batch.first + 1 + 2 * channels
    deltas = window(batch.statistics, place, channels)
    products = window(batch.statistics, place + channels, channels)
    clear(layer)
    for first in range(0, channels, STRIP):
        count = min(STRIP, channels - first)
        add_sums(window(deltas, first, count), window(products, first, count), layer, batch, first)
    for c in range(channels):
        products[c] *= inverse_of(layer, moments_of(batch, channels, c))
        add_gradients(layer, c, kind(products[c]), kind(deltas[c]))


@kernel
def batch_deltas(layer: Layer, batch: WholeBatch) -> None:
    """δ_in ← γ (δ − mean(δ) − x̂ mean(δ x̂)) / √(σ² + ε), and 0 where an example does not count.

    Where a step does not count it is γ δ / √(σ² + ε). The means are sums over all steps, divided by
    how many values count.
    """
    channels = layer.row[CHANNELS]
    means = stack_buffer(layer.a_in, STRIP_BYTES)
    factors = stack_buffer(layer.a_in, STRIP_BYTES)
    offsets = stack_buffer(layer.a_in, STRIP_BYTES)
    slopes = stack_buffer(layer.a_in, STRIP_BYTES)
    for first in range(0, channels, STRIP):
        count = min(STRIP, channels - first)
        strip = Strip(
            first, window(means, 0, count), window(factors, 0, count), window(offsets, 0, count),
            window(slopes, 0, count),
        )  # fmt: skip
        for c in range(count):
            set_deltas(layer, batch, strip, c)
        counted = counted_of(layer, batch.weight)
        strip_deltas(layer, strip, counted)
        if layer.row[STEPS]:
            uncounted_deltas(layer, strip, counted, batch.weight)


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
def strip_deltas(layer: Layer, strip: Strip, counted: Counted) -> None:
    """δ_in of the strip's channels, with the numbers that it holds."""
    lanes, channels, first = layer.lanes, layer.row[CHANNELS], strip.first * layer.lanes
    run = Run(counted.size // (channels * lanes), channels, strip.mean.size, lanes)
    size = counted.size - first
    for k in range(counted.steps.size // lanes):
        step, start = part(counted.steps, k, lanes), k * counted.size + first
        normalised_deltas(
            window(layer.delta_in, start, size), window(layer.delta_out, start, size),
            window(layer.a_in, start, size), step, strip, run,
        )  # fmt: skip


@kernel
def uncounted_deltas(layer: Layer, strip: Strip, counted: Counted, weight: Vector) -> None:
    """δ_in of the strip's channels at the steps that do not count, of examples that do."""
    lanes, width = layer.lanes, layer.row[CHANNELS] * layer.lanes
    for k in range(counted.steps.size // lanes):
        step, first = part(counted.steps, k, lanes), k * counted.size + strip.first * lanes
        for place in range(first, (k + 1) * counted.size, width):
            for c in range(strip.mean.size):
                out = window(layer.delta_in, place + c * lanes, lanes)
                given = window(layer.delta_out, place + c * lanes, lanes)
                for s in range(lanes):
                    passes = (weight[s] > 0) & (step[s] <= 0)
                    out[s] = strip.factor[c] * given[s] if passes else out[s]
