"""The forms of a row: all are checked, then raced against each other, and the fastest is measured.

Which form of a program is fastest depends on the processor, and nobody's guess is fair to a peer.
The race is short and interleaved: every form has its turn in every round, and its least time
counts, since other work on the machine only adds time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..problems.workload import Run, UnavailableError, Workload
from .timing import count_for, timed

# Rounds of a race; a form that takes this many times as long as the best so far has no further one.
ROUNDS, HOPELESS = 7, 1.5


class Candidate(NamedTuple):
    """A form that is ready and gives the right result.

    Attributes
    ----------
    form
        Its name in the implementation.
    run
        The work.
    first_result
        Seconds from nothing to the result after the workload's `check_count`.
    """

    form: str
    run: Run
    first_result: float


def usual(workload: Workload, name: str) -> Candidate:
    """The form that a row without a race runs; raises `UnavailableError`."""
    return _candidate(workload, name, workload.implementations[name].usual)


def candidates(workload: Workload, name: str) -> list[Candidate]:
    """All forms of a row that can run here.

    Raises
    ------
    UnavailableError
        If none can; the reason is the first form's.
    AssertionError
        If one gives another result than the workload's reference.
    """
    found, reasons = [], []
    for form in workload.implementations[name].forms:
        try:
            found.append(_candidate(workload, name, form))
        except UnavailableError as reason:
            reasons.append(reason)
    if not found:
        raise reasons[0]
    return found


def race(entered: Sequence[Candidate], least_count: int) -> dict[str, float]:
    """Least seconds of one count of each form, the fastest first."""
    if len(entered) == 1:
        return {entered[0].form: math.nan}  # nothing to decide
    counts = {candidate.form: count_for(candidate.run, least_count)[0] for candidate in entered}
    best = {candidate.form: math.inf for candidate in entered}
    for _ in range(ROUNDS):
        for candidate in _hopeful(entered, best):
            count = counts[candidate.form]
            seconds = timed(candidate.run, count)[1] / count
            best[candidate.form] = min(best[candidate.form], seconds)
    return dict(sorted(best.items(), key=lambda item: item[1]))


def _hopeful(entered: Sequence[Candidate], best: dict[str, float]) -> Iterator[Candidate]:
    """Those that have not run yet, or might still be the fastest."""
    bound = HOPELESS * min(best.values())
    return (each for each in entered if best[each.form] <= bound or best[each.form] == math.inf)


def _candidate(workload: Workload, name: str, form: str) -> Candidate:
    begin = time.perf_counter()
    run = workload.prepare(name, form)
    result = run(workload.check_count)
    first_result = time.perf_counter() - begin
    workload.check(name, result)
    return Candidate(form, run, first_result)
