"""A team of threads inside compiled code: who does what, and the barrier where they meet.

Every member runs the same driver on the same arrays and keeps its own copy of the position, so
the only thing shared is the barrier. Members are plain threads that Python starts; no threading
layer of Numba is involved, so nothing aborts when two threads train at once and a forked child
can train too.

Work is cut into chunks whose number does not depend on the size of the team, and sums over chunks
are made in their order: the bits are the same for any number of threads.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

from .jit import Vector, kernel

# Places in the barrier's int64 array, each on a cache line of its own.
ARRIVED, GENERATION = 0, 8
BARRIER_SIZE = 16

# About 20 µs of spinning; longer waits mean that the machine is busy with something else.
_SPINS_BEFORE_YIELD = 2000


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    data = arrayobj.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [index])


def _add(typingctx: Any, array: Any, index: Any, amount: Any) -> Any:
    """array[index] += amount as one operation; returns what was there before."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _pointer(context, builder, array, *arguments[:2])
        return builder.atomic_rmw("add", place, arguments[2], "acq_rel")

    return types.int64(array, types.intp, types.int64), build


def _load(typingctx: Any, array: Any, index: Any) -> Any:
    """array[index] as another thread left it; what it wrote before is visible after."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _pointer(context, builder, array, *arguments)
        return builder.load_atomic(place, "acquire", 8)

    return types.int64(array, types.intp), build


def _store(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
    """array[index] = value, after everything that this thread wrote before."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _pointer(context, builder, array, *arguments[:2])
        builder.store_atomic(arguments[2], place, "release", 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.int64), build


def _yield(typingctx: Any) -> Any:
    """Let another thread have the processor."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        name = "SwitchToThread" if sys.platform == "win32" else "sched_yield"
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.IntType(32), []), name
        )
        builder.call(function, [])
        return context.get_dummy_value()

    return types.void(), build


atomic_add: Callable[[Vector, int, int], int] = intrinsic(_add)
atomic_load: Callable[[Vector, int], int] = intrinsic(_load)
atomic_store: Callable[[Vector, int, int], None] = intrinsic(_store)
yield_processor: Callable[[], None] = intrinsic(_yield)


@kernel
def wait_for_all(barrier: Vector, members: int) -> None:
    """Return when all members have come here.

    barrier is (BARRIER_SIZE,) int64, zero before its first use.
    """
    if members == 1:
        return
    generation = atomic_load(barrier, GENERATION)
    if atomic_add(barrier, ARRIVED, 1) == members - 1:
        atomic_store(barrier, ARRIVED, 0)
        atomic_store(barrier, GENERATION, generation + 1)
        return
    spins = 0
    while atomic_load(barrier, GENERATION) == generation:
        spins += 1
        if spins > _SPINS_BEFORE_YIELD:
            yield_processor()


@kernel
def share(size: int, member: int, members: int) -> tuple[int, int]:
    """First and last-plus-one element of a member's part of a vector.

    Parts begin at multiples of 64 elements, so that every element is computed by the same
    vector instructions whatever the size of the team.
    """
    first = size * member // members // 64 * 64
    last = size if member == members - 1 else size * (member + 1) // members // 64 * 64
    return first, last
