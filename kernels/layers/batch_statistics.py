"""Statistics of a block that batch normalisation keeps, and those of a whole batch.

They are how many values of a channel count; of each channel their mean and the sum of squares about
it, Σ δ and Σ δ x̂. The values of some places, a run, are summed up in the network's dtype, squares
about the run's own mean. Runs and blocks are put together in float64 by T. Chan, G. Golub and
R. LeVeque, "Algorithms for computing the sample variance", The American Statistician 37 (1983).

Where sequences have a mask, the workspace begins with it, (time, lanes), which a row of `masks`
brings there; what counts are the values of its steps.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.jit import Doubles, Vector, kernel
from ..compile.memory import part, stack_buffer, window
from ..products.channels import Run, delta_sums, square_sums, value_sums
from .normalization import CHANNELS
from .operations import GEOMETRY_5, Layer
from .whole_batch import WholeBatch

STEPS = GEOMETRY_5  # of the mask that the workspace begins with, 0: there is none

# Values are gone through in the order of memory, which is another channel with every row of lanes.
# So the numbers of some channels lie ready on the stack: of how many, and their bytes in float64.
STRIP, STRIP_BYTES = 64, 512
# A run is gone through twice, and stays in a cache of the first level.
_RUN_BYTES = 2**14


class Moments(NamedTuple):
    """Of one channel."""

    mean: float
    variance: float
    values: float  # of how many, 0 if no example of the batch counts


@kernel
def keep_moments(layer: Layer, batch: WholeBatch) -> None:
    """The block's moments of every channel, over what counts."""
    channels, place, lanes = layer.row[CHANNELS], batch.block * batch.numbers, layer.lanes
    place += batch.first
    mean = window(batch.statistics, place + 1, channels)
    squares = window(batch.statistics, place + 1 + channels, channels)
    for c in range(channels):
        mean[c] = squares[c] = 0
    leave_out(layer, batch.weight)
    counted, count = counted_of(layer, batch.weight), 0.0
    places, at_once = counted.size // (channels * lanes), places_at_once(layer)
    for k in range(counted.steps.size // lanes):
        weight = part(counted.steps, k, lanes)
        examples = count_above_zero(weight)
        if examples == 0:
            continue
        for begin in range(0, places, at_once):
            size = min(at_once, places - begin)
            for first in range(0, channels, STRIP):
                used = min(STRIP, channels - first)
                run = Run(size, channels, used, lanes)
                add_moments(
                    window(mean, first, used), window(squares, first, used), layer, weight,
                    (k * places + begin, first), run,
                    (count + examples * begin, examples * size),
                )  # fmt: skip
        count += examples * places
    batch.statistics[place] = count


@kernel
def count_above_zero(weight: Vector) -> float:
    """How many examples count."""
    found = 0.0
    for s in range(weight.size):
        found += 1.0 if weight[s] > 0 else 0.0
    return found


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
def places_at_once(layer: Layer) -> int:
    """Places whose values a cache of the first level holds, to be gone through twice."""
    return max(1, _RUN_BYTES // (layer.row[CHANNELS] * layer.lanes * layer.a_in.itemsize))


@kernel
def add_moments(
    mean: Doubles, squares: Doubles, layer: Layer, weight: Vector, begin: tuple[int, int],
    run: Run, counts: tuple[float, float],
) -> None:  # fmt: skip
    """Take a run's values to the moments of its channels; begin is its place and first channel.

    counts says how many values the moments are of, and how many the run has.
    """
    before, own = counts
    sums, middles = stack_buffer(layer.a_in, STRIP_BYTES), stack_buffer(layer.a_in, STRIP_BYTES)
    apart_squares = stack_buffer(layer.a_in, STRIP_BYTES)
    start = (begin[0] * run.channels + begin[1]) * run.lanes
    values, kind = window(layer.a_in, start, layer.a_in.size - start), middles.dtype.type
    value_sums(sums, values, weight, run)
    for c in range(run.used):
        middles[c] = kind(sums[c] / own)
    square_sums(apart_squares, values, weight, middles, run)
    together = before + own
    for c in range(run.used):
        apart = sums[c] / own - mean[c]
        mean[c] += apart * (own / together)
        squares[c] += apart_squares[c] + apart * apart * (before * own / together)


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
def add_sums(
    deltas: Doubles, products: Doubles, layer: Layer, batch: WholeBatch, first: int
) -> None:
    """deltas ← Σ δ and products ← Σ δ (x − μ) of the channels from `first` on."""
    lanes, channels, means = (
        layer.lanes,
        layer.row[CHANNELS],
        stack_buffer(layer.a_in, STRIP_BYTES),
    )
    sums, product_sums = (
        stack_buffer(layer.a_in, STRIP_BYTES),
        stack_buffer(layer.a_in, STRIP_BYTES),
    )
    for c in range(deltas.size):
        means[c] = means.dtype.type(moments_of(batch, channels, first + c).mean)
        deltas[c] = products[c] = 0
    places, at_once = layer.a_in.size // (channels * lanes), places_at_once(layer)
    for begin in range(0, places, at_once):
        run = Run(min(at_once, places - begin), channels, deltas.size, lanes)
        start = (begin * channels + first) * lanes
        size = layer.a_in.size - start
        given, values = window(layer.delta_out, start, size), window(layer.a_in, start, size)
        delta_sums(sums, product_sums, given, values, means, run)
        for c in range(deltas.size):
            deltas[c] += sums[c]
            products[c] += product_sums[c]
