"""What pytest-benchmark's JSON says about each row."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple


class Measurement(NamedTuple):
    """One row of the table, timed.

    Attributes
    ----------
    seconds
        Median time of one unit of work.
    spread
        Distance between the quartiles, as a part of the median.
    gflops
        Rate of the matrix products in 1e9 operations a second, where the workload counts them.
    """

    seconds: float
    spread: float
    gflops: float | None


@dataclass(frozen=True)
class Session:
    """One run of the suite: its rows by (workload, implementation), and where it ran."""

    rows: dict[tuple[str, str], Measurement]
    machine: dict[str, Any]

    def ratio(self, row: tuple[str, str], other: tuple[str, str]) -> float | None:
        """Time of a row in units of another's; None if one of them was not measured."""
        if row not in self.rows or other not in self.rows:
            return None
        return self.rows[row].seconds / self.rows[other].seconds

    def rate_ratio(self, row: tuple[str, str], other: tuple[str, str]) -> float | None:
        """Rate of a row in units of another's; None if one of them was not measured."""
        rates = [self.rows[key].gflops for key in (row, other) if key in self.rows]
        if len(rates) < 2 or rates[0] is None or rates[1] is None:
            return None
        return rates[0] / rates[1]

    def seconds(self, row: tuple[str, str]) -> float | None:
        """Time of a row; None if it was not measured."""
        return self.rows[row].seconds if row in self.rows else None


def load(path: Path) -> Session:
    """Read the JSON that ``pytest bench --benchmark-json`` wrote."""
    document = json.loads(path.read_text(encoding="utf-8"))
    infos = [benchmark["extra_info"] for benchmark in document["benchmarks"]]
    rows = {
        (info["workload"], info["implementation"]): Measurement(
            info["seconds"], info["spread"], info["gflops"]
        )
        for info in infos
    }
    machine = dict(document["machine_info"]["bench"])
    machine["processor"] = document["machine_info"]["cpu"]["brand_raw"]
    return Session(rows, machine)
