"""The tests of a file, run for a processor with shorter vectors than this one's."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import llvmlite.binding
import pytest

names_x86 = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="names x86 processors"
)


def assert_passes(file, tests, name, features, cache):
    """Run those tests of the file in a process of its own, for that processor of LLVM's."""
    host = llvmlite.binding.get_host_cpu_features()
    if not all(host.get(feature[1:]) for feature in features.split(",")):
        pytest.skip(f"this processor lacks one of {features}")
    environment = {
        **os.environ,
        "NUMBA_CPU_NAME": name,
        "NUMBA_CPU_FEATURES": features,
        "NUMBA_CACHE_DIR": str(cache),
    }
    arguments = ["-q", "-p", "no:cacheprovider", file, "-k", tests]
    child = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments], env=environment,
        cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert child.returncode == 0, child.stdout[-3000:]
    assert "passed" in child.stdout
