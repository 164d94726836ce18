"""Times every row of the table; results are compared before the clock starts."""

from __future__ import annotations

import statistics
from typing import Any

import pytest

from .measurement import spread
from .workload import UnavailableError, Workload
from .workloads import ROWS


@pytest.mark.parametrize(
    ("workload", "name"), ROWS, ids=[f"{workload.name}: {name}" for workload, name in ROWS]
)
def test_speed(benchmark: Any, workload: Workload, name: str) -> None:
    """One row; ``--benchmark-disable`` runs it once, with as few units of work as the check."""
    implementation = workload.implementations[name]
    try:
        run = workload.prepare(name)
    except UnavailableError as reason:
        pytest.skip(str(reason))
    workload.check(name, run)
    benchmark.group = workload.name
    if not benchmark.enabled:
        benchmark.pedantic(run, args=(1,))
        return
    count = implementation.count
    benchmark.pedantic(run, args=(count,), rounds=workload.rounds)
    seconds = [duration / count for duration in benchmark.stats.stats.data]
    benchmark.extra_info.update(
        workload=workload.name,
        implementation=name,
        dtype=implementation.dtype,
        unit=workload.unit,
        count=count,
        seconds=statistics.median(seconds),
        spread=spread(seconds),
        gflops=workload.flops and workload.flops / statistics.median(seconds) / 1e9,
    )
