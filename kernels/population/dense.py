"""The dense layer of sixteen networks at once: `dense`, with a network in each vector lane.

Parameters are (n_parameters, LANES). A layer's outputs are (d_out, samples, LANES); the inputs of
the first layer are the same for all networks, (d_1, samples). Sums are over samples or units, so
there is none across a vector, and no network's numbers depend on another's.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.jit import Scalar, Vector, elementwise
from ..compile.memory import window
from ..compile.vectors import LANES, add, load_lanes, multiply_add, spread, store_lanes
from ..layers.operations import D_IN, D_OUT


class Units(NamedTuple):
    """Values of some units: (units, samples, LANES), or (units, samples) if all share them."""

    values: Vector
    samples: int
    shared: bool


@elementwise
def value(units: Units, index: int) -> Scalar:
    """An element of every network's units, or one that all share."""
    if units.shared:
        return spread(units.values[index])
    return load_lanes(units.values, index * LANES)


@elementwise
def weighted_sum(
    out: Vector, weight: Vector, units: Units, start: Scalar, count: int, stride: int
) -> None:
    """out_s ← start + Σ_i weight[i·stride] a_is over `count` units, two at a time."""
    samples = units.samples
    w = load_lanes(weight, 0)
    first = count % 2
    if first:
        for s in range(samples):
            store_lanes(out, s * LANES, multiply_add(w, value(units, s), start))
    for i in range(first, count, 2):
        w = load_lanes(weight, i * stride * LANES)
        v = load_lanes(weight, (i + 1) * stride * LANES)
        if i == 0:
            for s in range(samples):
                total = multiply_add(w, value(units, s), start)
                total = multiply_add(v, value(units, samples + s), total)
                store_lanes(out, s * LANES, total)
        else:
            for s in range(samples):
                total = load_lanes(out, s * LANES)
                total = multiply_add(w, value(units, i * samples + s), total)
                total = multiply_add(v, value(units, (i + 1) * samples + s), total)
                store_lanes(out, s * LANES, total)


@elementwise
def forward(z: Vector, parameters: Vector, a: Units, row: Vector) -> None:
    """z ← W a + b; z (d_out, samples, LANES) is written."""
    d_in, d_out = row[D_IN], row[D_OUT]
    size = a.samples * LANES
    for j in range(d_out):
        bias = load_lanes(parameters, (d_in * d_out + j) * LANES)
        weight = window(parameters, j * d_in * LANES, d_in * LANES)
        out = window(z, j * size, size)
        weighted_sum(out, weight, a, bias, d_in, 1)


@elementwise
def delta(delta_in: Vector, parameters: Vector, delta_out: Units, row: Vector) -> None:
    """δ_in ← Wᵀ δ_out; delta_in (d_in, samples, LANES) is written."""
    d_in, d_out = row[D_IN], row[D_OUT]
    size = delta_out.samples * LANES
    zero = spread(parameters.dtype.type(0))
    for i in range(d_in):
        column = window(parameters, i * LANES, (d_in * d_out - i) * LANES)
        out = window(delta_in, i * size, size)
        weighted_sum(out, column, delta_out, zero, d_out, d_in)


@elementwise
def gradient(gradient_out: Vector, delta_out: Vector, a: Units, row: Vector) -> None:
    """∇W += δ_out aᵀ and ∇b += Σ_s δ_out."""
    d_in, d_out = row[D_IN], row[D_OUT]
    size = a.samples * LANES
    step = a.samples if a.shared else size
    for j in range(d_out):
        delta_row = window(delta_out, j * size, size)
        place = (d_in * d_out + j) * LANES
        store_lanes(gradient_out, place, lane_sum(delta_row, load_lanes(gradient_out, place)))
        for i in range(d_in):
            place = (j * d_in + i) * LANES
            total = load_lanes(gradient_out, place)
            unit = Units(window(a.values, i * step, step), a.samples, a.shared)
            total = lane_products(delta_row, unit, total)
            store_lanes(gradient_out, place, total)


@elementwise
def lane_sum(rows: Vector, start: Scalar) -> Scalar:
    """start + Σ_s rows_s, in two sums, as one would wait for each addition."""
    samples = rows.size // LANES
    even, odd = start, spread(rows.dtype.type(0))
    for s in range(0, samples - 1, 2):
        even = add(even, load_lanes(rows, s * LANES))
        odd = add(odd, load_lanes(rows, (s + 1) * LANES))
    if samples % 2:
        even = add(even, load_lanes(rows, (samples - 1) * LANES))
    return add(even, odd)


@elementwise
def lane_products(delta_row: Vector, unit: Units, start: Scalar) -> Scalar:
    """start + Σ_s δ_s a_s, in two sums."""
    samples = unit.samples
    even, odd = start, spread(delta_row.dtype.type(0))
    for s in range(0, samples - 1, 2):
        even = multiply_add(load_lanes(delta_row, s * LANES), value(unit, s), even)
        odd = multiply_add(load_lanes(delta_row, (s + 1) * LANES), value(unit, s + 1), odd)
    if samples % 2:
        last = samples - 1
        even = multiply_add(load_lanes(delta_row, last * LANES), value(unit, last), even)
    return add(even, odd)
