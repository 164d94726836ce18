"""Machine code that an installed package brings along, for the usual levels of x86-64.

A fresh install then trains its first network with nothing compiled. The files are those of `cache`,
made for a level in the place of one processor, and lie beside the sources in
``machine_code/DIGEST/LEVEL``. They are as trusted as the sources: who can write one can write the
other. A file counts only for the very sources, Numba, llvmlite and Python that its folder's name is
the digest of, and if its own digest fits. Whatever is missing is compiled as usual.

``NNLIB_MACHINE_CODE=0`` leaves it alone. Code of a level and code compiled for one processor may
round differently; of a function there is one or the other, whatever calls it. The user's own file
comes first: what was compiled here stays in use.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

from numba import config

from .internals import binding

_V2 = ("cx16", "popcnt", "sahf", "sse3", "sse4.1", "sse4.2", "ssse3")
_V3 = (*_V2, "avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe")
_V4 = (*_V3, "avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl")
# Of each level what a processor must know, by LLVM's names, the highest level first.
LEVELS = {"x86-64-v4": _V4, "x86-64-v3": _V3}
FOLDER = Path(__file__).parents[1] / "machine_code"


def feature_text(level: str) -> str:
    """The features of a level as Numba and LLVM write them."""
    return ",".join(f"+{name}" for name in LEVELS[level])


def levels_here() -> list[str]:
    """The levels whose code runs on this processor, the highest first."""
    if sys.platform != "linux" or platform.machine().lower() not in ("x86_64", "amd64"):
        return []
    features = binding.get_host_cpu_features()
    return [level for level, names in LEVELS.items() if all(features.get(name) for name in names)]


def is_wanted() -> bool:
    """Whether code of a level may be used: not if the user has chosen another processor."""
    asked = os.environ.get("NNLIB_MACHINE_CODE", "1")
    if asked not in ("0", "1"):
        raise ValueError(f"NNLIB_MACHINE_CODE is {asked!r}, wanted 0 or 1")
    as_it_is = config.CPU_NAME is None and config.CPU_FEATURES is None
    return asked == "1" and as_it_is and bool(config.ENABLE_AVX)


class Level:
    """Stands for the code generator of a level, where a file's name is made."""

    def __init__(self, name: str, triple: str) -> None:
        self._magic = triple, name, feature_text(name)

    def magic_tuple(self) -> tuple[Any, ...]:
        """What Numba takes to tell processors apart."""
        return self._magic


def shipped_folder(digest: str) -> tuple[Path, str] | None:
    """The folder for this processor and its level; None if the package has none that fits."""
    if not is_wanted() or not (FOLDER / digest).is_dir():
        return None
    for level in levels_here():
        if (FOLDER / digest / level).is_dir():
            return FOLDER / digest / level, level
    return None
