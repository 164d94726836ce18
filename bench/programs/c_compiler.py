"""C sources of this folder, compiled with gcc and loaded into this process."""

from __future__ import annotations

import ctypes
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from ..problems.workload import UnavailableError

FLAGS = ("-O3", "-march=native", "-ffast-math")


@functools.cache
def compiled(source: str, flags: tuple[str, ...], libraries: tuple[str, ...] = ("-lm",)) -> Any:
    """The function ``descent`` of a source, from a shared library that is then deleted.

    Raises
    ------
    UnavailableError
        Without gcc, or where it refuses the flags, or has not the headers or libraries.
    """
    gcc = shutil.which("gcc")
    if gcc is None:
        raise UnavailableError("gcc is not on the PATH")
    path = Path(__file__).with_name(source)
    with tempfile.TemporaryDirectory() as folder:
        program, library = f"{folder}/program.o", f"{folder}/program.so"
        _run(gcc, *flags, "-fPIC", "-c", str(path), "-o", program)
        # Linked without -ffast-math: with it gcc adds start-up code that switches the whole
        # process to treating subnormal numbers as 0.
        _run(gcc, "-shared", program, "-o", library, *libraries)
        return ctypes.CDLL(library).descent


def _run(*command: str) -> None:
    completed = subprocess.run(command, capture_output=True, text=True)
    if completed.returncode:
        complaints = completed.stderr.strip().splitlines() or ["it does not say why"]
        reason = next((line for line in complaints if "error" in line), complaints[0])
        raise UnavailableError(f"{command[0]} refuses it: {reason}")
