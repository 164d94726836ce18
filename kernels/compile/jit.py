"""The decorators that compile every kernel; no other file names Numba's options.

Five kinds of function exist:

``entry``
    Called from Python, kept in the on-disk cache; nothing of its own is reordered.
``kernel``
    A loop called from compiled code only. Its sums may be reordered, so that they vectorise
    (a sum of float64 takes 0.82 ns an element in order, 0.04 ns in eight lanes).
``routine``
    A kernel that is called instead of inlined, see there.
``elementwise``
    A loop over elements that are computed alone: nothing is reordered, see there.
``formula``
    A scalar formula, inlined into the loops that use it. Its operations stay in the order
    written: the argument reductions of `elementary` rely on that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias, TypeVar

import numpy as np
from numba import njit, types
from numba.extending import overload
from numpy.typing import NDArray

from . import cache
from .collector import without_collector
from .duration import counted
from .internals import PLAIN, keep_code_in, of_any_value, wrap_compilation
from .interrupts import uninterrupted

Function = TypeVar("Function", bound=Callable[..., Any])

# What kernels take: one-dimensional C-contiguous arrays of one floating dtype.
Vector: TypeAlias = NDArray[Any]
# The same of int64, float64 and uint64, whatever the network's dtype.
Integers: TypeAlias = Annotated[NDArray[np.int64], "integers"]
Doubles: TypeAlias = Annotated[NDArray[np.float64], "doubles"]
Words: TypeAlias = Annotated[NDArray[np.uint64], "words"]
# A scalar of the network's dtype.
Scalar: TypeAlias = Any
# 64 random bits, a uint64.
Key: TypeAlias = Annotated[Any, "key"]

# "nnan" and "ninf" are left out on purpose: with them LLVM may delete the divergence checks. Even
# without them, "reassoc" turns x − x into 0 for a sum x, which is how `math.isfinite` tests; so
# finiteness is tested as |x| < ∞.
_REORDERED = {"nsz", "arcp", "contract", "afn", "reassoc"}
_IN_ORDER = {"contract"}


# Without reference counts ("_nrt"): kernels allocate nothing and windows own nothing, and the
# atomic increments took 0.4 of the exercise's 0.7 µs per epoch.
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True, "_nrt": False}


# The option that names the compiler: our own, or in plain mode none, see `internals`.
_BY_ENTRY: dict[str, Any] = {}
_BY_KERNEL: dict[str, Any] = {}
_BY_CALLED_KERNEL: dict[str, Any] = {}
if not PLAIN:
    from .compiler import CalledKernelCompiler, EntryCompiler, KernelCompiler

    _BY_ENTRY["pipeline_class"] = EntryCompiler
    _BY_KERNEL["pipeline_class"] = KernelCompiler
    _BY_CALLED_KERNEL["pipeline_class"] = CalledKernelCompiler


def entry(function: Function, by_address: bool = False) -> Function:
    """Compile a function that Python calls; keep the machine code on disk where possible.

    by_address says that compiled code alone calls it: Python must not.
    """
    # Without a wrapper for C, which nobody calls: a twelfth of the time of a first descent. A
    # wrapper for Python is another function in LLVM, which takes each argument from its object.
    wrappers = {"no_cfunc_wrapper": True, "no_cpython_wrapper": by_address}
    options = {"fastmath": _IN_ORDER, **wrappers, **_BY_ENTRY}
    dispatcher: Any = njit(**options, **_OPTIONS)(function)
    wrap_compilation(dispatcher, lambda own: counted(uninterrupted(without_collector(own))))
    if cache.FOLDER is not None or cache.SHIPPED is not None:
        keep_code_in(dispatcher, cache.KeptEntry(function, cache.FOLDER))
    return dispatcher


def kernel(function: Function) -> Function:
    """Compile a loop that only compiled code calls."""
    options = {"fastmath": _REORDERED, "forceinline": True, **_BY_KERNEL}
    return of_any_value(njit(**options, **_OPTIONS)(function))


def routine(function: Function) -> Function:
    """Compile a kernel that is called, not inlined: one with many loops and many constants.

    In a function of its own LLVM keeps the constants in registers: activations take 5 % less time,
    and a driver with everything 1 s of 10 less to compile.
    """
    # Without its own value Numba takes the caller's.
    inlining = {"forceinline": False, **_BY_CALLED_KERNEL}
    return njit(fastmath=_REORDERED, **inlining, **_OPTIONS)(function)


def elementwise(function: Function) -> Function:
    """Compile a loop whose elements are computed alone, their operations in the order written.

    Then every element has the same bits in a vector, in the rest of a vector, and in any part of
    the array that a thread may get.
    """
    options = {"fastmath": _IN_ORDER, "forceinline": True, **_BY_KERNEL}
    return of_any_value(njit(**options, **_OPTIONS)(function))


formula = elementwise  # a scalar formula, inlined into the loop that uses it


def by_dtype(float32: Callable[..., Any], float64: Callable[..., Any]) -> Callable[..., Any]:
    """One name for a formula that is written once per dtype; the choice costs nothing at run time.

    Both functions take the scalar whose dtype decides as first argument.
    """

    def chosen(x: Any, *rest: Any) -> Any:
        return (float32 if isinstance(x, np.float32) else float64)(x, *rest)

    def choose(x: Any, *rest: Any) -> Any:
        implementation = float32 if x == types.float32 else float64
        return lambda x, *rest: implementation(x, *rest)

    overload(chosen, jit_options={"forceinline": True, **_BY_KERNEL}, strict=False)(choose)
    chosen.by_dtype = float32, float64  # type: ignore[attr-defined]  # for the CUDA twin
    return chosen
