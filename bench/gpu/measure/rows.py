"""One line of the table, as the jobs' processes write it and the report reads it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

MEASURED, CHECKED, FAILED, SKIPPED = "measured", "checked", "failed", "not measured"


@dataclass(frozen=True)
class Row:
    """What was done, by whom, and what came of it.

    Attributes
    ----------
    section, workload, program
        Where it stands: a section of the report, what is computed, by whom.
    status
        `MEASURED`, `CHECKED` (compared and not timed), `FAILED` or `SKIPPED`.
    rate, unit
        How much of what in a second of the GPU; None where it was not measured.
    whole
        The rate with all that repeats: transfers and the host's work between launches.
    once
        Seconds that a call takes before and after: allocation, transfers, the host's preparations.
    spread
        Distance between the quartiles of the rounds, as a part of the median.
    flops, bytes
        In a second, of the matrix products, and of what must at least be moved.
    error, limit
        Distance from float64 on the processor, as a part of the way that the parameters went, and
        the largest that was allowed.
    message
        Why it failed, or was not measured.
    """

    section: str
    workload: str
    program: str
    status: str = MEASURED
    rate: float | None = None
    unit: str = ""
    whole: float | None = None
    once: float | None = None
    spread: float | None = None
    flops: float | None = None
    bytes: float | None = None
    error: float | None = None
    limit: float | None = None
    message: str = ""


def append(path: Path, row: Row) -> None:
    """Add a row to a file: what is written there survives the process."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(row)) + "\n")


def read(path: Path) -> list[Row]:
    """The rows of a file, none if it is not there."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Row(**json.loads(line)) for line in lines]
