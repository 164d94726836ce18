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
from contextlib import contextmanager
from itertools import chain
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

# Units of a tile, and how many vectors of lanes: eight sums hide the latency of a multiply-add.
_WEIGHTED_SUMS = ((4, (4, 2, 1)), (2, (4, 2, 1)), (1, (4, 2, 1)))
# Rows of δ of a tile, and rows of a.
_LANE_PRODUCTS = ((4, (4, 2, 1)), (2, (4, 2, 1)), (1, (4, 2, 1)))

# What `weighted_sums` adds to.
FROM_ZERO, FROM_START, FROM_OUT = range(3)

# On machines with shorter vectors LLVM makes several of one.
VECTOR_BYTES = 64

_SIZE = cgutils.intp_t
_BIT = ir.IntType(1)
# A product may be fused with its sum; nothing else is reordered.
_FLAGS = ("contract",)


class _Code:
    """Instructions on vectors of one dtype, written at the end of one function."""

    def __init__(self, builder: Any, number: Any) -> None:
        self.builder = builder
        self.number = number
        self.item_size = {"float": 4, "double": 8}[str(number)]
        self.width = VECTOR_BYTES // self.item_size
        self.vector = ir.VectorType(number, self.width)

    def variable(self, value: Any) -> Any:
        """A variable with that value; LLVM keeps it in a register."""
        return cgutils.alloca_once_value(self.builder, value)

    def load(self, place: Any, offset: Any, kind: Any = None) -> Any:
        """`kind`, or else a whole vector, from place[offset] on."""
        kind = kind or self.vector
        pointer = self.builder.bitcast(self.builder.gep(place, [offset]), kind.as_pointer())
        return self.builder.load(pointer, align=self.item_size)

    def store(self, value: Any, place: Any, offset: Any) -> None:
        """place[offset], … ← value."""
        pointer = self.builder.gep(place, [offset])
        pointer = self.builder.bitcast(pointer, value.type.as_pointer())
        self.builder.store(value, pointer, align=self.item_size)

    def everywhere(self, number: Any) -> Any:
        """A vector of one number."""
        first = self.builder.insert_element(
            ir.Constant(self.vector, ir.Undefined), number, ir.IntType(32)(0)
        )
        return self.shuffle(first, first, [0] * self.width)

    def shuffle(self, x: Any, y: Any, places: Sequence[int]) -> Any:
        """The elements of x and y at `places`, y's numbered on from x's."""
        mask = ir.Constant(ir.VectorType(ir.IntType(32), len(places)), list(places))
        return self.builder.shuffle_vector(x, y, mask)

    def add(self, x: Any, y: Any) -> Any:
        return self.builder.fadd(x, y, flags=_FLAGS)

    def add_product(self, total: Any, x: Any, y: Any) -> None:
        """The variable total ← total + x y."""
        product = self.builder.fmul(x, y, flags=_FLAGS)
        self.builder.store(self.add(self.builder.load(total), product), total)

    @contextmanager
    def steps(self, position: Any, width: int, end: Any) -> Iterator[Any]:
        """The block runs, and position += width, as long as position + width ≤ end."""
        builder = self.builder
        test, body, after = (builder.append_basic_block(name) for name in ("test", "body", "after"))
        builder.branch(test)
        builder.position_at_end(test)
        before = builder.load(position)
        beyond = builder.add(before, _SIZE(width))
        builder.cbranch(builder.icmp_signed("<=", beyond, end), body, after)
        builder.position_at_end(body)
        yield before
        builder.store(beyond, position)
        builder.branch(test)
        builder.position_at_end(after)

    def sums(self, vectors: list[Any]) -> Any:
        """The sum of each vector's elements: as many, a power of two, in one vector.

        Two vectors at a time become one, half of it the sums of neighbours of the first and half
        of the second: three instructions for two vectors, where a sum of its own takes eight.
        """
        group = self.width  # elements that are still to be added up
        while group > 1:
            half = group // 2
            width = vectors[0].type.count
            pairs = 2 if len(vectors) > 1 else 1
            low = [first + k for first in range(0, pairs * width, group) for k in range(half)]
            high = [place + half for place in low]
            vectors = [
                self.add(self.shuffle(x, y, low), self.shuffle(x, y, high))
                for x, y in zip(vectors[::pairs], vectors[pairs - 1 :: pairs], strict=True)
            ]
            group = half
        return vectors[0]


