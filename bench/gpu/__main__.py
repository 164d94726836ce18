"""``python -m bench.gpu``: check and measure a GPU; --sanitize: NVIDIA's memory and race checks.

Writes bench/results/gpu-NAME.json and .md, after every job anew. --tiny does the same at sizes for
Numba's simulator, where nothing is timed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nnlib.machine.device import chosen_device

from . import jobs, machine, report, sanitize
from .measure.rows import FAILED, Row

RESULTS = Path(__file__).parents[1] / "results"
BUDGET = 540.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all jobs; 1 if a kernel is wrong or a job failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("--budget", type=float, default=BUDGET, help="seconds, %(default)g")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the results")
    parser.add_argument("--only", help="jobs whose names contain this")
    parser.add_argument("--tiny", action="store_true", help="sizes for the simulator")
    parser.add_argument("--sanitize", action="store_true", help="compute-sanitizer over the tests")
    given = parser.parse_args(arguments)
    chosen_device("cuda")
    if given.sanitize:
        return sanitize.run(given.results, given.budget)
    chosen = [job for job in jobs.JOBS if given.only is None or given.only in job.name]
    facts, begin = machine.facts(), time.monotonic()

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def write(rows: Sequence[Row]) -> None:
            facts["seconds"] = time.monotonic() - begin
            _write(given.results, {**facts, "logs": jobs.logs(folder)}, rows)

        rows = jobs.run(chosen, folder, given.budget, given.tiny, write)
    print(report.markdown(facts, rows))
    return int(any(row.status == FAILED for row in rows))


def _write(folder: Path, facts: dict[str, Any], rows: Sequence[Row]) -> None:
    """The numbers as JSON and the table as Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"gpu-{machine.file_name(facts['gpu'])}"
    document = {**facts, "rows": [asdict(row) for row in rows]}
    text = json.dumps(document, indent=1, ensure_ascii=False)
    path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(report.markdown(facts, rows), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
