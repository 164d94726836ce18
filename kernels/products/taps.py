"""The products of convolutions: sums over the pixels of a window, held in registers.

They are those of `tiles` but for their rows, which are addressed and not copied: the rows that a
sum runs over are some runs of adjacent units, at equal distances along two axes. A forward pass
goes over the rows of a window, for instance, and in each over all channels of all pixels.
"""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from numba import types
from numba.extending import intrinsic

from ..compile.internals import ir
from ..compile.vector_code import SIZE, VectorCode, register_code
from .tiles import FROM_OUT, FROM_START, MANY_REGISTERS, emitted_call, offset

# Sums of a tile: how many outputs, and how many vectors of lanes; see `tiles` on registers.
_SUMS = (
    ((8, (2, 1)), (6, (2, 1)), (4, (4, 2, 1)), (2, (4, 2, 1)), (1, (4, 2, 1)))
    if MANY_REGISTERS
    else ((6, (1,)), (4, (1,)), (2, (2, 1)), (1, (4, 2, 1)))
)
# The same where every output reads a unit of its own: the units hide the latency.
_CHANNEL_SUMS = ((8 if MANY_REGISTERS else 4, (1,)), (2, (1,)), (1, (1,)))
# Products of a tile: how many rows of δ, and how many of the input. Twelve sums at least hide the
# latency of a multiply-add. Every vector fills one register.
_PRODUCTS = (
    tuple((rows, (6, 5, 4, 3, 2, 1)) for rows in (4, 3, 2, 1))
    if MANY_REGISTERS
    else ((2, (6, 5, 4, 3, 2, 1)), (1, (8, 4, 2, 1)))
)
MOST_INPUTS = _PRODUCTS[0][1][0]
# The same where every row of δ has inputs of its own.
_CHANNEL_PRODUCTS = tuple(
    (rows, (3, 2, 1)) for rows in ((8, 4, 2, 1) if MANY_REGISTERS else (4, 2, 1))
)
# From so many on, a side and a short rest are shared by two smaller ones: 5 is 3 + 2, not 4 + 1.
_SHARED = 4


class Taps(NamedTuple):
    """The terms of a sum: rows · columns · run of them, and by how much places and weights differ.

    Places are units of a block, weights are elements.
    """

    outputs: int
    weight_output: int  # from the weights of an output to those of the next
    rows: int
    row: int
    weight_row: int
    columns: int
    column: int
    weight_column: int
    run: int  # adjacent units
    weight_run: int
    lanes: int  # of a unit
    begin: int  # what the sums begin with, as in `tiles.Product`


class Grid(NamedTuple):
    """The pixels over which products are summed up, and by how many units they differ."""

    outputs: int  # adjacent units of δ
    weight_output: int
    inputs: int  # adjacent weights
    input: int  # from the unit of the input that one is multiplied by to that of the next
    rows: int
    delta_row: int
    row: int
    columns: int
    delta_column: int
    column: int
    lanes: int  # of a unit


class Tile(NamedTuple):
    """Where a tile of sums begins, in LLVM's values."""

    output: Any
    lane: Any


def _tap_sums(
    code: VectorCode, out: Any, weight: Any, values: Any, start: Any, taps: Taps,
    apart: bool = False,
) -> None:  # fmt: skip
    """Body of `tap_sums`, and of `channel_sums` if outputs are apart."""
    from_start = code.builder.icmp_signed("==", taps.begin, SIZE(FROM_START))
    from_out = code.builder.icmp_signed("==", taps.begin, SIZE(FROM_OUT))
    output = code.variable(SIZE(0))
    for units, widths in _CHANNEL_SUMS if apart else _SUMS:
        with code.steps(output, units, taps.outputs) as first:
            starts = _starts(code, start, first, units, from_start)
            lane = code.variable(SIZE(0))
            for vectors in widths:
                with code.steps(lane, vectors * code.width, taps.lanes) as place:
                    totals = [
                        [code.variable(code.everywhere(number)) for _ in range(vectors)]
                        for number in starts
                    ]
                    tile = Tile(first, place)
                    positions = _positions(code, tile, taps.lanes, (units, vectors))
                    flat = list(chain(*totals))
                    with code.builder.if_then(from_out):
                        for total, position in zip(flat, positions, strict=True):
                            code.builder.store(code.load(out, position), total)
                    _add_taps(code, totals, weight, values, taps, tile, apart)
                    for total, position in zip(flat, positions, strict=True):
                        code.store(code.builder.load(total), out, position)


