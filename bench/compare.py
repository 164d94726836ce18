"""Is nnlib slower than it was? ``python -m bench.compare OLD.json NEW.json``

Compares what part of its limit each of nnlib's rows reaches: the time of the C program, or the rate
of one large matrix product, both from the same run as the row. Such a ratio is the same on a busy
day; an absolute time is not. Exit status 0: no row is worse by more than 10 %; 1: some are, or are
missing; 2: the records cannot be compared.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from .measure.measurement import RecordError, Session, load
from .report.tables import limit_fraction, percent

# A row may take so many times as much of its limit's time before it is called worse.
TOLERATED = 1.10


class Change(NamedTuple):
    """One of nnlib's rows, as a part of its limit, in both records; None where it is not there."""

    workload: str
    row: str
    old: float | None
    new: float | None

    def __str__(self) -> str:
        name = f"{self.workload}: {self.row}"
        if self.old is None or self.new is None:
            return f"{name}: {percent(self.old)} → {percent(self.new)} of its limit"
        return (
            f"{name}: {percent(self.old)} → {percent(self.new)} of its limit, "
            f"{self.old / self.new:.2f} × the time"
        )

    @property
    def worse(self) -> bool:
        """Whether it is slower by more than what is tolerated."""
        return self.old is not None and self.new is not None and self.old / self.new > TOLERATED

    @property
    def gone(self) -> bool:
        """Whether only the old record has it."""
        return self.old is not None and self.new is None


def changes(old: Session, new: Session) -> list[Change]:
    """nnlib's rows of both records that have a limit, in the old record's order."""
    keys = dict.fromkeys(key for key in (*old.rows, *new.rows) if key[1].startswith("nnlib"))
    found = [Change(*key, limit_fraction(old, *key), limit_fraction(new, *key)) for key in keys]
    return [change for change in found if (change.old, change.new) != (None, None)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print every row and the verdict; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("old", type=Path, metavar="OLD.json")
    parser.add_argument("new", type=Path, metavar="NEW.json")
    parser.add_argument("--part", action="store_true", help="NEW has some of the rows only")
    parser.add_argument(
        "--other-machine", action="store_true", help="compare machines all the same"
    )
    options = parser.parse_args(arguments)
    try:
        old, new = load(options.old), load(options.new)
    except RecordError as error:
        return _refuse(str(error))
    machines = [f"{each.machine['processor']}, {each.machine['threads']} processors"
                for each in (old, new)]  # fmt: skip
    if machines[0] != machines[1] and not options.other_machine:
        return _refuse(
            f"{options.old} was measured on {machines[0]}, {options.new} on {machines[1]}: their "
            "ratios differ for reasons of their own; --other-machine compares them all the same"
        )
    found = changes(old, new)
    if not any(change.old is not None and change.new is not None for change in found):
        return _refuse("the records have no row of nnlib in common that has a limit")
    return _judge(found, options.part)


def _judge(found: list[Change], part: bool) -> int:
    """Print the changes; 1 if some row is worse, or gone where all are wanted."""
    bad = 0
    for change in found:
        verdict = "worse" if change.worse else "ok"
        if change.gone:
            verdict = "not measured" if part else "missing"
        elif change.old is None:
            verdict = "new"
        bad += verdict in ("worse", "missing")
        print(f"{verdict:12} {change}")
    print(f"{bad} of {len(found)} rows are worse by more than {TOLERATED - 1:.0%}, or missing")
    return 1 if bad else 0


def _refuse(reason: str) -> int:
    print(f"error: {reason}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    raise SystemExit(main())
