"""The heart of a matrix product, in LLVM's vector types: a tile, and how operands are copied.

A vector has as many bytes as the machine's registers. The plain version of each function, against
which it is tested, is the formula in its docstring.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj


def _features() -> set[str]:
    """What the processor that Numba compiles for can do, by LLVM's names."""
    if config.CPU_FEATURES is not None:
        return {name[1:] for name in config.CPU_FEATURES.split(",") if name.startswith("+")}
    if config.CPU_NAME == "generic":
        return set()
    features = llvmlite.binding.get_host_cpu_features()
    return {name for name, there in features.items() if there}


def _machine() -> tuple[int, int]:
    """Bytes of a vector register, and how many of them there are."""
    if llvmlite.binding.get_default_triple().startswith(("x86_64", "i686")):
        features = _features()
        if "avx512f" in features:
            return 64, 32
        return (32, 16) if "avx" in features else (16, 16)
    return 16, 32


VECTOR_BYTES, _REGISTERS = _machine()
# Rows of a tile of two vectors: sixteen sums in registers, or eight where there are only sixteen
# registers. Eight are needed to keep two multipliers with a latency of four busy.
ROWS = 8 if _REGISTERS == 32 else 4

_SIZE = cgutils.intp_t
# A product may be fused with its sum; nothing is reordered.
_FLAGS = ("contract",)


