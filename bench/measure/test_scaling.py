"""Times every point of `bench.rows.scaling`."""

from __future__ import annotations

import statistics
from typing import Any

import pytest

from ..rows.scaling import DTYPE, Case, cases
from .measurement import spread
from .timing import count_for, rounds_for


@pytest.mark.parametrize("case", list(cases()), ids=str)
def test_scaling(benchmark: Any, case: Case) -> None:
    """One point; ``--benchmark-disable`` runs one epoch of it."""
    run = case.prepare()
    if not benchmark.enabled:
        benchmark.pedantic(run, args=(1,))
        return
    run(1)
    count, round_seconds = count_for(run)
    benchmark.group = f"scaling: {case.axis}"
    benchmark.pedantic(run, args=(count,), rounds=rounds_for(2 * round_seconds))
    durations = [seconds / count for seconds in benchmark.stats.stats.data]
    median = statistics.median(durations)
    benchmark.extra_info.update(
        axis=case.axis,
        value=case.value,
        threads=case.threads,
        dtype=DTYPE,
        seconds=median,
        spread=spread(durations),
        gflops=case.flops / median / 1e9,
    )
