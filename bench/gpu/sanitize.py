"""NVIDIA's compute-sanitizer over the CUDA tests: memcheck and racecheck."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

TOOLS = "memcheck", "racecheck"
# Instrumented kernels take a hundred times as long.
TESTS = "tests/cuda"
_ROOT = Path(__file__).parents[2]


def run(results: Path) -> int:
    """Print and keep what the tools find; 1 if there is anything, or no compute-sanitizer."""
    program = shutil.which("compute-sanitizer")
    if program is None:
        print("compute-sanitizer is not on the PATH; it comes with NVIDIA's CUDA toolkit")
        return 1
    results.mkdir(parents=True, exist_ok=True)
    worst = 0
    for tool in TOOLS:
        log = results / f"sanitizer-{tool}.txt"
        status = subprocess.run(command(program, tool, log), cwd=_ROOT).returncode
        summary = log.read_text(encoding="utf-8").strip().splitlines() if log.exists() else []
        print(f"{tool}: status {status}; {summary[-1] if summary else 'no report'}; see {log}")
        worst = max(worst, int(status != 0))
    return worst


def command(program: str, tool: str, log: Path) -> list[str]:
    """The tests under a tool, which ends with status 1 if it found anything."""
    tests = [sys.executable, "-m", "pytest", "-q", "--device", "cuda", TESTS]
    return [
        program, f"--tool={tool}", "--target-processes=all", "--error-exitcode=1",
        f"--log-file={log.resolve()}", *tests,
    ]  # fmt: skip