def _offset(code: _Code, *terms: Any) -> Any:
    """Σ of numbers and of pairs to be multiplied."""
    total = _SIZE(0)
    for term in terms:
        if isinstance(term, tuple):
            term = code.builder.mul(*term)
        total = code.builder.add(total, term)
    return total


def _weighted_sums(
    code: _Code, out: Any, weight: Any, rows: Any, start: Any, outputs: Any, inputs: Any,
    output_stride: Any, input_stride: Any, lanes: Any, begin: Any,
) -> None:  # fmt: skip
    """Body of `weighted_sums`."""
    builder = code.builder
    from_start = builder.icmp_signed("==", begin, _SIZE(FROM_START))
    from_out = builder.icmp_signed("==", begin, _SIZE(FROM_OUT))
    output = code.variable(_SIZE(0))
    for units, widths in _WEIGHTED_SUMS:
        with code.steps(output, units, outputs) as first:
            lane = code.variable(_SIZE(0))
            starts = [
                builder.select(
                    from_start,
                    code.load(start, _offset(code, first, _SIZE(unit)), code.number),
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
                            _offset(
                                code,
                                (_offset(code, first, _SIZE(unit)), lanes),
                                place,
                                _SIZE(v * code.width),
                            )
                            for v in range(vectors)
                        ]
                        for unit in range(units)
                    ]
                    with builder.if_then(from_out):
                        for total, position in zip(chain(*tile), chain(*places), strict=True):
                            builder.store(code.load(out, position), total)
                    i = code.variable(_SIZE(0))
                    with code.steps(i, 1, inputs) as row:
                        above = _offset(code, (row, lanes), place)
                        a = [
                            code.load(rows, _offset(code, above, _SIZE(v * code.width)))
                            for v in range(vectors)
                        ]
                        for unit in range(units):
                            j = _offset(code, first, _SIZE(unit))
                            position = _offset(code, (j, output_stride), (row, input_stride))
                            w = code.everywhere(code.load(weight, position, code.number))
                            for total, values in zip(tile[unit], a, strict=True):
                                code.add_product(total, w, values)
                    for total, position in zip(chain(*tile), chain(*places), strict=True):
                        code.store(builder.load(total), out, position)


