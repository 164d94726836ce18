"""Times every row of the table; results are compared before the clock starts."""

from __future__ import annotations

import statistics
import time
from typing import Any

import pytest

from .measurement import spread
from .timing import count_for, rounds_for
from .workload import UnavailableError, Workload
from .workloads import ROWS


@pytest.mark.parametrize(
    ("workload", "name"), ROWS, ids=[f"{workload.name}: {name}" for workload, name in ROWS]
)
def test_speed(benchmark: Any, workload: Workload, name: str) -> None:
    """One row; ``--benchmark-disable`` runs it once, with as little work as the check needs."""
    implementation = workload.implementations[name]
    begin = time.perf_counter()
    try:
        run = workload.prepare(name)
    except UnavailableError as reason:
        pytest.skip(str(reason))
    result = run(workload.check_count)
    first_result = time.perf_counter() - begin
    workload.check(name, result)
    benchmark.group = workload.name
    if not benchmark.enabled:
        benchmark.pedantic(run, args=(1,))
        return
    count, round_seconds = count_for(run, workload.least_count)
    benchmark.pedantic(run, args=(count,), rounds=rounds_for(round_seconds))
    durations = [seconds / count for seconds in benchmark.stats.stats.data]
    median = statistics.median(durations)
    benchmark.extra_info.update(
        workload=workload.name,
        implementation=name,
        dtype=implementation.dtype,
        threads=implementation.threads,
        unit=workload.unit,
        count=count,
        rounds=len(durations),
        seconds=median / workload.units,
        least=min(durations) / workload.units,
        spread=spread(durations),
        # What happens once: conversions, compilation, the first call.
        once=max(0.0, first_result - workload.check_count * median),
        gflops=workload.flops / median / 1e9 if workload.flops else None,
    )
