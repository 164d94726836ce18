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


def run(results: Path, budget: float) -> int:
    """Print and keep what the tools find, each in its half of the time.

    Returns 1 if there is anything, if the time was too short, or without compute-sanitizer.
    """
    program = shutil.which("compute-sanitizer")
    if program is None:
        print("compute-sanitizer is not on the PATH; it comes with NVIDIA's CUDA toolkit")
        return 1
    results.mkdir(parents=True, exist_ok=True)
    worst = 0
    for tool in TOOLS:
        log = results / f"sanitizer-{tool}.txt"
        try:
            seconds = budget / len(TOOLS)
            status = subprocess.run(command(program, tool, log), cwd=_ROOT, timeout=seconds)
            ended = f"status {status.returncode}"
            worst = max(worst, int(status.returncode != 0))
        except subprocess.TimeoutExpired:
            ended, worst = f"ended after {seconds:.0f} s", 1
        summary = log.read_text(encoding="utf-8").strip().splitlines() if log.exists() else []
        print(f"{tool}: {ended}; {summary[-1] if summary else 'no report'}; see {log}")
    return worst


def command(program: str, tool: str, log: Path) -> list[str]:
    """The tests under a tool, which ends with status 1 if it found anything."""
    tests = [sys.executable, "-m", "pytest", "-q", "--device", "cuda", TESTS]
    return [
        program, f"--tool={tool}", "--target-processes=all", "--error-exitcode=1",
        f"--log-file={log.resolve()}", *tests,
    ]  # fmt: skip
