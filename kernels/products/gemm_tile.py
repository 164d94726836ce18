"""The heart of a matrix product, in LLVM's vector types: a tile, and how operands are copied.

A vector has as many bytes as the machine's registers. The plain version of each function, against
which it is tested, is the formula in its docstring.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from numba import types
from numba.extending import intrinsic

from ..compile.internals import cgutils, data_of, ir
from ..compile.jit import Vector
from ..compile.registers import REGISTER_BYTES, REGISTERS
from ..compile.vector_code import SIZE, VectorCode, register_code

# Rows of a tile of two vectors: sixteen sums in registers, or eight where there are only sixteen
# registers. Eight are needed to keep two multipliers with a latency of four busy.
ROWS = 8 if REGISTERS == 32 else 4


def _vector_size(typingctx: Any, values: Any) -> Any:
    """How many elements of its dtype a vector has."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return SIZE(REGISTER_BYTES * 8 // values.dtype.bitwidth)

    return types.intp(values), build


def _copy_vector(
    typingctx: Any, out: Any, first: Any, source: Any, source_first: Any, count: Any
) -> Any:
    """out[first + i] ← source[source_first + i] for i < count, 0 up to `vector_size`.

    As a loop this is guarded against overlap every time: ten cycles for two moves.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target = data_of(context, builder, out, arguments[0])
        place = builder.gep(data_of(context, builder, source, arguments[2]), [arguments[3]])
        code = register_code(builder, target.type.pointee)
        code.store(code.load_part(place, code.first(arguments[4])), target, arguments[1])
        return context.get_dummy_value()

    return types.void(out, types.intp, source, types.intp, types.intp), build


class Matrix(NamedTuple):
    """A matrix in a flat array: M_rk = values[first + r·row + k·column]."""

    values: Vector
    first: int
    row: int
    column: int


class Extent(NamedTuple):
    """What a tile has of A's rows and of B's columns, and how many products a sum has: at least 1.

    Beyond a whole tile's, `ROWS` by two vectors, they do not count.
    """

    rows: int
    columns: int
    depth: int


def _matrix(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """The parts of a `Matrix` as LLVM's values, of which `values` points to the first element."""
    values, *numbers = cgutils.unpack_tuple(builder, value)
    first, row, column = _sizes(context, builder, kind.types[1:], numbers)
    place = builder.gep(data_of(context, builder, kind[0], values), [first])
    return Matrix(place, SIZE(0), row, column)


def _sizes(context: Any, builder: Any, kinds: Any, values: Any) -> list[Any]:
    """The integers, of these types, as LLVM's sizes."""
    return [
        context.cast(builder, value, kind, types.intp)
        for kind, value in zip(kinds, values, strict=True)
    ]


