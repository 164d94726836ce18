"""The products of narrow layers, a tile of the result at a time, its sums held in registers.

LLVM vectorises one loop over the lanes at a time, so that partial sums go through memory, and it
guards every loop against short ones and overlaps. Here the vectors are written out: a tile of
four units by two vectors takes six loads for eight multiply-adds and no store until it is done.
`gemm` does the same for large matrices, behind copies and calls that cost more than the products of
a layer of, say, 16 × 32.

Each product is one function of machine code, made of LLVM's own instructions and vector types,
called and not inlined. Vectors have 64 bytes where the machine has them, and lanes must be a
multiple of that (`operations.block_lanes`). Every sum is made in the same order whatever tile it
falls into.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from numba import types
from numba.extending import intrinsic

from ..compile.internals import add_attribute, cgutils, data_of, ir
from ..compile.registers import REGISTER_BYTES, REGISTERS
from ..compile.vector_code import SIZE, WIDE_VECTORS, VectorCode, item_size

# On machines with shorter vectors LLVM makes several of one.
VECTOR_BYTES = 64
# Whether the registers hold 32 vectors. Sixteen registers of 32 bytes hold eight: there a tile has
# six sums at most, and the other two are for what is multiplied.
MANY_REGISTERS = REGISTER_BYTES * REGISTERS >= 32 * VECTOR_BYTES
# Units of a tile, and how many vectors of lanes: eight sums hide the latency of a multiply-add. Of
# few registers four units of one vector have as many sums, each of them half a vector.
_WEIGHTED_SUMS = (
    ((4, (4, 2, 1)), (2, (4, 2, 1)), (1, (4, 2, 1)))
    if MANY_REGISTERS
    else ((6, (1,)), (4, (1,)), (2, (2, 1)), (1, (4, 2, 1)))
)
# Rows of δ of a tile, and rows of a.
_LANE_PRODUCTS = (
    ((4, (4, 2, 1)), (2, (4, 2, 1)), (1, (4, 2, 1)))
    if MANY_REGISTERS
    else ((4, (1,)), (2, (2, 1)), (1, (4, 2, 1)))
)

# What `weighted_sums` adds to.
FROM_ZERO, FROM_START, FROM_OUT = range(3)


class Product(NamedTuple):
    """A matrix W times rows of lanes: W_ji lies at j · output_stride + i · input_stride."""

    outputs: int
    inputs: int
    output_stride: int
    input_stride: int
    lanes: int
    begin: int  # what the sums begin with: FROM_ZERO, FROM_START or FROM_OUT


class Shape(NamedTuple):
    """That of a layer on a block: W is (outputs, inputs)."""

    outputs: int
    inputs: int
    lanes: int


class Samples(NamedTuple):
    """The samples that become columns of a block."""

    start: int  # the first one
    size: int  # how many
    width: int  # features of each
    lanes: int  # of the block


def offset(code: VectorCode, *terms: Any) -> Any:
    """Σ of numbers and of pairs to be multiplied."""
    total = SIZE(0)
    for term in terms:
        if isinstance(term, tuple):
            term = code.builder.mul(*term)
        total = code.builder.add(total, term)
    return total


def _weighted_sums(
    code: VectorCode, out: Any, weight: Any, rows: Any, start: Any, product: Product
) -> None:
    """Body of `weighted_sums`."""
    builder, lanes = code.builder, product.lanes
    from_start = builder.icmp_signed("==", product.begin, SIZE(FROM_START))
    from_out = builder.icmp_signed("==", product.begin, SIZE(FROM_OUT))
    output = code.variable(SIZE(0))
    for units, widths in _WEIGHTED_SUMS:
        with code.steps(output, units, product.outputs) as first:
            lane = code.variable(SIZE(0))
            starts = [
                builder.select(
                    from_start,
                    code.load(start, offset(code, first, SIZE(unit)), code.number),
                    code.number(0),
                )
                for unit in range(units)
            ]
            for vectors in widths:
                with code.steps(lane, vectors * code.width, lanes) as place:
                    tile = [
                        [code.variable(code.everywhere(number)) for _ in range(vectors)]
                        for number in starts
                    ]
                    places = [
                        [
                            offset(
                                code,
                                (offset(code, first, SIZE(unit)), lanes),
                                place,
                                SIZE(v * code.width),
                            )
                            for v in range(vectors)
                        ]
                        for unit in range(units)
                    ]
                    with builder.if_then(from_out):
                        for total, position in zip(chain(*tile), chain(*places), strict=True):
                            builder.store(code.load(out, position), total)
                    i = code.variable(SIZE(0))
                    with code.steps(i, 1, product.inputs) as row:
                        above = offset(code, (row, lanes), place)
                        a = [
                            code.load(rows, offset(code, above, SIZE(v * code.width)))
                            for v in range(vectors)
                        ]
                        for unit in range(units):
                            j = offset(code, first, SIZE(unit))
                            position = offset(
                                code, (j, product.output_stride), (row, product.input_stride)
                            )
                            w = code.everywhere(code.load(weight, position, code.number))
                            for total, values in zip(tile[unit], a, strict=True):
                                code.add_product(total, w, values)
                    for total, position in zip(chain(*tile), chain(*places), strict=True):
                        code.store(builder.load(total), out, position)


def _lane_products(
    code: VectorCode, weight: Any, bias: Any, delta: Any, rows: Any, shape: Shape, accumulate: Any
) -> None:
    """Body of `lane_products`."""
    builder, lanes = code.builder, shape.lanes

    def keep(values: Any, place: Any, position: Any) -> None:
        """place[position], … ← values, or += if `accumulate`."""
        before = code.load(place, position, values.type)
        zero = ir.Constant(values.type, [0] * values.type.count)
        code.store(code.add(builder.select(accumulate, before, zero), values), place, position)

    def tile(units: int, first: Any, others: int, row: Any) -> None:
        """Products of `units` rows of δ from `first` on with `others` rows of a, or with ones."""
        totals = [
            code.variable(code.vector([0] * code.width)) for _ in range(units * max(others, 1))
        ]
        lane = code.variable(SIZE(0))
        with code.steps(lane, code.width, lanes) as place:
            d = [
                code.load(delta, offset(code, (offset(code, first, SIZE(k)), lanes), place))
                for k in range(units)
            ]
            if not others:
                for total, values in zip(totals, d, strict=True):
                    builder.store(code.add(builder.load(total), values), total)
            a = [
                code.load(rows, offset(code, (offset(code, row, SIZE(k)), lanes), place))
                for k in range(others)
            ]
            for k in range(units * others):
                code.add_product(totals[k], d[k // others], a[k % others])
        vectors = [builder.load(total) for total in totals]
        if not others:
            keep(code.sums(vectors), bias, first)
            return
        rows_at_once = max(1, min(units, code.width // others))
        for begin in range(0, units, rows_at_once):
            values = code.sums(vectors[begin * others : (begin + rows_at_once) * others])
            for k in range(rows_at_once):
                part = code.shuffle(values, values, range(k * others, (k + 1) * others))
                j = offset(code, first, SIZE(begin + k))
                keep(part, weight, offset(code, (j, shape.inputs), row))

    output = code.variable(SIZE(0))
    for units, widths in _LANE_PRODUCTS:
        with code.steps(output, units, shape.outputs) as first:
            i = code.variable(SIZE(0))
            for others in widths:
                with code.steps(i, others, shape.inputs) as row:
                    tile(units, first, others, row)
            tile(units, first, 0, None)


def _transposed(
    code: VectorCode, block: Any, rows: Any, order: Any, samples: Samples, ordered: Any
) -> None:
    """Body of `transposed`."""
    builder, side = code.builder, code.width
    start, count, width, lanes = samples

    def last_whole(place: Any, end: Any) -> Any:
        """The place, or the last one from which on a whole vector is left."""
        last = builder.sub(end, SIZE(side))
        return builder.select(builder.icmp_signed("<", place, last), place, last)

    sample = code.variable(SIZE(0))
    with code.steps(sample, side, offset(code, count, SIZE(side - 1))) as place:
        s = last_whole(place, count)
        before = []
        for k in range(side):
            position = offset(code, start, s, SIZE(k))
            with builder.if_else(ordered) as (then, otherwise):
                with then:
                    found = code.load(order, position, SIZE)
                    then_block = builder.block
                with otherwise:
                    else_block = builder.block
            number = builder.phi(SIZE)
            number.add_incoming(found, then_block)
            number.add_incoming(position, else_block)
            before.append(builder.mul(number, width))
        feature = code.variable(SIZE(0))
        with code.steps(feature, side, offset(code, width, SIZE(side - 1))) as place:
            i = last_whole(place, width)
            vectors = [code.load(rows, offset(code, row, i)) for row in before]
            for k, vector in enumerate(code.transposed(vectors)):
                code.store(vector, block, offset(code, (offset(code, i, SIZE(k)), lanes), s))


def _passed(context: Any, builder: Any, kind: Any, wanted: Any, value: Any) -> Any:
    """What goes over of an array or a number: its pointer, or the number as a `wanted`."""
    if isinstance(kind, types.Array):
        return data_of(context, builder, kind, value)
    return context.cast(builder, value, kind, wanted)


def _as_given(kinds: Sequence[Any], values: Sequence[Any]) -> Iterator[Any]:
    """What went over one by one, in the NamedTuples that it came from."""
    left = iter(values)
    for kind in kinds:
        if isinstance(kind, types.BaseTuple):
            yield kind.instance_class(*islice(left, len(kind)))
        else:
            yield next(left)


def emitted_call(
    name: str, emit: Callable[..., None], *arguments: Any
) -> tuple[Any, Callable[..., Any]]:
    """Signature and code of a call of the function that `emit` writes, once per module.

    arguments are Numba's types; arrays go over as pointers. The fields of a NamedTuple, arrays or
    integers, go over one by one, and `emit` gets a NamedTuple of LLVM's values.
    """

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        passed: list[Any] = []
        for kind, value in zip(signature.args, values, strict=True):
            if isinstance(kind, types.BaseTuple):
                parts = cgutils.unpack_tuple(builder, value)
                passed += [
                    _passed(context, builder, own, types.intp, part)
                    for own, part in zip(kind, parts, strict=True)
                ]
            else:
                passed.append(_passed(context, builder, kind, kind, value))
        number = context.get_data_type(arguments[0].dtype)
        function_name = f"nnlib_{name}_{number}"
        function = builder.module.globals.get(function_name)
        if function is None:
            kind = ir.FunctionType(ir.VoidType(), [value.type for value in passed])
            function = ir.Function(builder.module, kind, function_name)
            function.linkage = "linkonce_odr"
            function.attributes.add("noinline")
            function.attributes.add("nounwind")
            add_attribute(function, WIDE_VECTORS)
            inner = ir.IRBuilder(function.append_basic_block("entry"))
            code = VectorCode(inner, number, VECTOR_BYTES // item_size(number))
            emit(code, *_as_given(signature.args, function.args))
            inner.ret_void()
        builder.call(function, passed)
        return context.get_dummy_value()

    as_given = types.Array | types.Boolean | types.BaseTuple
    kinds = [kind if isinstance(kind, as_given) else types.intp for kind in arguments]
    return types.void(*kinds), build


@intrinsic
def weighted_sums(
    typingctx: Any, out: Any, weight: Any, rows: Any, start: Any, product: Any
) -> Any:
    """out_js ← begin_js + Σ_i weight[j·output_stride + i·input_stride] rows_is; see `Product`.

    out is (outputs, lanes), rows (inputs, lanes), start (at least outputs,); begin_js is 0, start_j
    or out_js for begin = FROM_ZERO, FROM_START or FROM_OUT.
    """
    return emitted_call("weighted_sums", _weighted_sums, out, weight, rows, start, product)


@intrinsic
def lane_products(
    typingctx: Any, weight: Any, bias: Any, delta: Any, rows: Any, shape: Any, accumulate: Any
) -> Any:
    """weight_ji ← Σ_s δ_js rows_is and bias_j ← Σ_s δ_js; added if `accumulate`.

    weight is (outputs, inputs), bias (outputs,), delta (outputs, lanes), rows (inputs, lanes).
    """
    return emitted_call(
        "lane_products", _lane_products, weight, bias, delta, rows, shape, types.boolean
    )


@intrinsic
def transposed(
    typingctx: Any, block: Any, rows: Any, order: Any, samples: Any, ordered: Any
) -> Any:
    """block_is ← rows_(start+s, i), or rows_(order_(start+s), i) if `ordered`.

    block is (width, lanes), rows (…, width); width and count are at least 64 // itemsize. Whole
    squares of vectors are done, of which the last ones overlap those before: 200 rows of 30 in
    float32 take 0.9 µs so, 3.7 with loops for the rest.
    """
    return emitted_call("transposed", _transposed, block, rows, order, samples, types.boolean)
