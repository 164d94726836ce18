"""Machine code for a wheel: all kernels compiled for each level of x86-64, beside the sources.

Each level is compiled by a process of its own, which must run what it compiles: the machine needs
AVX-512 for the highest one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..kernels.compile import shipped
from ..kernels.compile.cache import sources_digest
from ..kernels.compile.internals import PLAIN

_WARM_UP = "import sys; from nnlib.commands.warm_up import warm_up; warm_up(sys.argv[1:])"


def make_machine_code(
    folder: Path = shipped.FOLDER,
    levels: Sequence[str] | None = None,
    dtypes: Sequence[str] = ("float64", "float32"),
    report: Callable[[str, int], Any] | None = None,
) -> None:
    """Compile all kernels for the levels, in the place of what was there.

    Parameters
    ----------
    folder : Path
        Where the folders of the digest and of the levels go.
    levels : sequence of str or None
        Of `kernels.compile.shipped.LEVELS`; None: those that this processor knows.
    dtypes : sequence of str
        As for `warm_up`.
    report : callable or None
        Called after every level with its name and the bytes of its files.

    Raises
    ------
    ValueError
        For a level that this processor does not know, before anything is compiled.
    CalledProcessError, RuntimeError
        If a level cannot be compiled, as none can be in plain mode.
    """
    known = shipped.levels_here()
    chosen = known if levels is None else list(levels)
    for level in chosen:
        if level not in known:
            raise ValueError(f"level is {level!r}, wanted one that this processor knows: {known}")
    if PLAIN:  # this process has another digest than those that compile
        raise RuntimeError(
            "machine code is made by nnlib's own compiler, and this is plain mode: wanted a tested "
            "version of numba, and no NNLIB_PLAIN=1"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside its place: what fails or is interrupted leaves what was there.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="machine-code-") as made:
        for level in chosen:
            target = Path(made) / sources_digest() / level
            target.mkdir(parents=True)
            _compile_level(level, dtypes, target)
            if report is not None:
                report(level, sum(file.stat().st_size for file in target.iterdir()))
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(made, folder)


def _compile_level(level: str, dtypes: Sequence[str], target: Path) -> None:
    """Let a process of its own compile for the level, and copy its files."""
    # No setting of Numba's that the user has made shapes the code of others. Intel's library of
    # vector functions may be here and not there.
    surroundings = {name: value for name, value in os.environ.items() if name[:6] != "NUMBA_"}
    with tempfile.TemporaryDirectory() as cache:
        surroundings |= {
            "NUMBA_CACHE_DIR": cache,
            "NUMBA_CPU_NAME": level,
            "NUMBA_CPU_FEATURES": shipped.feature_text(level),
            "NUMBA_DISABLE_INTEL_SVML": "1",
            "NNLIB_PLAIN": "0",
        }
        subprocess.run([sys.executable, "-c", _WARM_UP, *dtypes], check=True, env=surroundings)
        files = list((Path(cache) / f"nnlib-{sources_digest()}").glob("*.code"))
        if not files:
            raise RuntimeError(
                "another nnlib than this one was compiled: start from a folder that has none"
            )
        for file in files:
            shutil.copyfile(file, target / file.name)