def _multiply_tile(
    typingctx: Any, c: Any, a: Any, b: Any, extent: Any, alpha: Any, beta: Any
) -> Any:
    """C_rj ← α Σ_k A_rk B_kj + β C_rj on a tile of `ROWS` by two vectors.

    Each a `Matrix`; rows of B and C lie in one piece: their `column` is 1. B is read in whole
    vectors; A and C have only the first rows, and C the first columns, of the `Extent`. C is not
    read where β is 0.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        result, left, right = (
            _matrix(context, builder, kind, value)
            for kind, value in zip((c, a, b), arguments[:3], strict=True)
        )
        inside = Extent(
            *_sizes(context, builder, extent, cgutils.unpack_tuple(builder, arguments[3]))
        )
        code = register_code(builder, result.values.type.pointee)
        a_rows = []
        for r in range(ROWS):
            offset = builder.select(
                builder.icmp_signed("<", SIZE(r), inside.rows),
                builder.mul(left.row, SIZE(r)),
                SIZE(0),
            )
            a_rows.append(builder.gep(left.values, [offset]))
        # C is far away, a line per row; it comes while the sums are made.
        places = [
            builder.gep(
                result.values,
                [builder.add(builder.mul(result.row, SIZE(r)), SIZE(j * code.width))],
            )
            for r in range(ROWS)
            for j in range(2)
        ]
        for place in places:
            code.ask_for(place)
        totals = _tile_sums(code, a_rows, left.column, right, inside.depth)
        _put_tile(code, places, totals, inside, arguments[4:])
        return context.get_dummy_value()

    return types.void(c, a, b, extent, c[0].dtype, c[0].dtype), build


def _tile_sums(
    code: VectorCode, a_rows: list[Any], step: Any, right: Matrix, depth: Any
) -> list[Any]:
    """Σ_k A_rk B_kj, two vectors for each row of A; step is the distance between its columns."""
    builder = code.builder
    before = builder.block
    loop = builder.append_basic_block("depth")
    after = builder.append_basic_block("after")
    builder.branch(loop)
    builder.position_at_end(loop)
    k = builder.phi(SIZE)
    a_place = builder.phi(SIZE)
    b_place = builder.phi(SIZE)
    sums = [builder.phi(code.vector) for _ in range(2 * ROWS)]
    b_row = [code.load(right.values, builder.add(b_place, SIZE(j * code.width))) for j in range(2)]
    totals = []
    for r in range(ROWS):
        factor = code.everywhere(builder.load(builder.gep(a_rows[r], [a_place])))
        for j in range(2):
            totals.append(code.add(sums[2 * r + j], code.multiply(factor, b_row[j])))
    following = builder.add(k, SIZE(1))
    for place, value, begin in (
        (k, following, SIZE(0)),
        (a_place, builder.add(a_place, step), SIZE(0)),
        (b_place, builder.add(b_place, right.row), SIZE(0)),
        *((total, value, code.zero) for total, value in zip(sums, totals, strict=True)),
    ):
        place.add_incoming(begin, before)
        place.add_incoming(value, loop)
    builder.cbranch(builder.icmp_signed("<", following, depth), loop, after)
    builder.position_at_end(after)
    return totals


def _put_tile(
    code: VectorCode, places: list[Any], totals: list[Any], inside: Extent, factors: Any
) -> None:
    """C ← α totals + β C at two places a row; factors are α and β."""
    builder = code.builder
    alphas, betas = map(code.everywhere, factors)
    reads = builder.fcmp_unordered("!=", factors[1], ir.Constant(factors[1].type, 0.0))
    whole = builder.and_(
        builder.icmp_signed(">=", inside.rows, SIZE(ROWS)),
        builder.icmp_signed(">=", inside.columns, SIZE(2 * code.width)),
    )

    def put(written: list[Any], before: list[Any] | None) -> None:
        """C ← α totals, + β times what was there `before`; only elements that are `written`."""
        for k, (place, total) in enumerate(zip(places, totals, strict=True)):
            value = code.multiply(alphas, total)
            if before:
                value = code.add(code.multiply(betas, code.load_part(place, before[k])), value)
            code.store_part(value, place, written[k])

    # Whole tiles go without masks: a tenth of the time of a tile of depth 64.
    everything = [code.first(SIZE(code.width))] * 2 * ROWS
    with builder.if_else(whole) as (inside_c, at_edge):
        with inside_c, builder.if_else(reads) as (adds, replaces):
            with adds:
                put(everything, everything)
            with replaces:
                put(everything, None)
        with at_edge:
            counts = [
                builder.select(
                    builder.icmp_signed("<", SIZE(place // 2), inside.rows),
                    builder.sub(inside.columns, SIZE(place % 2 * code.width)),
                    SIZE(0),
                )
                for place in range(2 * ROWS)
            ]
            kept = [builder.select(reads, count, SIZE(0)) for count in counts]
            put([code.first(count) for count in counts], [code.first(count) for count in kept])


def _transpose_square(typingctx: Any, out: Any, source: Any, rows: Any, columns: Any) -> Any:
    """out_ij ← source_ji, i and j below `vector_size`; each a `Matrix` with a `column` of 1.

    The source has only the first `rows` of j and `columns` of i: 0 is written for j beyond `rows`,
    nothing for i beyond `columns`.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target = _matrix(context, builder, out, arguments[0])
        given = _matrix(context, builder, source, arguments[1])
        rows_, columns_ = arguments[2:]
        code = register_code(builder, target.values.type.pointee)
        side = code.width

        squares = []
        for j in range(side):
            count = builder.select(builder.icmp_signed("<", SIZE(j), rows_), columns_, SIZE(0))
            row = builder.gep(given.values, [builder.mul(given.row, SIZE(j))])
            squares.append(code.load_part(row, code.first(count)))
        for i, row in enumerate(code.transposed(squares)):
            count = builder.select(builder.icmp_signed("<", SIZE(i), columns_), SIZE(side), SIZE(0))
            place = builder.gep(target.values, [builder.mul(target.row, SIZE(i))])
            code.store_part(row, place, code.first(count))
        return context.get_dummy_value()

    return types.void(out, source, types.intp, types.intp), build


# The names that kernels call, with the types that they see.
vector_size: Callable[..., int] = intrinsic(_vector_size)
copy_vector: Callable[..., None] = intrinsic(_copy_vector)
multiply_tile: Callable[..., None] = intrinsic(_multiply_tile)
transpose_square: Callable[..., None] = intrinsic(_transpose_square)