def _positions(code: VectorCode, tile: Tile, lanes: Any, shape: tuple[int, int]) -> list[Any]:
    """Where the vectors of a tile of this shape lie in the block of outputs, unit by unit."""
    units, vectors = shape
    rows = [offset(code, tile.output, SIZE(unit)) for unit in range(units)]
    above = [offset(code, (row, lanes), tile.lane) for row in rows]
    return [offset(code, row, SIZE(v * code.width)) for row in above for v in range(vectors)]


def _starts(code: VectorCode, start: Any, first: Any, units: int, from_start: Any) -> list[Any]:
    """What the sums of a tile begin with: start, or 0; nothing is read if it is 0."""
    found = [code.variable(code.number(0)) for _ in range(units)]
    with code.builder.if_then(from_start):
        for unit, place in enumerate(found):
            number = code.load(start, offset(code, first, SIZE(unit)), code.number)
            code.builder.store(number, place)
    return [code.builder.load(place) for place in found]


def _add_taps(
    code: VectorCode, totals: list[list[Any]], weight: Any, values: Any, taps: Taps, tile: Tile,
    apart: bool,
) -> None:  # fmt: skip
    """Every variable of the tile += its sum."""
    p, q, i = (code.variable(SIZE(0)) for _ in range(3))
    outputs = [offset(code, tile.output, SIZE(unit)) for unit in range(len(totals))]
    base = [offset(code, (output, taps.weight_output)) for output in outputs]

    def vectors(unit: Any) -> list[Any]:
        above = offset(code, (unit, taps.lanes), tile.lane)
        places = range(0, len(totals[0]) * code.width, code.width)
        return [code.load(values, offset(code, above, SIZE(place))) for place in places]

    with code.steps(p, 1, taps.rows) as row:
        code.builder.store(SIZE(0), q)
        with code.steps(q, 1, taps.columns) as column:
            code.builder.store(SIZE(0), i)
            unit_place = offset(code, (row, taps.row), (column, taps.column))
            weight_place = offset(code, (row, taps.weight_row), (column, taps.weight_column))
            with code.steps(i, 1, taps.run) as step:
                unit = offset(code, unit_place, step)
                a = [] if apart else vectors(unit)
                own = offset(code, weight_place, (step, taps.weight_run))
                for output, unit_base, sums in zip(outputs, base, totals, strict=True):
                    w = code.everywhere(
                        code.load(weight, offset(code, unit_base, own), code.number)
                    )
                    read = vectors(offset(code, unit, output)) if apart else a
                    for total, vector in zip(sums, read, strict=True):
                        code.add_product(total, w, vector)


def _tap_products(
    code: VectorCode, weight: Any, delta: Any, values: Any, accumulate: Any, grid: Grid,
    apart: bool = False,
) -> None:  # fmt: skip
    """Body of `tap_products`, and of `channel_products` if the rows are apart."""
    code = register_code(code.builder, code.number)
    output, tiles = code.variable(SIZE(0)), _CHANNEL_PRODUCTS if apart else _PRODUCTS
    most = 0 if apart else tiles[0][0]
    for units, sides in tiles:
        with code.steps(output, units, _end_of(code, grid.outputs, units, most)) as first:
            i = code.variable(SIZE(0))
            for others in sides:
                with code.steps(i, others, _end_of(code, grid.inputs, others, sides[0])) as begin:
                    totals = [
                        [code.variable(code.zero) for _ in range(others)] for _ in range(units)
                    ]
                    _add_products(code, totals, delta, values, grid, (first, begin), apart)
                    for unit, row in enumerate(totals):
                        j = offset(code, first, SIZE(unit))
                        place = offset(code, (j, grid.weight_output), begin)
                        _keep_sums(code, row, weight, place, accumulate)


