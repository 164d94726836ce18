"""Passes over the channels of an image, for batch normalisation: sums, and one formula for each.

Values are gone through in the order of memory as far as possible. The sums of some adjacent
channels stay in registers, and their elements are added up at the end alone: a sum over the lanes
of each unit would take longer than all the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from numba.extending import intrinsic

from ..compile.jit import Vector
from ..compile.vector_code import SIZE, VectorCode
from .tiles import emitted_call, offset

# Channels whose sums are made at the same time: as many as a vector has numbers at most, since one
# vector takes the sums. Fewer would go over a block of 16 channels in pieces, which takes twice the
# time where it comes from memory. Long rows of lanes are read four at a time: more would be as far
# apart as lines of a cache that share their place.
_SUMS, _SUMS_OF_LONG_ROWS, _LONG_ROW = (16, 8, 4, 2, 1), 4, 2  # vectors


class Run(NamedTuple):
    """Adjacent places of an image, and some of its channels."""

    places: int
    channels: int  # of a place
    used: int  # of them, from the first on
    lanes: int


class Strip(NamedTuple):
    """Numbers of the channels from `first` on: x becomes (x − mean) factor + offset.

    On the way back δ becomes (δ − offset − (x − mean) slope) factor.
    """

    first: int
    mean: Vector
    factor: Vector
    offset: Vector
    slope: Vector


@contextmanager
def _vectors(code: VectorCode, run: Run) -> Iterator[tuple[Any, Any]]:
    """The block runs for every place and every vector of lanes."""
    place, lane = code.variable(SIZE(0)), code.variable(SIZE(0))
    with code.steps(place, 1, run.places) as p:
        code.builder.store(SIZE(0), lane)
        with code.steps(lane, code.width, run.lanes) as s:
            yield p, s


def _totals(
    code: VectorCode, run: Run, outs: tuple[Any, ...],
    terms: Callable[[Any, Any, Any], list[Any]],
) -> None:  # fmt: skip
    """outs_k[c] ← Σ of the k-th term of each channel; terms(place, channel, lane) are vectors."""
    channel = code.variable(SIZE(0))
    short = code.builder.icmp_signed("<=", run.lanes, SIZE(_LONG_ROW * code.width))
    for width in [width for width in _SUMS if width <= code.width]:
        wide = width > _SUMS_OF_LONG_ROWS
        end = code.builder.select(short, run.used, SIZE(0)) if wide else run.used
        with code.steps(channel, width, end) as first:
            totals = [[code.variable(code.zero) for _ in range(width)] for _ in outs]
            with _vectors(code, run) as (p, s):
                for k in range(width):
                    c = offset(code, first, SIZE(k))
                    unit = offset(code, (p, run.channels), c)
                    found = terms(offset(code, (unit, run.lanes), s), c, s)
                    for own, term in zip(totals, found, strict=True):
                        before = code.builder.load(own[k])
                        code.builder.store(code.add(before, term), own[k])
            for own, out in zip(totals, outs, strict=True):
                values = code.sums([code.builder.load(total) for total in own])
                code.store(code.shuffle(values, values, range(width)), out, first)


def _counted(code: VectorCode, weight: Any, lane: Any, value: Any) -> Any:
    """The value where an example counts, and else 0."""
    counts = code.builder.fcmp_ordered(">", code.load(weight, lane), code.zero)
    return code.builder.select(counts, value, code.zero)


def _value_sums(code: VectorCode, out: Any, values: Any, weight: Any, run: Run) -> None:
    """Body of `value_sums`."""

    def terms(place: Any, channel: Any, lane: Any) -> list[Any]:
        return [_counted(code, weight, lane, code.load(values, place))]

    _totals(code, run, (out,), terms)


def _distance(code: VectorCode, values: Any, place: Any, mean: Any, channel: Any) -> Any:
    """x − mean_c."""
    middle = code.everywhere(code.load(mean, channel, code.number))
    return code.subtract(code.load(values, place), middle)


def _square_sums(code: VectorCode, out: Any, values: Any, weight: Any, mean: Any, run: Run) -> None:
    """Body of `square_sums`."""

    def terms(place: Any, channel: Any, lane: Any) -> list[Any]:
        apart = _counted(code, weight, lane, _distance(code, values, place, mean, channel))
        return [code.multiply(apart, apart)]

    _totals(code, run, (out,), terms)


def _delta_sums(
    code: VectorCode, deltas: Any, products: Any, delta: Any, values: Any, mean: Any,
    run: Run,
) -> None:  # fmt: skip
    """Body of `delta_sums`."""

    def terms(place: Any, channel: Any, lane: Any) -> list[Any]:
        given = code.load(delta, place)
        return [given, code.multiply(given, _distance(code, values, place, mean, channel))]

    _totals(code, run, (deltas, products), terms)


def _mapped(
    code: VectorCode, run: Run, out: Any, numbers: tuple[Any, ...],
    formula: Callable[[Any, Any, list[Any]], Any],
) -> None:  # fmt: skip
    """out ← the formula of each place, with its channel's element of each of the numbers."""
    place, channel, lane = (code.variable(SIZE(0)) for _ in range(3))
    with code.steps(place, 1, run.places) as p:
        code.builder.store(SIZE(0), channel)
        with code.steps(channel, 1, run.used) as c:
            own = [code.everywhere(code.load(array, c, code.number)) for array in numbers]
            unit = offset(code, (offset(code, (p, run.channels), c), run.lanes))
            code.builder.store(SIZE(0), lane)
            with code.steps(lane, code.width, run.lanes) as s:
                position = offset(code, unit, s)
                code.store(formula(position, s, own), out, position)


