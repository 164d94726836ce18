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

The cache folder carries a digest of all kernel sources. Numba compares only the time stamp of
the file that holds the cached function, so without the digest an edit in one kernel file would
leave its callers in other files running the old code.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numba
import numpy as np
from numba import config, njit, types
from numba.extending import overload
from numpy.typing import NDArray

from .compiler import CalledKernelCompiler, EntryCompiler, KernelCompiler

Function = TypeVar("Function", bound=Callable[..., Any])

# What kernels take: one-dimensional C-contiguous arrays of one floating dtype.
Vector: TypeAlias = NDArray[Any]
# A scalar of the same dtype.
Scalar: TypeAlias = Any

# "nnan" and "ninf" are left out on purpose: with them LLVM may delete the divergence checks. Even
# without them, "reassoc" turns x − x into 0 for a sum x, which is how `math.isfinite` tests; so
# finiteness is tested as |x| < ∞.
_REORDERED = {"nsz", "arcp", "contract", "afn", "reassoc"}
_IN_ORDER = {"contract"}


def sources_digest() -> str:
    """Digest of all kernel sources and of what else decides the machine code."""
    digest = hashlib.sha256()
    digest.update(f"{numba.__version__} {platform.python_version()}".encode())
    folder = Path(__file__).parent
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _user_cache_folder() -> Path:
    """The user's own cache folder, as the platform names it."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def cache_folder() -> str | None:
    """First writable folder for compiled kernels, or None where there is none.

    In this order: ``NUMBA_CACHE_DIR``, ``__pycache__`` beside the kernels, the user's cache folder.
    """
    places = [Path(__file__).parent / "__pycache__"]
    try:
        places.append(_user_cache_folder() / "nnlib")
        if config.CACHE_DIR:
            places = [Path(config.CACHE_DIR)]
        name = f"nnlib-{sources_digest()}"
    except (OSError, RuntimeError):  # sources inside an archive, or no home folder
        return None
    return next((str(place / name) for place in places if _is_writable(place / name)), None)


CACHE_FOLDER = cache_folder()


# Without reference counts ("_nrt"): kernels allocate nothing and windows own nothing, and the
# atomic increments took 0.4 of the exercise's 0.7 µs per epoch.
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True, "_nrt": False}


def entry(function: Function) -> Function:
    """Compile a function that Python calls; keep the machine code on disk where possible."""
    options = {"fastmath": _IN_ORDER, "pipeline_class": EntryCompiler, **_OPTIONS}
    if CACHE_FOLDER is None:
        return njit(**options)(function)
    # Numba reads the folder from its configuration, once, when the function is decorated.
    before = config.CACHE_DIR
    config.CACHE_DIR = CACHE_FOLDER
    try:
        return njit(cache=True, **options)(function)
    finally:
        config.CACHE_DIR = before


def kernel(function: Function) -> Function:
    """Compile a loop that only compiled code calls."""
    options = {"fastmath": _REORDERED, "forceinline": True, "pipeline_class": KernelCompiler}
    return njit(**options, **_OPTIONS)(function)


def routine(function: Function) -> Function:
    """Compile a kernel that is called, not inlined: one with many loops and many constants.

    In a function of its own LLVM keeps the constants in registers: activations take 5 % less time,
    and a driver with everything 1 s of 10 less to compile.
    """
    # Without its own value Numba takes the caller's.
    inlining = {"forceinline": False, "pipeline_class": CalledKernelCompiler}
    return njit(fastmath=_REORDERED, **inlining, **_OPTIONS)(function)


def elementwise(function: Function) -> Function:
    """Compile a loop whose elements are computed alone, their operations in the order written.

    Then every element has the same bits in a vector, in the rest of a vector, and in any part of
    the array that a thread may get.
    """
    options = {"fastmath": _IN_ORDER, "forceinline": True, "pipeline_class": KernelCompiler}
    return njit(**options, **_OPTIONS)(function)


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

    overload(
        chosen, jit_options={"forceinline": True, "pipeline_class": KernelCompiler}, strict=False
    )(choose)
    chosen.by_dtype = float32, float64  # type: ignore[attr-defined]  # for the CUDA twin
    return chosen
