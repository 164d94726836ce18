"""Threads that sleep till a number changes: the system's own wait on an address.

A thread that waits in a loop keeps its processor from whoever could use it, and the system takes
it for busy: beside one other process a team whose members waited so took three times as long as
one thread. A thread that sleeps is woken on whatever processor is free.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from typing import Any

from numba import types
from numba.extending import intrinsic

from ..compile.internals import binding, cgutils, ir
from ..compile.jit import Vector
from .atomic import place_of

# How many may be woken at once, for `wake`: all.
ALL = 2**31 - 1

_INT32, _INT64 = ir.IntType(32), ir.IntType(64)
# Linux: number of the system call futex. Its operations are for threads of one process.
_FUTEX = {"x86_64": 202, "aarch64": 98}
_FUTEX_WAIT, _FUTEX_WAKE = 128, 129
# Windows.
_FOREVER = 2**32 - 1
# Where there is neither, a sleeper looks again after so many microseconds.
_DOZE = 50


def system_wait() -> str:
    """How threads sleep here: "futex", "address" (Windows) or "doze", with no word from others."""
    machine = platform.machine().lower()
    if sys.platform == "linux" and machine in _FUTEX and sys.byteorder == "little":
        return "futex"
    if sys.platform == "win32" and binding.address_of_symbol("WaitOnAddress"):
        return "address"
    return "doze"


_WAIT = system_wait()


def _call(builder: Any, name: str, result: Any, operands: list[Any], variadic: bool = False) -> Any:
    """A call of the system's function of that name."""
    named = [] if variadic else [operand.type for operand in operands]
    if variadic:
        named = [operands[0].type]
    kind = ir.FunctionType(result, named, var_arg=variadic)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), operands)


def _futex(builder: Any, place: Any, operation: int, number: Any) -> None:
    """Of the int64 at place the kernel compares the lower half, which comes first."""
    nothing = ir.Constant(_INT64, 0)
    operands = [
        ir.Constant(_INT64, _FUTEX[platform.machine().lower()]),
        builder.ptrtoint(place, _INT64),
        ir.Constant(_INT64, operation),
        builder.and_(number, ir.Constant(_INT64, 2**32 - 1)),
        nothing,
        nothing,
        nothing,
    ]
    _call(builder, "syscall", _INT64, operands, variadic=True)


def _sleep(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
    """Sleep while array[index] is value, till `wake`; may return at any time, so look again."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = place_of(context, builder, array, *arguments[:2])
        if _WAIT == "futex":
            _futex(builder, place, _FUTEX_WAIT, arguments[2])
        elif _WAIT == "address":
            expected = cgutils.alloca_once_value(builder, arguments[2])
            size, forever = ir.Constant(_INT64, 8), ir.Constant(_INT32, _FOREVER)
            _call(builder, "WaitOnAddress", _INT32, [place, expected, size, forever])
        elif sys.platform == "win32":
            _call(builder, "SwitchToThread", _INT32, [])
        else:
            _call(builder, "usleep", _INT32, [ir.Constant(_INT32, _DOZE)])
        return context.get_dummy_value()

    return types.void(array, types.intp, types.int64), build


def _wake(typingctx: Any, array: Any, index: Any, count: Any) -> Any:
    """Wake so many of those that sleep on array[index], which has been changed before."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = place_of(context, builder, array, *arguments[:2])
        if _WAIT == "futex":
            _futex(builder, place, _FUTEX_WAKE, arguments[2])
        elif _WAIT == "address":
            _call(builder, "WakeByAddressAll", ir.VoidType(), [place])
        return context.get_dummy_value()

    return types.void(array, types.intp, types.int64), build


sleep_while: Callable[[Vector, int, int], None] = intrinsic(_sleep)
wake: Callable[[Vector, int, int], None] = intrinsic(_wake)
