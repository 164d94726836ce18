"""Times every row of `bench.rows.reaching`: first the number of epochs it needs, then the clock."""

from __future__ import annotations

import statistics
import time
from typing import Any

import pytest

from ..problems.workload import UnavailableError
from ..programs.threads import on_threads
from ..rows.reaching import DTYPE, Row, reach, rows
from .measurement import spread

# At most so many rounds, and no more than fit into this time but for the least number.
MOST_ROUNDS, LEAST_ROUNDS, MOST_SECONDS = 15, 3, 3.0


@pytest.mark.parametrize("row", list(rows()), ids=str)
def test_reaching(benchmark: Any, row: Row) -> None:
    """One row; ``--benchmark-disable`` runs one epoch of it."""
    problem = row.problem
    try:
        run = on_threads(1, row.prepare)(problem, DTYPE)
    except UnavailableError as reason:
        pytest.skip(str(reason))
    benchmark.group = row.real.name
    if not benchmark.enabled:
        benchmark.pedantic(run, args=(1,))
        return
    found = reach(problem, row.real.target, run)
    begin = time.perf_counter()
    run(found.epochs)
    rounds = MOST_SECONDS / (time.perf_counter() - begin)
    rounds = min(MOST_ROUNDS, max(LEAST_ROUNDS, int(rounds))) if found.reached else 1
    benchmark.pedantic(run, args=(found.epochs,), rounds=rounds)
    seconds = benchmark.stats.stats.data
    benchmark.extra_info.update(
        workload=row.real.name,
        implementation=row.name,
        dtype=DTYPE,
        target=row.real.target,
        learning_rate=problem.learning_rate,
        batch_size=problem.batch_size,
        seconds=statistics.median(seconds),
        spread=spread(seconds),
        **found._asdict(),
    )
