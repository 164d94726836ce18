"""The heart of a matrix product, in LLVM's vector types: a tile, and how operands are copied.

A vector has as many bytes as the machine's registers. The plain version of each function, against
which it is tested, is the formula in its docstring.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import config, types
from numba.extending import intrinsic

from ..compile.internals import binding, data_of, ir
from ..compile.vector_code import SIZE, VectorCode, item_size


def _features() -> set[str]:
    """What the processor that Numba compiles for can do, by LLVM's names."""
    if config.CPU_FEATURES is not None:
        return {name[1:] for name in config.CPU_FEATURES.split(",") if name.startswith("+")}
    if config.CPU_NAME == "generic":
        return set()
    features = binding.get_host_cpu_features()
    return {name for name, there in features.items() if there}


def _machine() -> tuple[int, int]:
    """Bytes of a vector register, and how many of them there are."""
    if binding.get_default_triple().startswith(("x86_64", "i686")):
        features = _features()
        if "avx512f" in features:
            return 64, 32
        return (32, 16) if "avx" in features else (16, 16)
    return 16, 32


VECTOR_BYTES, _REGISTERS = _machine()
# Rows of a tile of two vectors: sixteen sums in registers, or eight where there are only sixteen
# registers. Eight are needed to keep two multipliers with a latency of four busy.
ROWS = 8 if _REGISTERS == 32 else 4


