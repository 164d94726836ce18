"""Instructions that Numba has no name for: four numbers at a time, rounding, products by a warp.

In PTX, NVIDIA's assembly language, the `Product`s of tensor cores take words of 32 bits: a number
in TF32, or two in BF16. Under the simulator all of it is done by `emulation`.
"""

from __future__ import annotations

from inspect import Parameter, Signature
from typing import Any, NamedTuple

from numba import types
from numba.extending import intrinsic

from ...compile.internals import cgutils, data_of, ir
from ...compile.jit import Vector
from . import emulation
from .jit import SIMULATED, capability, kernel

_WORD = types.uint32
_NUMBER = types.float32
FOUR = 4
# PTX for a number, for 0, and for a register.
_BY_SIZE = {32: ("f32", "0f00000000", "f"), 64: ("f64", "0d0000000000000000", "d")}


def _four(builder: Any, context: Any, array_type: Any, array: Any, place: Any) -> Any:
    """A pointer to four elements of an array as one vector."""
    data = data_of(context, builder, array_type, array)
    pointer = builder.gep(data, [place])
    return builder.bitcast(pointer, ir.VectorType(data.type.pointee, FOUR).as_pointer())


def _load_four(typingctx: Any, values: Any, place: Any) -> Any:
    """Elements place … place + 3, as one access of 16 bytes; place is a multiple of four."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = builder.load(_four(builder, context, values, *arguments), align=16)
        parts = [builder.extract_element(vector, cgutils.int32_t(i)) for i in range(FOUR)]
        return cgutils.pack_array(builder, parts)

    return types.UniTuple(values.dtype, FOUR)(values, types.intp), build


def _store_four(typingctx: Any, values: Any, place: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Elements place … place + 3 ← a, b, c, d, as one access of 16 bytes."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, place, *parts = arguments
        pointer = _four(builder, context, values, array, place)
        vector = ir.Constant(pointer.type.pointee, ir.Undefined)
        for i, part in enumerate(parts):
            vector = builder.insert_element(vector, part, cgutils.int32_t(i))
        builder.store(vector, pointer, align=16)
        return context.get_dummy_value()

    return types.none(values, types.intp, *FOUR * [values.dtype]), build


def _load_if(typingctx: Any, values: Any, place: Any, is_there: Any) -> Any:
    """An element in global memory, or 0: as an instruction, where Numba would make a branch."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, place, is_there = arguments
        data = data_of(context, builder, values, array)
        kind, zero, register = _BY_SIZE[values.dtype.bitwidth]
        item = values.dtype.bitwidth // 8
        # The address by one instruction, where LLVM's sum of 64 bits takes two.
        text = (
            "{ .reg .pred there; .reg .b64 address; setp.ne.b32 there, $3, 0; "
            f"mad.wide.u32 address, $2, {item}, $1; mov.{kind} $0, {zero}; "
            f"@there ld.global.{kind} $0, [address]; }}"
        )
        form = ir.FunctionType(data.type.pointee, [cgutils.intp_t, place.type, ir.IntType(32)])
        # It stays where it stands: before the products, which take as long as the memory does.
        code = ir.InlineAsm(form, text, f"={register},l,r,r", side_effect=True)
        first = builder.ptrtoint(data, cgutils.intp_t)
        return builder.call(code, [first, place, builder.zext(is_there, ir.IntType(32))])

    return values.dtype(values, types.uint32, types.boolean), build


def _assembly(text: str, constraints: str, result: Any, *arguments: Any) -> Any:
    """What `intrinsic` takes, for one line of PTX."""

    def typed(typingctx: Any, *given: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            line = text if capability() >= (9, 0) else text.replace(*_BEFORE_90)
            several = isinstance(result, types.UniTuple)
            kind = context.get_value_type(result.dtype if several else result)
            out = ir.LiteralStructType([kind] * result.count) if several else kind
            form = ir.FunctionType(out, [value.type for value in values])
            # All lanes of a warp take part in some: not to be moved to where only a few come by.
            code = ir.InlineAsm(form, line, constraints, side_effect=True)
            value = builder.call(code, values)
            if not several:
                return value
            parts = [builder.extract_value(value, i) for i in range(result.count)]
            return cgutils.pack_array(builder, parts)

        return result(*arguments), build

    # Numba passes what this says, one by one; of *given it would want a tuple.
    names = ["typingctx", *(f"value_{i}" for i in range(len(arguments)))]
    parameters = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    typed.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return typed


def _by_warp(shape_and_types: str) -> Any:
    """D = A B + C for matrices whose elements are spread over a warp; see `emulation`."""
    text = (
        f"mma.sync.aligned.{shape_and_types} "
        "{$0, $1, $2, $3}, {$4, $5, $6, $7}, {$8, $9}, {$10, $11, $12, $13};"
    )
    constraints = ",".join([*4 * ["=f"], *6 * ["r"], *4 * ["f"]])
    result = types.UniTuple(_NUMBER, 4)
    return _assembly(text, constraints, result, *6 * [_WORD], *4 * [_NUMBER])


TF32 = "m16n8k8.row.col.f32.tf32.tf32.f32"
BF16 = "m16n8k16.row.col.f32.bf16.bf16.f32"
# One instruction from compute capability 9.0 on, before it three, and ties go away from zero.
_BEFORE_90 = "cvt.rn.tf32", "cvt.rna.tf32"
_ROUND = "cvt.rn.tf32.f32 $0, $1;", "=r,f", _WORD, _NUMBER
# The second of the two comes first in PTX, and into the upper half.
_PAIR = "cvt.rn.bf16x2.f32 $0, $2, $1;", "=r,f,f", _WORD, _NUMBER, _NUMBER

load_if: Any = emulation.load_if if SIMULATED else intrinsic(_load_if)
load_four: Any = emulation.load_four if SIMULATED else intrinsic(_load_four)
store_four: Any = emulation.store_four if SIMULATED else intrinsic(_store_four)
round_tf32: Any = emulation.round_tf32 if SIMULATED else intrinsic(_assembly(*_ROUND))
pair_bf16: Any = emulation.pair_bf16 if SIMULATED else intrinsic(_assembly(*_PAIR))
multiply_tf32: Any = emulation.multiply_tf32 if SIMULATED else intrinsic(_by_warp(TF32))
multiply_bf16: Any = emulation.multiply_bf16 if SIMULATED else intrinsic(_by_warp(BF16))


@kernel
def word_tf32(numbers: Vector, word: int) -> Any:
    """A word of TF32: 8 bits of exponent and 10 of the fraction, rounded to nearest."""
    return round_tf32(numbers[word])


@kernel
def word_bf16(numbers: Vector, word: int) -> Any:
    """A word of two BF16, 8 bits of exponent and 7 of the fraction, rounded to nearest."""
    return pair_bf16(numbers[2 * word], numbers[2 * word + 1])


class Instruction(NamedTuple):
    """A product of tensor cores, 16 × 8 sums by a warp in each.

    Attributes
    ----------
    name
        Of its precision.
    numbers
        In a word; an instruction adds up over eight words.
    word
        Makes a word of numbers.
    multiply
        Four words of the left matrix, two of the right one and four sums to four sums.
    """

    name: str
    numbers: int
    word: Any
    multiply: Any


INSTRUCTIONS = (
    Instruction("tf32", 1, word_tf32, multiply_tf32),
    Instruction("bf16", 2, word_bf16, multiply_bf16),
)
