"""What a measurement depends on: processor, threads, versions, compiler, BLAS."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

from ..programs import blas
from ..programs.c_compiler import FLAGS

_PACKAGES = ("numpy", "scipy", "numba", "llvmlite", "jax", "torch", "scikit-learn")


def machine_facts() -> dict[str, Any]:
    """Facts of this process, for the JSON and the report."""
    return {
        "cores": os.cpu_count(),
        "threads": len(os.sched_getaffinity(0)),
        "blas": blas.LIMIT,
        "blas_kernel": _blas_kernel(),
        "python": platform.python_version(),
        "versions": versions(_PACKAGES),
        "compiler": _compiler(),
    }


def _blas_kernel() -> str | None:
    """The processor for which OpenBLAS takes itself to multiply; None without threadpoolctl."""
    try:
        from threadpoolctl import threadpool_info  # type: ignore[import-untyped]
    except ImportError:
        return None
    kernels = [found["architecture"] for found in threadpool_info() if "architecture" in found]
    return kernels[0] if kernels else None


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Versions of those packages that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _compiler() -> str | None:
    """Version of gcc and the flags of the C program; None without gcc."""
    gcc = shutil.which("gcc")
    if gcc is None:
        return None
    version = subprocess.run([gcc, "-dumpfullversion"], capture_output=True, text=True).stdout
    return f"gcc {version.strip()} {' '.join(FLAGS)}"
