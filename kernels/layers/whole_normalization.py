"""Batch normalisation in a descent, by μ and σ² of the whole batch; see `batch_normalization`.

Statistics of a block: how many values of a channel count; of each channel their mean and the sum of
squares about it, Σ δ and Σ δ x̂. Those of several blocks are put together by T. Chan, G. Golub and
R. LeVeque, "Algorithms for computing the sample variance", The American Statistician 37 (1983).

Where sequences have a mask, the workspace begins with it, (time, lanes), which a row of `masks`
brings there. As in Keras 3, μ and σ² are then those of the steps that count, and all steps are
normalised by them: one that does not count has a δ, and no part in μ and σ².
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.jit import Doubles, Vector, kernel
from ..compile.memory import part, stack_buffer, window
from .batch_normalization import (
    MOMENTUM,
    STEPS,
    STRIP,
    STRIP_BYTES,
    Moments,
    Strip,
    clear,
    inverse_of,
    normalise,
    product_sum,
    set_outputs,
)
from .normalization import CHANNELS, add_gradients, gamma_of, row_sum
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
def keep_moments(layer: Layer, batch: WholeBatch) -> None:
    """The block's moments of every channel, of the examples whose weight is not 0."""
    channels, place = layer.row[CHANNELS], batch.block * batch.numbers + batch.first
    leave_out(layer, batch.weight)
    counted = counted_of(layer, batch.weight)
    count = count_values(layer, counted)
    batch.statistics[place] = count
    mean = window(batch.statistics, place + 1, channels)
    squares = window(batch.statistics, place + 1 + channels, channels)
    for c in range(channels):
        mean[c] = squares[c] = 0
    add_values(layer, counted, mean)
    for c in range(channels):
        mean[c] /= max(count, 1.0)
    add_squares(layer, counted, mean, squares)


@kernel
def leave_out(layer: Layer, weight: Vector) -> None:
    """The mask ← 0 at all steps of the examples that do not count."""
    for k in range(layer.row[STEPS]):
        mask = part(layer.workspace, k, layer.lanes)
        zero = mask.dtype.type(0)
        for s in range(layer.lanes):
            mask[s] = mask[s] if weight[s] > 0 else zero


class Counted(NamedTuple):
    """Which values of a block count."""

    steps: Vector  # (steps, lanes): above 0 where a step of an example counts; one, without a mask
    size: int  # numbers of a step


@kernel
def counted_of(layer: Layer, weight: Vector) -> Counted:
    """The mask that `leave_out` has made, or the weights."""
    steps, mask = layer.row[STEPS], layer.workspace
    own = window(mask, 0, steps * layer.lanes) if steps else window(weight, 0, layer.lanes)
    return Counted(own, layer.a_in.size // max(steps, 1))


@kernel
def count_values(layer: Layer, counted: Counted) -> float:
    """How many values of a channel count."""
    found = 0.0
    for i in range(counted.steps.size):
        found += 1.0 if counted.steps[i] > 0 else 0.0
    return found * (counted.size // (layer.row[CHANNELS] * layer.lanes))


@kernel
def add_values(layer: Layer, counted: Counted, total: Doubles) -> None:
    """total_c ← total_c + Σ x over what counts."""
    lanes, channels, zero = layer.lanes, total.size, layer.a_in.dtype.type(0)
    for k in range(counted.steps.size // lanes):
        step = part(counted.steps, k, lanes)
        for place in range(k * counted.size, (k + 1) * counted.size, channels * lanes):
            for c in range(channels):
                values, own = window(layer.a_in, place + c * lanes, lanes), zero
                for s in range(lanes):
                    own += values[s] if step[s] > 0 else zero
                total[c] += own


@kernel
def add_squares(layer: Layer, counted: Counted, mean: Doubles, total: Doubles) -> None:
    """total_c ← total_c + Σ (x − mean_c)² over what counts."""
    kind, lanes, channels = layer.a_in.dtype.type, layer.lanes, total.size
    zero = kind(0)
    for k in range(counted.steps.size // lanes):
        step = part(counted.steps, k, lanes)
        for place in range(k * counted.size, (k + 1) * counted.size, channels * lanes):
            for c in range(channels):
                values = window(layer.a_in, place + c * lanes, lanes)
                own, middle = zero, kind(mean[c])
                for s in range(lanes):
                    apart = values[s] - middle if step[s] > 0 else zero
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
    lanes, channels, kind = layer.lanes, layer.row[CHANNELS], layer.gradient.dtype.type
    place = batch.block * batch.numbers + batch.first + 1 + 2 * channels
    deltas = window(batch.statistics, place, channels)
    products = window(batch.statistics, place + channels, channels)
    means = stack_buffer(layer.a_in, STRIP_BYTES)
    clear(layer)
    for first in range(0, channels, STRIP):
        count = min(STRIP, channels - first)
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
    lanes, width = layer.lanes, layer.row[CHANNELS] * layer.lanes
    zero = layer.delta_in.dtype.type(0)
    for k in range(counted.steps.size // lanes):
        step, first = part(counted.steps, k, lanes), k * counted.size + strip.first * lanes
        for place in range(first, (k + 1) * counted.size, width):
            for c in range(strip.mean.size):
                own = place + c * lanes
                out, given = window(layer.delta_in, own, lanes), window(layer.delta_out, own, lanes)
                values = window(layer.a_in, own, lanes)
                mean, factor, offset, slope = (
                    strip.mean[c], strip.factor[c], strip.offset[c], strip.slope[c],
                )  # fmt: skip
                for s in range(lanes):
                    rest = given[s] - offset - (values[s] - mean) * slope
                    out[s] = factor * rest if step[s] > 0 else zero


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