def _vector_type(number: Any) -> Any:
    return ir.VectorType(number, VECTOR_BYTES // {"float": 4, "double": 8}[str(number)])


def _data(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    return arrayobj.make_array(kind)(context, builder, array).data


def _load(builder: Any, vector: Any, place: Any) -> Any:
    item = {"float": 4, "double": 8}[str(vector.element)]
    return builder.load(builder.bitcast(place, vector.as_pointer()), align=item)


def _load_part(builder: Any, vector: Any, place: Any, inside: Any) -> Any:
    """The elements whose bit in `inside` is set, and 0; nothing else is read."""
    return _masked(
        builder, "load", vector, vector, inside, [place], ir.Constant(vector, [0.0] * vector.count)
    )


def _store_part(builder: Any, value: Any, place: Any, inside: Any) -> None:
    """Write the elements whose bit in `inside` is set."""
    _masked(builder, "store", value.type, ir.VoidType(), inside, [value, place])


def _masked(
    builder: Any, name: str, vector: Any, result: Any, inside: Any, before: list[Any], *after: Any
) -> Any:
    """LLVM's masked load or store, whose last pointer is that of the elements."""
    *values, place = before
    item = {"float": 4, "double": 8}[str(vector.element)]
    pointer = builder.bitcast(place, vector.as_pointer())
    arguments = [*values, pointer, ir.IntType(32)(item), inside, *after]
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    suffix = f"v{vector.count}f{8 * item}"
    function = cgutils.get_or_insert_function(
        builder.module, kind, f"llvm.masked.{name}.{suffix}.p0"
    )
    return builder.call(function, arguments)


def _first(builder: Any, vector: Any, count: Any) -> Any:
    """A bit per element, set in the first `count`."""
    places = ir.VectorType(ir.IntType(32), vector.count)
    most = builder.trunc(
        builder.select(builder.icmp_signed("<", count, _SIZE(vector.count)), count,
                       _SIZE(vector.count)), ir.IntType(32)
    )  # fmt: skip
    numbers = ir.Constant(places, list(range(vector.count)))
    return builder.icmp_signed("<", numbers, _everywhere(builder, places, most))


def _everywhere(builder: Any, vector: Any, number: Any) -> Any:
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, number, ir.IntType(32)(0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, undefined, mask)


def _vector_size(typingctx: Any, values: Any) -> Any:
    """How many elements of its dtype a vector has."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _SIZE(VECTOR_BYTES * 8 // values.dtype.bitwidth)

    return types.intp(values), build


def _copy_vector(
    typingctx: Any, out: Any, first: Any, source: Any, source_first: Any, count: Any
) -> Any:
    """out[first + i] ← source[source_first + i] for i < count, 0 up to `vector_size`.

    As a loop this is guarded against overlap every time: ten cycles for two moves.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target = builder.gep(_data(context, builder, out, arguments[0]), [arguments[1]])
        place = builder.gep(_data(context, builder, source, arguments[2]), [arguments[3]])
        vector = _vector_type(target.type.pointee)
        inside = _first(builder, vector, arguments[4])
        value = _load_part(builder, vector, place, inside)
        builder.store(value, builder.bitcast(target, vector.as_pointer()), align=4)
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
        c_data = builder.gep(_data(context, builder, c, arguments[0]), [c_first_])
        a_data = builder.gep(_data(context, builder, a, arguments[3]), [a_first_])
        b_data = builder.gep(_data(context, builder, b, arguments[7]), [b_first_])
        vector = _vector_type(c_data.type.pointee)
        width = vector.count

        a_rows = []
        for r in range(ROWS):
            inside = builder.icmp_signed("<", _SIZE(r), rows_)
            offset = builder.select(inside, builder.mul(row_, _SIZE(r)), _SIZE(0))
            a_rows.append(builder.gep(a_data, [offset]))

        # C is far away, a line per row; it comes while the sums are made.
        prefetch = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(
                ir.VoidType(), [cgutils.voidptr_t, *(ir.IntType(32) for _ in range(3))]
            ),
            "llvm.prefetch.p0",
        )
        for r in range(ROWS):
            for j in range(2):
                offset = builder.add(builder.mul(ldc_, _SIZE(r)), _SIZE(j * width))
                place = builder.bitcast(builder.gep(c_data, [offset]), cgutils.voidptr_t)
                write, near, data = (ir.IntType(32)(number) for number in (1, 3, 1))
                builder.call(prefetch, [place, write, near, data])

        before = builder.block
        loop = builder.append_basic_block("depth")
        after = builder.append_basic_block("after")
        builder.branch(loop)
        builder.position_at_end(loop)
        k = builder.phi(_SIZE)
        a_place = builder.phi(_SIZE)
        b_place = builder.phi(_SIZE)
        zero = ir.Constant(vector, [0.0] * width)
        sums = [[builder.phi(vector) for _ in range(2)] for _ in range(ROWS)]
        columns = [
            _load(builder, vector, builder.gep(b_data, [builder.add(b_place, _SIZE(j * width))]))
            for j in range(2)
        ]
        totals = []
        for r in range(ROWS):
            number = builder.load(builder.gep(a_rows[r], [a_place]))
            factor = _everywhere(builder, vector, number)
            totals.append(
                [
                    builder.fadd(
                        sums[r][j],
                        builder.fmul(factor, columns[j], flags=_FLAGS),
                        flags=_FLAGS,
                    )
                    for j in range(2)
                ]
            )
        following = builder.add(k, _SIZE(1))
        for place, value, begin in (
            (k, following, _SIZE(0)),
            (a_place, builder.add(a_place, step_), _SIZE(0)),
            (b_place, builder.add(b_place, ldb_), _SIZE(0)),
            *((sums[r][j], totals[r][j], zero) for r in range(ROWS) for j in range(2)),
        ):
            place.add_incoming(begin, before)
            place.add_incoming(value, loop)
        builder.cbranch(builder.icmp_signed("<", following, depth_), loop, after)
        builder.position_at_end(after)

        alphas = _everywhere(builder, vector, alpha_)
        betas = _everywhere(builder, vector, beta_)
        reads = builder.fcmp_unordered("!=", beta_, ir.Constant(beta_.type, 0.0))
        whole = builder.and_(
            builder.icmp_signed(">=", rows_, _SIZE(ROWS)),
            builder.icmp_signed(">=", columns_, _SIZE(2 * width)),
        )

        def put(inside: list[Any], before: list[Any] | None) -> None:
            """C ← α totals, + β times what was there `before`; only elements `inside`."""
            for place in range(2 * ROWS):
                r, j = divmod(place, 2)
                offset = builder.add(builder.mul(ldc_, _SIZE(r)), _SIZE(j * width))
                pointer = builder.gep(c_data, [offset])
                value = builder.fmul(alphas, totals[r][j], flags=_FLAGS)
                if before:
                    old = _load_part(builder, vector, pointer, before[place])
                    kept = builder.fmul(betas, old, flags=_FLAGS)
                    value = builder.fadd(kept, value, flags=_FLAGS)
                _store_part(builder, value, pointer, inside[place])

        # Whole tiles go without masks: a tenth of the time of a tile of depth 64.
        everything = [_first(builder, vector, _SIZE(width))] * 2 * ROWS
        with builder.if_else(whole) as (inside_c, at_edge):
            with inside_c, builder.if_else(reads) as (adds, replaces):
                with adds:
                    put(everything, everything)
                with replaces:
                    put(everything, None)
            with at_edge:
                counts = [
                    builder.select(
                        builder.icmp_signed("<", _SIZE(place // 2), rows_),
                        builder.sub(columns_, _SIZE(place % 2 * width)),
                        _SIZE(0),
                    )
                    for place in range(2 * ROWS)
                ]
                put(
                    [_first(builder, vector, count) for count in counts],
                    [
                        _first(builder, vector, builder.select(reads, count, _SIZE(0)))
                        for count in counts
                    ],
                )
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
    nothing for i beyond `columns`. log₂ of the side rounds of perfect shuffles: row i and row
    i + side/2 become, element by element in turn, rows 2i and 2i + 1 (H. Stone, IEEE Transactions
    on Computers C-20(2), 1971).
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target = builder.gep(_data(context, builder, out, arguments[0]), [arguments[1]])
        place = builder.gep(_data(context, builder, source, arguments[3]), [arguments[4]])
        ld_out_, ld_, rows_, columns_ = (arguments[i] for i in (2, 5, 6, 7))
        vector = _vector_type(target.type.pointee)
        side = vector.count
        half = side // 2

        def mask(start: int) -> Any:
            order = [start + i // 2 + side * (i % 2) for i in range(side)]
            return ir.Constant(ir.VectorType(ir.IntType(32), side), order)

        squares = []
        for j in range(side):
            count = builder.select(builder.icmp_signed("<", _SIZE(j), rows_), columns_, _SIZE(0))
            row = builder.gep(place, [builder.mul(ld_, _SIZE(j))])
            squares.append(_load_part(builder, vector, row, _first(builder, vector, count)))
        for _ in range(side.bit_length() - 1):
            squares = [
                builder.shuffle_vector(squares[i], squares[i + half], mask(start))
                for i in range(half)
                for start in (0, half)
            ]
        whole = _SIZE(side)
        for i, row in enumerate(squares):
            count = builder.select(builder.icmp_signed("<", _SIZE(i), columns_), whole, _SIZE(0))
            target_row = builder.gep(target, [builder.mul(ld_out_, _SIZE(i))])
            _store_part(builder, row, target_row, _first(builder, vector, count))
        return context.get_dummy_value()

    size = types.intp
    return types.void(out, size, size, source, size, size, size, size), build


# The names that kernels call, with the types that they see.
vector_size: Callable[..., int] = intrinsic(_vector_size)
copy_vector: Callable[..., None] = intrinsic(_copy_vector)
multiply_tile: Callable[..., None] = intrinsic(_multiply_tile)
transpose_square: Callable[..., None] = intrinsic(_transpose_square)
