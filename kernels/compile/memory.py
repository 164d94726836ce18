"""Windows on flat buffers: how a kernel sees one layer's part of a buffer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

from .jit import Vector


def _window(typingctx: Any, buffer: Any, offset: Any, size: Any) -> Any:
    """View of `size` elements of the 1-D `buffer` from `offset` on; bounds are the caller's duty.

    A slice would do the same with a reference count (an atomic addition) and bound arithmetic
    for each of the ten or so views that a layer takes; the window is one pointer addition.
    The caller keeps `buffer` alive.
    """
    if not (isinstance(buffer, types.Array) and buffer.ndim == 1 and buffer.layout == "C"):
        return None

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = arrayobj.make_array(buffer)(context, builder, arguments[0])
        result = arrayobj.make_array(buffer)(context, builder)
        item = context.get_constant(types.intp, context.get_abi_sizeof(result.data.type.pointee))
        arrayobj.populate_array(
            result,
            data=builder.gep(source.data, [arguments[1]]),
            shape=cgutils.pack_array(builder, [arguments[2]]),
            strides=cgutils.pack_array(builder, [item]),
            itemsize=item,
            meminfo=None,
        )
        return result._getvalue()

    return buffer(buffer, types.intp, types.intp), build


def _stack_buffer(typingctx: Any, like: Any, size: Any) -> Any:
    """An uninitialised buffer of `size` bytes, a constant, on the stack of the function.

    It has the dtype of `like`, begins with a cache line, and lives until the function returns.
    """
    if not isinstance(size, types.IntegerLiteral):
        return None

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        result = arrayobj.make_array(like)(context, builder)
        item = context.get_abi_sizeof(result.data.type.pointee)
        place = cgutils.alloca_once(builder, ir.IntType(8), size=size.literal_value)
        place.align = 64
        arrayobj.populate_array(
            result,
            data=builder.bitcast(place, result.data.type),
            shape=cgutils.pack_array(builder, [cgutils.intp_t(size.literal_value // item)]),
            strides=cgutils.pack_array(builder, [cgutils.intp_t(item)]),
            itemsize=cgutils.intp_t(item),
            meminfo=None,
        )
        return result._getvalue()

    return like(like, size), build


# The names that kernels call, with the types that they see.
window: Callable[[Vector, int, int], Vector] = intrinsic(_window)
stack_buffer: Callable[[Vector, int], Vector] = intrinsic(prefer_literal=True)(_stack_buffer)