def _end_of(code: VectorCode, count: Any, side: int, most: int) -> Any:
    """Where tiles of a side end. Those of the most leave one out if that spares a short rest."""
    if side != most or side < _SHARED:
        return count
    builder = code.builder
    rest = builder.urem(count, SIZE(side))
    short = builder.and_(
        builder.icmp_signed(">", rest, SIZE(0)),
        builder.icmp_signed("<=", rest, SIZE(side // 2)),
    )
    whole = builder.sub(count, rest)
    return builder.select(short, builder.sub(whole, SIZE(side)), whole)


def _add_products(
    code: VectorCode, totals: list[list[Any]], delta: Any, values: Any, grid: Grid,
    begin: tuple[Any, Any], apart: bool,
) -> None:  # fmt: skip
    """Every variable of the tile += a vector whose elements add up to its sum.

    begin is the tile's first row of δ and its first input. An input is loaded right before its
    products, so that the sums keep their registers.
    """
    p, lane, q = (code.variable(SIZE(0)) for _ in range(3))
    units = [offset(code, begin[0], SIZE(k)) for k in range(len(totals))]
    with code.steps(p, 1, grid.rows) as row:
        code.builder.store(SIZE(0), lane)
        with code.steps(lane, code.width, grid.lanes) as place:
            code.builder.store(SIZE(0), q)
            with code.steps(q, 1, grid.columns) as column:

                def vector(of: Any, unit: Any, row_step: Any, column_step: Any) -> Any:
                    above = offset(code, unit, (row, row_step), (column, column_step))
                    return code.load(of, offset(code, (above, grid.lanes), place))

                d = [vector(delta, unit, grid.delta_row, grid.delta_column) for unit in units]
                for k, sums in enumerate(zip(*totals, strict=True)):
                    other = offset(code, (offset(code, begin[1], SIZE(k)), grid.input))
                    a = None if apart else vector(values, other, grid.row, grid.column)
                    for total, left, unit in zip(sums, d, units, strict=True):
                        own = a or vector(values, offset(code, other, unit), grid.row, grid.column)
                        code.add_product(total, left, own)


def _keep_sums(code: VectorCode, row: list[Any], weight: Any, place: Any, accumulate: Any) -> None:
    """weight[place], … ← the sums of the vectors' elements, or += if `accumulate`.

    As many at a time as fit in a vector.
    """
    for begin in range(0, len(row), code.width):
        vectors = [code.builder.load(total) for total in row[begin : begin + code.width]]
        count, own = len(vectors), offset(code, place, SIZE(begin))
        while len(vectors) & (len(vectors) - 1):
            vectors.append(code.zero)
        values = code.sums(vectors)
        part = code.shuffle(values, values, range(count))
        before = code.variable(ir.Constant(part.type, [0.0] * count))
        with code.builder.if_then(accumulate):
            code.builder.store(code.load(weight, own, part.type), before)
        code.store(code.add(code.builder.load(before), part), weight, own)


@intrinsic
def tap_sums(typingctx: Any, out: Any, weight: Any, values: Any, start: Any, taps: Any) -> Any:
    """out_j ← begin_j + Σ_p Σ_q Σ_i w[j, p, q, i] values[p, q, i], for all lanes.

    out is (outputs, lanes), values a block of units, start (at least outputs,); `Taps` says where
    the terms lie. begin_j is 0, start_j or out_j for begin = FROM_ZERO, FROM_START or FROM_OUT.
    """
    return emitted_call("tap_sums", _tap_sums, out, weight, values, start, taps)


@intrinsic
def tap_products(
    typingctx: Any, weight: Any, delta: Any, values: Any, accumulate: Any, grid: Any
) -> Any:
    """weight[j, i] ← Σ_p Σ_q Σ_s δ[p, q, j]_s values[p, q, i]_s; added if `accumulate`.

    delta and values are blocks of units; `Grid` says where their terms lie.
    """
    return emitted_call("tap_products", _tap_products, weight, delta, values, types.boolean, grid)


@intrinsic
def channel_products(
    typingctx: Any, weight: Any, delta: Any, values: Any, accumulate: Any, grid: Any
) -> Any:
    """weight[j, i] ← Σ_p Σ_q Σ_s δ[p, q, j]_s values[p, q, i + j]_s: each row has its own inputs.

    All else is as in `tap_products`.
    """
    body = partial(_tap_products, apart=True)
    return emitted_call("channel_products", body, weight, delta, values, types.boolean, grid)


@intrinsic
def channel_sums(typingctx: Any, out: Any, weight: Any, values: Any, start: Any, taps: Any) -> Any:
    """out_j ← begin_j + Σ_p Σ_q Σ_i w[j, p, q, i] values[p, q, i + j]: each reads its own unit.

    All else is as in `tap_sums`.
    """
    body = partial(_tap_sums, apart=True)
    return emitted_call("channel_sums", body, out, weight, values, start, taps)
