"""Measure everything and refresh the README's tables and chart: ``python -m bench``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from . import report
from .measurement import load

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
RESULTS = ROOT / ".benchmarks" / "bench.json"
# Every library in the run gets the same number of threads.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NNLIB_THREADS",
)


def main() -> int:
    """Run the suite in a process of its own, then the report."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--threads", type=int, default=1, help="threads of every library (1)")
    parser.add_argument("--readme", type=Path, default=README, help="file with the tables")
    parser.add_argument("--json", type=Path, default=RESULTS, help="where the results go")
    parser.add_argument(
        "-k",
        default="",
        metavar="EXPRESSION",
        help="only these rows, as pytest selects them; the README stays",
    )
    options = parser.parse_args()
    options.json = options.json.resolve()  # pytest runs in another folder
    options.json.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pytest", str(Path(__file__).parent), "-q", "-rs"]
    command += ["--benchmark-enable", f"--benchmark-json={options.json}", "-k", options.k]
    threads = dict.fromkeys(THREAD_VARIABLES, str(options.threads))
    status = subprocess.run(command, cwd=ROOT, env={**os.environ, **threads}).returncode
    if status:
        return status
    if options.k:
        report.print_parts(report.readme_parts(load(options.json)))
    else:
        report.main([str(options.json), "--readme", str(options.readme)])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
