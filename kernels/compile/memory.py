"""Windows on flat buffers: how a kernel sees one layer's part of a buffer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types
from numba.extending import intrinsic

from .internals import bytes_of_item, cgutils, data_of, ir, size_of, vector_at
from .jit import Vector, kernel
from .vector_code import VectorCode


def _window(typingctx: Any, buffer: Any, offset: Any, size: Any) -> Any:
    """View of `size` elements of the 1-D `buffer` from `offset` on; bounds are the caller's duty.

    A slice would do the same with a reference count (an atomic addition) and bound arithmetic
    for each of the ten or so views that a layer takes; the window is one pointer addition.
    The caller keeps `buffer` alive.
    """
    if not (isinstance(buffer, types.Array) and buffer.ndim == 1 and buffer.layout == "C"):
        return None

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first = builder.gep(data_of(context, builder, buffer, arguments[0]), [arguments[1]])
        return vector_at(context, builder, buffer, first, arguments[2])

    return buffer(buffer, types.intp, types.intp), build


def _part(typingctx: Any, buffer: Any, number: Any, size: Any) -> Any:
    """The part with this number of the 1-D `buffer`, in parts of `size` elements; see `window`."""
    if not (isinstance(buffer, types.Array) and buffer.ndim == 1 and buffer.layout == "C"):
        return None

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = builder.mul(arguments[1], arguments[2])
        first = builder.gep(data_of(context, builder, buffer, arguments[0]), [place])
        return vector_at(context, builder, buffer, first, arguments[2])

    return buffer(buffer, types.intp, types.intp), build


def _values_at(typingctx: Any, like: Any, address: Any, size: Any) -> Any:
    """The array of `size` elements at an address of this process, with the dtype of `like`.

    Who has written the address down keeps alive what lies there.
    """
    if not (isinstance(like, types.Array) and like.ndim == 1 and like.layout == "C"):
        return None

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = builder.inttoptr(arguments[1], cgutils.voidptr_t)
        return vector_at(context, builder, like, place, arguments[2])

    return like(like, types.int64, types.intp), build


def _indices_at(typingctx: Any, address: Any, size: Any) -> Any:
    """The same for indices: a uint32 array. Numba looks for negative ones in all signed types."""
    kind = types.Array(types.uint32, 1, "C")

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = builder.inttoptr(arguments[0], cgutils.voidptr_t)
        return vector_at(context, builder, kind, place, arguments[1])

    return kind(types.int64, types.intp), build


def _asks(early: bool) -> Callable[..., Any]:
    """The function that Numba calls for `ask_for`, or for `ask_early`."""

    def ask(typingctx: Any, buffer: Any, offset: Any) -> Any:
        """Have the cache line of buffer[offset] fetched, for later; it need not be in the buffer.

        `ask_early` is for what is needed only some µs later: the line goes no further than to the
        second level, and drives nothing out of the first.
        """

        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            place = builder.gep(data_of(context, builder, buffer, arguments[0]), [arguments[1]])
            VectorCode(builder, ir.FloatType(), 1).ask_for(place, early)
            return context.get_dummy_value()

        return types.void(buffer, types.intp), build

    return ask


def _stack_buffer(typingctx: Any, like: Any, size: Any) -> Any:
    """An uninitialised buffer of `size` bytes, a constant, on the stack of the function.

    It has the dtype of `like`, begins with a cache line, and lives until the function returns.
    """
    if not isinstance(size, types.IntegerLiteral):
        return None

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = cgutils.alloca_once(builder, ir.IntType(8), size=size.literal_value)
        place.align = 64
        count = cgutils.intp_t(size.literal_value // bytes_of_item(like))
        return vector_at(context, builder, like, place, count)

    return like(like, size), build


def _bytes_of(typingctx: Any, buffer: Any) -> Any:
    """The memory of the 1-D `buffer` as an array of uint8, from where it begins; see `window`."""
    memory = types.Array(types.uint8, 1, "C")

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = data_of(context, builder, buffer, arguments[0])
        item = cgutils.intp_t(bytes_of_item(buffer))
        size = builder.mul(size_of(context, builder, buffer, arguments[0]), item)
        return vector_at(context, builder, memory, builder.bitcast(data, cgutils.voidptr_t), size)

    return memory(buffer), build


# The names that kernels call, with the types that they see.
window: Callable[[Vector, int, int], Vector] = intrinsic(_window)
part: Callable[[Vector, int, int], Vector] = intrinsic(_part)
bytes_of: Callable[[Vector], Vector] = intrinsic(_bytes_of)
values_at: Callable[[Vector, int, int], Vector] = intrinsic(_values_at)
indices_at: Callable[[int, int], Vector] = intrinsic(_indices_at)
ask_for: Callable[[Vector, int], None] = intrinsic(_asks(early=False))
ask_early: Callable[[Vector, int], None] = intrinsic(_asks(early=True))
stack_buffer: Callable[[Vector, int], Vector] = intrinsic(prefer_literal=True)(_stack_buffer)


@kernel
def copy(target: Vector, source: Vector) -> None:
    """target ← source, as far as target goes (an empty one is not wanted)."""
    for k in range(target.size):
        target[k] = source[k]
