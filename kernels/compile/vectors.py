"""A vector of sixteen numbers as a scalar of compiled code: one lane for each of sixteen networks.

Left to itself LLVM makes vectors of loops whose arrays it can prove apart, and holds no sum of
sixteen lanes in a register. With a type of its own the loops are written once, as for one
network, and every operation is one vector instruction (two in float64, where 512 bits hold eight).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types
from numba.extending import intrinsic, models, register_model

from .internals import cgutils, data_of, ir
from .jit import Scalar, Vector
from .vector_code import VectorCode

LANES = 16


class _LanesType(types.Type):
    """Numba's type of such a vector."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Lanes({dtype})")


@register_model(_LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        item = manager.lookup(kind.dtype).get_value_type()
        super().__init__(manager, kind, ir.VectorType(item, LANES))


def _code(context: Any, builder: Any, dtype: Any) -> VectorCode:
    return VectorCode(builder, context.get_value_type(dtype), LANES)


def _load(typingctx: Any, array: Any, index: Any) -> Any:
    """The LANES elements of the array from `index` on."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = _code(context, builder, array.dtype)
        return code.load(data_of(context, builder, array, arguments[0]), arguments[1])

    return _LanesType(array.dtype)(array, types.intp), build


def _store(typingctx: Any, array: Any, index: Any, values: Any) -> Any:
    """Write them."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = data_of(context, builder, array, arguments[0])
        _code(context, builder, array.dtype).store(arguments[2], data, arguments[1])
        return context.get_dummy_value()

    return types.void(array, types.intp, values), build


def _spread(typingctx: Any, number: Any) -> Any:
    """The same number in every lane."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _code(context, builder, number).everywhere(arguments[0])

    return _LanesType(number)(number), build


def _multiply_add(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """a · b + c in every lane, rounded once where the machine can."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = context.get_value_type(signature.return_type)
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(kind, [kind] * 3),
            f"llvm.fmuladd.v{LANES}f{a.dtype.bitwidth}",
        )
        return builder.call(function, arguments)

    return a(a, b, c), build


def _add(typingctx: Any, a: Any, b: Any) -> Any:
    """a + b in every lane."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fadd(*arguments)

    return a(a, b), build


load_lanes: Callable[[Vector, int], Scalar] = intrinsic(_load)
store_lanes: Callable[[Vector, int, Scalar], None] = intrinsic(_store)
spread: Callable[[Scalar], Scalar] = intrinsic(_spread)
multiply_add: Callable[[Scalar, Scalar, Scalar], Scalar] = intrinsic(_multiply_add)
add: Callable[[Scalar, Scalar], Scalar] = intrinsic(_add)
