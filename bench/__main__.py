"""Measure everything, write the report, refresh the page: ``python -m bench``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from .measure.environment import without_tuning
from .measure.measurement import load
from .measure.processor import record_name
from .report import pages

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "speed.md"
SELECTION = ROOT / ".benchmarks" / "selection.json"
# The table first: what is compiled is then seen in its rows.
SUITE = ("test_speed.py", "test_scaling.py", "test_reaching.py")
# What pytest returns where no test is selected.
NOTHING_SELECTED = 5
# Where compilers keep their results: all begin with nothing, so that *once* is what it says.
CACHE_VARIABLES = ("NUMBA_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR")


def main() -> int:
    """Run the suite in a process of its own, then the report."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "-k",
        default="",
        metavar="EXPRESSION",
        help="only these rows, as pytest selects them: their tables are printed, nothing else",
    )
    parser.add_argument("--json", type=Path, help="where the record goes (one for each processor)")
    parser.add_argument("--page", type=Path, default=PAGE, help="file with the table")
    options = parser.parse_args()
    # pytest runs in another folder.
    record = (options.json or (SELECTION if options.k else own_record())).resolve()
    record.parent.mkdir(parents=True, exist_ok=True)
    status = measure(record, options.k)
    if status == NOTHING_SELECTED:
        print(
            f"-k is {options.k!r}, which selects none of the rows: {rows_text()}", file=sys.stderr
        )
    if status:
        return status
    if options.k:
        print(pages.some_tables(load(record)))
    else:
        text = record.with_name("REPORT.md")
        beside = [str(path) for path in other_records(pages.FOLDER, record)]
        pages.main([str(record), "--report", str(text), "--page", str(options.page),
                     "--beside", *beside])  # fmt: skip
    return 0


def rows_text() -> str:
    """The names of all workloads."""
    from .rows.workloads import ROWS  # here: it imports every peer

    return ", ".join(dict.fromkeys(workload.name for workload, _ in ROWS))


def own_record() -> Path:
    """The record of this machine's processor."""
    from cpuinfo import get_cpu_info  # type: ignore[import-untyped]

    return pages.FOLDER / record_name(get_cpu_info())


def other_records(folder: Path, record: Path) -> list[Path]:
    """The records of other processors."""
    return [path for path in sorted(folder.glob("record-*.json")) if path.name != record.name]


def measure(record: Path, selection: str) -> int:
    """Run pytest-benchmark; its exit status. A whole run compiles everything anew."""
    files = [str(ROOT / "bench" / "measure" / name) for name in SUITE]
    command = [sys.executable, "-m", "pytest", *files, "-q", "-rs"]
    command += ["--benchmark-enable", "--benchmark-quiet"]
    # Where no row is selected it warns, which is an error here; `main` has a message of its own.
    command += ["-W", "ignore:Not saving anything:pytest_benchmark.logger.PytestBenchmarkWarning"]
    command += [f"--benchmark-json={record}", "-k", selection]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as caches:
        environment = without_tuning(os.environ)
        if not selection:
            environment |= {name: f"{caches}/{name}" for name in CACHE_VARIABLES}
        return subprocess.run(command, cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    raise SystemExit(main())
