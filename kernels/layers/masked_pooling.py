"""Pooling of a whole sequence over the steps that count; 0 where none of an example does.

The workspace begins with the mask, (time, lanes), which a row of `masks` brings there. Behind it a
mean keeps 1/count of every sample, and a maximum the step that has it, (channels, lanes). Steps are
chosen and not computed by factors of 0, so that nothing of what a masked step holds counts.
"""

from __future__ import annotations

from ..compile.jit import Scalar, Vector, elementwise, kernel
from ..compile.memory import part, window
from .operations import D_OUT, GEOMETRY_0, MASKED_AVERAGE, Layer, Row
from .pooling import clear

TIME = GEOMETRY_0


def row(kind: int, time: int, channels: int, output: int, source: int) -> Row:
    """Table row of MASKED_AVERAGE or MASKED_MAXIMUM: (time, channels) becomes (channels,)."""
    kept = 1 if kind == MASKED_AVERAGE else channels
    return Row(
        kind=kind, activation=0, d_in=time * channels, d_out=channels, parameters=0, size=0,
        decayed=0, output=output, workspace=output + channels, wide=0, sample_major=0, keep=0,
        source=source, work=time * channels, kept=time + kept, geometry_0=time,
    )  # fmt: skip


@kernel
def average_forward(layer: Layer) -> None:
    """a_out ← the mean of a_in over the steps that count."""
    time, lanes = layer.row[TIME], layer.lanes
    channels = layer.row[D_OUT]
    share = part(layer.workspace, time, lanes)
    clear(share)
    clear(layer.a_out)
    for k in range(time):
        mask = part(layer.workspace, k, lanes)
        count(share, mask)
        for c in range(channels):
            values = part(layer.a_in, k * channels + c, lanes)
            add_counted(part(layer.a_out, c, lanes), values, mask)
    invert(share)
    for c in range(channels):
        multiply(part(layer.a_out, c, lanes), share)


@kernel
def average_delta(layer: Layer) -> None:
    """δ_in ← δ_out/count at the steps that count, else 0."""
    time, lanes = layer.row[TIME], layer.lanes
    channels = layer.row[D_OUT]
    share = part(layer.workspace, time, lanes)
    for k in range(time):
        mask = part(layer.workspace, k, lanes)
        for c in range(channels):
            delta_out = part(layer.delta_out, c, lanes)
            give_share(part(layer.delta_in, k * channels + c, lanes), delta_out, share, mask)


@kernel
def maximum_forward(layer: Layer) -> None:
    """a_out ← the largest a_in of the steps that count, NaN if one is; its step is kept."""
    time, lanes = layer.row[TIME], layer.lanes
    channels = layer.row[D_OUT]
    steps = window(layer.workspace, time * lanes, channels * lanes)
    clear(layer.a_out)
    for i in range(steps.size):
        steps[i] = -1
    for k in range(time):
        mask = part(layer.workspace, k, lanes)
        for c in range(channels):
            values = part(layer.a_in, k * channels + c, lanes)
            take_larger(part(layer.a_out, c, lanes), part(steps, c, lanes), values, mask, k)


@kernel
def maximum_delta(layer: Layer) -> None:
    """δ_in ← δ_out at the first step that has the maximum, else 0."""
    time, width = layer.row[TIME], layer.row[D_OUT] * layer.lanes
    steps = window(layer.workspace, time * layer.lanes, width)
    for k in range(time):
        give_at(part(layer.delta_in, k, width), layer.delta_out, steps, k)


@elementwise
def count(total: Vector, mask: Vector) -> None:
    """total ← total + 1 where the mask is not 0."""
    one, zero = total.dtype.type(1), total.dtype.type(0)
    for s in range(total.size):
        total[s] += one if mask[s] != zero else zero


@elementwise
def invert(total: Vector) -> None:
    """total ← 1/total, and 0 of 0."""
    one, zero = total.dtype.type(1), total.dtype.type(0)
    for s in range(total.size):
        total[s] = one / total[s] if total[s] > zero else zero


@elementwise
def add_counted(out: Vector, values: Vector, mask: Vector) -> None:
    """out ← out + values where the mask is not 0."""
    zero = out.dtype.type(0)
    for s in range(out.size):
        out[s] += values[s] if mask[s] != zero else zero


@elementwise
def multiply(out: Vector, factors: Vector) -> None:
    """out ← out ⊙ factors."""
    for s in range(out.size):
        out[s] *= factors[s]


@elementwise
def give_share(out: Vector, delta: Vector, share: Vector, mask: Vector) -> None:
    """out ← δ ⊙ share where the mask is not 0, else 0."""
    zero = out.dtype.type(0)
    for s in range(out.size):
        out[s] = delta[s] * share[s] if mask[s] != zero else zero


@elementwise
def take_larger(best: Vector, steps: Vector, values: Vector, mask: Vector, k: int) -> None:
    """best ← values and steps ← k where a step counts whose value is larger, or the first."""
    zero, step = best.dtype.type(0), best.dtype.type(k)
    for s in range(best.size):
        value: Scalar = values[s]
        first, missing = steps[s] < zero, value != value
        better = (mask[s] != zero) & (first | (value > best[s]) | missing)
        best[s] = value if better else best[s]
        steps[s] = step if better else steps[s]


@elementwise
def give_at(out: Vector, delta: Vector, steps: Vector, k: int) -> None:
    """out ← δ where the maximum is at step k, else 0."""
    zero, step = out.dtype.type(0), out.dtype.type(k)
    for i in range(out.size):
        out[i] = delta[i] if steps[i] == step else zero
