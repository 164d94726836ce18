"""What threads of one process agree by: operations on int64 that no other thread can part.

All of them are sequentially consistent but for `atomic_store`: every thread sees them in the same
order. On x86-64 that costs nothing beyond the operation itself.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any

from numba import types
from numba.extending import intrinsic

from ..compile.internals import cgutils, data_of, ir
from ..compile.jit import Vector

# LLVM's names for the instruction that tells the processor that this thread only waits, and the
# numbers that they take. ARM's own "yield" does nothing on most processors; a barrier for the
# instructions takes about as long as x86's pause.
_PAUSES: dict[str, tuple[str, list[int]]] = {
    "x86_64": ("llvm.x86.sse2.pause", []),
    "amd64": ("llvm.x86.sse2.pause", []),
    "aarch64": ("llvm.aarch64.isb", [15]),
    "arm64": ("llvm.aarch64.isb", [15]),
}


def place_of(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """The address of array[index], for other intrinsics."""
    data = data_of(context, builder, array_type, array)
    return builder.gep(data, [index])


def _add(typingctx: Any, array: Any, index: Any, amount: Any) -> Any:
    """array[index] += amount; returns what was there before."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = place_of(context, builder, array, *arguments[:2])
        return builder.atomic_rmw("add", place, arguments[2], "seq_cst")

    return types.int64(array, types.intp, types.int64), build


def _exchange(typingctx: Any, array: Any, index: Any, expected: Any, value: Any) -> Any:
    """array[index] = value if it is as expected; returns what was there before."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = place_of(context, builder, array, *arguments[:2])
        pair = builder.cmpxchg(place, *arguments[2:], "seq_cst", "seq_cst")
        return builder.extract_value(pair, 0)

    return types.int64(array, types.intp, types.int64, types.int64), build


def _load(typingctx: Any, array: Any, index: Any) -> Any:
    """array[index] as another thread left it; what that wrote before is visible after."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(place_of(context, builder, array, *arguments), "seq_cst", 8)

    return types.int64(array, types.intp), build


def _store(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
    """array[index] = value, after everything that this thread wrote before."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = place_of(context, builder, array, *arguments[:2])
        builder.store_atomic(arguments[2], place, "release", 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.int64), build


def _pause(typingctx: Any) -> Any:
    """Some nanoseconds of waiting that leave the core to its other thread."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if platform.machine().lower() in _PAUSES:
            name, numbers = _PAUSES[platform.machine().lower()]
            operands = [ir.Constant(ir.IntType(32), number) for number in numbers]
            kind = ir.FunctionType(ir.VoidType(), [operand.type for operand in operands])
            function = cgutils.get_or_insert_function(builder.module, kind, name)
            builder.call(function, operands)
        return context.get_dummy_value()

    return types.void(), build


atomic_add: Callable[[Vector, int, int], int] = intrinsic(_add)
atomic_exchange: Callable[[Vector, int, int, int], int] = intrinsic(_exchange)
atomic_load: Callable[[Vector, int], int] = intrinsic(_load)
atomic_store: Callable[[Vector, int, int], None] = intrinsic(_store)
pause: Callable[[], None] = intrinsic(_pause)