def _normalised(code: VectorCode, out: Any, values: Any, strip: Strip, run: Run) -> None:
    """Body of `normalised`."""

    def formula(place: Any, lane: Any, own: list[Any]) -> Any:
        mean, factor, start = own
        apart = code.subtract(code.load(values, place), mean)
        return code.add(code.multiply(factor, apart), start)

    _mapped(code, run, out, (strip.mean, strip.factor, strip.offset), formula)


def _normalised_deltas(
    code: VectorCode, out: Any, delta: Any, values: Any, weight: Any, strip: Strip, run: Run
) -> None:
    """Body of `normalised_deltas`."""

    def formula(place: Any, lane: Any, own: list[Any]) -> Any:
        mean, factor, start, slope = own
        apart = code.subtract(code.load(values, place), mean)
        rest = code.subtract(code.load(delta, place), start)
        rest = code.subtract(rest, code.multiply(apart, slope))
        return _counted(code, weight, lane, code.multiply(factor, rest))

    _mapped(code, run, out, (strip.mean, strip.factor, strip.offset, strip.slope), formula)


@intrinsic
def value_sums(typingctx: Any, out: Any, values: Any, weight: Any, run: Any) -> Any:
    """out_c ← Σ x of a run, over the samples whose weight is not 0.

    out is (used,), values the run's part of a block, weight (lanes,).
    """
    return emitted_call("value_sums", _value_sums, out, values, weight, run)


@intrinsic
def square_sums(typingctx: Any, out: Any, values: Any, weight: Any, mean: Any, run: Any) -> Any:
    """out_c ← Σ (x − mean_c)², likewise; mean is (used,)."""
    return emitted_call("square_sums", _square_sums, out, values, weight, mean, run)


@intrinsic
def delta_sums(
    typingctx: Any, deltas: Any, products: Any, delta: Any, values: Any, mean: Any, run: Any
) -> Any:
    """deltas_c ← Σ δ and products_c ← Σ δ (x − mean_c) of a run, over all samples."""
    return emitted_call("delta_sums", _delta_sums, deltas, products, delta, values, mean, run)


@intrinsic
def normalised(typingctx: Any, out: Any, values: Any, strip: Any, run: Any) -> Any:
    """out ← factor_c (x − mean_c) + offset_c of a run, with the numbers of a `Strip`."""
    return emitted_call("normalised", _normalised, out, values, strip, run)


@intrinsic
def normalised_deltas(
    typingctx: Any, out: Any, delta: Any, values: Any, weight: Any, strip: Any, run: Any
) -> Any:
    """out ← factor_c (δ − offset_c − (x − mean_c) slope_c) of a run, 0 where the weight is 0."""
    return emitted_call(
        "normalised_deltas", _normalised_deltas, out, delta, values, weight, strip, run
    )
