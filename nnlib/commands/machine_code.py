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
    CalledProcessError
        If a level cannot be compiled.
    """
    known = shipped.levels_here()
    chosen = known if levels is None else list(levels)
    for level in chosen:
        if level not in known:
            raise ValueError(f"level is {level!r}, wanted one that this processor knows: {known}")
    shutil.rmtree(folder, ignore_errors=True)
    for level in chosen:
        target = folder / sources_digest() / level
        target.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as cache:
            surroundings = {
                **os.environ,
                "NUMBA_CACHE_DIR": cache,
                "NUMBA_CPU_NAME": level,
                "NUMBA_CPU_FEATURES": shipped.feature_text(level),
            }
            subprocess.run([sys.executable, "-c", _WARM_UP, *dtypes], check=True, env=surroundings)
            for file in Path(cache).rglob("*.code"):
                shutil.copyfile(file, target / file.name)
        if report is not None:
            report(level, sum(file.stat().st_size for file in target.iterdir()))