def _code(builder: Any, number: Any) -> VectorCode:
    return VectorCode(builder, number, VECTOR_BYTES // item_size(number))


def _vector_size(typingctx: Any, values: Any) -> Any:
    """How many elements of its dtype a vector has."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return SIZE(VECTOR_BYTES * 8 // values.dtype.bitwidth)

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
        code = _code(builder, target.type.pointee)
        code.store(code.load_part(place, code.first(arguments[4])), target, arguments[1])
        return context.get_dummy_value()

    return types.void(out, types.intp, source, types.intp, types.intp), build


def _multiply_tile(
    typingctx: Any, c: Any, c_first: Any, ldc: Any, a: Any, a_first: Any, row: Any, step: Any,
    b: Any, b_first: Any, ldb: Any, depth: Any, rows: Any, columns: Any, alpha: Any, beta: Any,
) -> Any:  # fmt: skip
    """C_rj ← α Σ_k A_rk B_kj + β C_rj on a tile of `ROWS` by two vectors; depth at least 1.

    A_rk = a[a_first + r·row + k·step], B_kj = b[b_first + k·ldb + j], C likewise. B is read in
    whole vectors; A and C have only the first `rows` rows and C the first `columns` columns. C is
    not read where β is 0.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        c_first_, ldc_, a_first_, row_, step_ = (arguments[i] for i in (1, 2, 4, 5, 6))
        b_first_, ldb_, depth_, rows_, columns_ = arguments[8:13]
        alpha_, beta_ = arguments[13:]
        c_data = builder.gep(data_of(context, builder, c, arguments[0]), [c_first_])
        a_data = builder.gep(data_of(context, builder, a, arguments[3]), [a_first_])
        b_data = builder.gep(data_of(context, builder, b, arguments[7]), [b_first_])
        code = _code(builder, c_data.type.pointee)
        width = code.width

        a_rows = []
        for r in range(ROWS):
            inside = builder.icmp_signed("<", SIZE(r), rows_)
            offset = builder.select(inside, builder.mul(row_, SIZE(r)), SIZE(0))
            a_rows.append(builder.gep(a_data, [offset]))

        # C is far away, a line per row; it comes while the sums are made.
        c_places = [
            builder.gep(c_data, [builder.add(builder.mul(ldc_, SIZE(r)), SIZE(j * width))])
            for r in range(ROWS)
            for j in range(2)
        ]
        for place in c_places:
            code.ask_for(place)

        before = builder.block
        loop = builder.append_basic_block("depth")
        after = builder.append_basic_block("after")
        builder.branch(loop)
        builder.position_at_end(loop)
        k = builder.phi(SIZE)
        a_place = builder.phi(SIZE)
        b_place = builder.phi(SIZE)
        sums = [builder.phi(code.vector) for _ in range(2 * ROWS)]
        b_row = [code.load(b_data, builder.add(b_place, SIZE(j * width))) for j in range(2)]
        totals = []
        for r in range(ROWS):
            factor = code.everywhere(builder.load(builder.gep(a_rows[r], [a_place])))
            for j in range(2):
                totals.append(code.add(sums[2 * r + j], code.multiply(factor, b_row[j])))
        following = builder.add(k, SIZE(1))
        for place, value, begin in (
            (k, following, SIZE(0)),
            (a_place, builder.add(a_place, step_), SIZE(0)),
            (b_place, builder.add(b_place, ldb_), SIZE(0)),
            *(
                (total, following_total, code.zero)
                for total, following_total in zip(sums, totals, strict=True)
            ),
        ):
            place.add_incoming(begin, before)
            place.add_incoming(value, loop)
        builder.cbranch(builder.icmp_signed("<", following, depth_), loop, after)
        builder.position_at_end(after)

        alphas, betas = code.everywhere(alpha_), code.everywhere(beta_)
        reads = builder.fcmp_unordered("!=", beta_, ir.Constant(beta_.type, 0.0))
        whole = builder.and_(
            builder.icmp_signed(">=", rows_, SIZE(ROWS)),
            builder.icmp_signed(">=", columns_, SIZE(2 * width)),
        )

        def put(inside: list[Any], before: list[Any] | None) -> None:
            """C ← α totals, + β times what was there `before`; only elements `inside`."""
            for k, (place, total) in enumerate(zip(c_places, totals, strict=True)):
                value = code.multiply(alphas, total)
                if before:
                    value = code.add(code.multiply(betas, code.load_part(place, before[k])), value)
                code.store_part(value, place, inside[k])

        # Whole tiles go without masks: a tenth of the time of a tile of depth 64.
        everything = [code.first(SIZE(width))] * 2 * ROWS
        with builder.if_else(whole) as (inside_c, at_edge):
            with inside_c, builder.if_else(reads) as (adds, replaces):
                with adds:
                    put(everything, everything)
                with replaces:
                    put(everything, None)
            with at_edge:
                counts = [
                    builder.select(
                        builder.icmp_signed("<", SIZE(place // 2), rows_),
                        builder.sub(columns_, SIZE(place % 2 * width)),
                        SIZE(0),
                    )
                    for place in range(2 * ROWS)
                ]
                kept = [builder.select(reads, count, SIZE(0)) for count in counts]
                put([code.first(count) for count in counts], [code.first(count) for count in kept])
        return context.get_dummy_value()

    size = types.intp
    return types.void(
        c, size, size, a, size, size, size, b, size, size, size, size, size, c.dtype, c.dtype
    ), build


def _transpose_square(
    typingctx: Any, out: Any, first: Any, ld_out: Any, source: Any, source_first: Any, ld: Any,
    rows: Any, columns: Any,
) -> Any:  # fmt: skip
    """out[first + i·ld_out + j] ← source[source_first + j·ld + i], i and j below `vector_size`.

    The source has only the first `rows` of j and `columns` of i: 0 is written for j beyond `rows`,
    nothing for i beyond `columns`.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target = builder.gep(data_of(context, builder, out, arguments[0]), [arguments[1]])
        place = builder.gep(data_of(context, builder, source, arguments[3]), [arguments[4]])
        ld_out_, ld_, rows_, columns_ = (arguments[i] for i in (2, 5, 6, 7))
        code = _code(builder, target.type.pointee)
        side = code.width

        squares = []
        for j in range(side):
            count = builder.select(builder.icmp_signed("<", SIZE(j), rows_), columns_, SIZE(0))
            row = builder.gep(place, [builder.mul(ld_, SIZE(j))])
            squares.append(code.load_part(row, code.first(count)))
        for i, row in enumerate(code.transposed(squares)):
            count = builder.select(builder.icmp_signed("<", SIZE(i), columns_), SIZE(side), SIZE(0))
            code.store_part(
                row, builder.gep(target, [builder.mul(ld_out_, SIZE(i))]), code.first(count)
            )
        return context.get_dummy_value()

    size = types.intp
    return types.void(out, size, size, source, size, size, size, size), build


# The names that kernels call, with the types that they see.
vector_size: Callable[..., int] = intrinsic(_vector_size)
copy_vector: Callable[..., None] = intrinsic(_copy_vector)
multiply_tile: Callable[..., None] = intrinsic(_multiply_tile)
transpose_square: Callable[..., None] = intrinsic(_transpose_square)