def _lane_products(
    code: _Code, weight: Any, bias: Any, delta: Any, rows: Any, outputs: Any, inputs: Any,
    lanes: Any, accumulate: Any,
) -> None:  # fmt: skip
    """Body of `lane_products`."""
    builder = code.builder

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
        lane = code.variable(_SIZE(0))
        with code.steps(lane, code.width, lanes) as place:
            d = [
                code.load(delta, _offset(code, (_offset(code, first, _SIZE(k)), lanes), place))
                for k in range(units)
            ]
            if not others:
                for total, values in zip(totals, d, strict=True):
                    builder.store(code.add(builder.load(total), values), total)
            a = [
                code.load(rows, _offset(code, (_offset(code, row, _SIZE(k)), lanes), place))
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
                j = _offset(code, first, _SIZE(begin + k))
                keep(part, weight, _offset(code, (j, inputs), row))

    output = code.variable(_SIZE(0))
    for units, widths in _LANE_PRODUCTS:
        with code.steps(output, units, outputs) as first:
            i = code.variable(_SIZE(0))
            for others in widths:
                with code.steps(i, others, inputs) as row:
                    tile(units, first, others, row)
            tile(units, first, 0, None)


def _transposed(
    code: _Code, block: Any, rows: Any, order: Any, start: Any, count: Any, width: Any,
    lanes: Any, ordered: Any,
) -> None:  # fmt: skip
    """Body of `transposed`."""
    builder, side = code.builder, code.width
    sample = code.variable(_SIZE(0))
    with code.steps(sample, side, count) as s:
        before = []
        for k in range(side):
            position = _offset(code, start, s, _SIZE(k))
            with builder.if_else(ordered) as (then, otherwise):
                with then:
                    found = code.load(order, position, _SIZE)
                    then_block = builder.block
                with otherwise:
                    else_block = builder.block
            number = builder.phi(_SIZE)
            number.add_incoming(found, then_block)
            number.add_incoming(position, else_block)
            before.append(builder.mul(number, width))
        feature = code.variable(_SIZE(0))
        with code.steps(feature, side, width) as i:
            vectors = [code.load(rows, _offset(code, row, i)) for row in before]
            distance = 1
            while distance < side:
                swap = [place & distance > 0 for place in range(side)]
                first = [p + side - distance if swap[p] else p for p in range(side)]
                second = [p + side if swap[p] else p + distance for p in range(side)]
                for k in range(side):
                    if not swap[k]:
                        x, y = vectors[k], vectors[k + distance]
                        vectors[k] = code.shuffle(x, y, first)
                        vectors[k + distance] = code.shuffle(x, y, second)
                distance *= 2
            for k, vector in enumerate(vectors):
                code.store(vector, block, _offset(code, (_offset(code, i, _SIZE(k)), lanes), s))


def _call(name: str, emit: Callable[..., None], *arguments: Any) -> tuple[Any, Callable[..., Any]]:
    """Signature and code of a call of the function that `emit` writes, once per module.

    arguments are Numba's types; arrays go over as pointers.
    """

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        passed = [
            arrayobj.make_array(kind)(context, builder, value).data
            if isinstance(kind, types.Array)
            else value
            for kind, value in zip(signature.args, values, strict=True)
        ]
        number = context.get_data_type(arguments[0].dtype)
        function_name = f"nnlib_{name}_{number}"
        function = builder.module.globals.get(function_name)
        if function is None:
            kind = ir.FunctionType(ir.VoidType(), [value.type for value in passed])
            function = ir.Function(builder.module, kind, function_name)
            function.linkage = "linkonce_odr"
            function.attributes.add("noinline")
            function.attributes.add("nounwind")
            # llvmlite's own `add` knows only a list of names; LLVM takes any quoted pair.
            set.add(function.attributes, '"prefer-vector-width"="512"')
            inner = ir.IRBuilder(function.append_basic_block("entry"))
            emit(_Code(inner, number), *function.args)
            inner.ret_void()
        builder.call(function, passed)
        return context.get_dummy_value()

    kinds = [
        kind if isinstance(kind, types.Array | types.Boolean) else types.intp for kind in arguments
    ]
    return types.void(*kinds), build


@intrinsic
def weighted_sums(
    typingctx: Any, out: Any, weight: Any, rows: Any, start: Any, outputs: Any, inputs: Any,
    output_stride: Any, input_stride: Any, lanes: Any, begin: Any,
) -> Any:  # fmt: skip
    """out_js ← begin_js + Σ_i weight[j·output_stride + i·input_stride] rows_is.

    out is (outputs, lanes), rows (inputs, lanes), start (at least outputs,); begin_js is 0, start_j
    or out_js for begin = FROM_ZERO, FROM_START or FROM_OUT.
    """
    return _call(
        "weighted_sums", _weighted_sums, out, weight, rows, start, outputs, inputs,
        output_stride, input_stride, lanes, begin,
    )  # fmt: skip


@intrinsic
def lane_products(
    typingctx: Any, weight: Any, bias: Any, delta: Any, rows: Any, outputs: Any, inputs: Any,
    lanes: Any, accumulate: Any,
) -> Any:  # fmt: skip
    """weight_ji ← Σ_s δ_js rows_is and bias_j ← Σ_s δ_js; added if `accumulate`.

    weight is (outputs, inputs), bias (outputs,), delta (outputs, lanes), rows (inputs, lanes).
    """
    return _call(
        "lane_products", _lane_products, weight, bias, delta, rows, outputs, inputs, lanes,
        types.boolean,
    )  # fmt: skip


@intrinsic
def transposed(
    typingctx: Any, block: Any, rows: Any, order: Any, start: Any, count: Any, width: Any,
    lanes: Any, ordered: Any,
) -> Any:  # fmt: skip
    """block_is ← rows_(start+s, i), or rows_(order_(start+s), i) if `ordered`.

    block is (width, lanes), rows (…, width). Only whole squares of 64-byte vectors are done: the
    samples and features below the largest multiples of 64 // itemsize in count and width.
    """
    return _call(
        "transposed", _transposed, block, rows, order, start, count, width, lanes, types.boolean
    )
