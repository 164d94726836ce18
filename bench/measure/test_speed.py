"""Times every row of the table in its fastest form, after its results were compared."""

from __future__ import annotations

import statistics
from typing import Any

import pytest

from ..problems.workload import UnavailableError, Workload
from ..rows.workloads import ROWS
from . import elsewhere
from .forms import candidates, race, usual
from .measurement import spread
from .timing import count_for, rounds_for


@pytest.mark.parametrize(
    ("workload", "name"), ROWS, ids=[f"{workload.name}: {name}" for workload, name in ROWS]
)
def test_speed(benchmark: Any, workload: Workload, name: str) -> None:
    """One row; ``--benchmark-disable`` runs its usual form once, with as little work as
    the check needs.
    """
    implementation = workload.implementations[name]
    benchmark.group = workload.name
    try:
        entered = candidates(workload, name) if benchmark.enabled else [usual(workload, name)]
    except UnavailableError as reason:
        pytest.skip(str(reason))
    if not benchmark.enabled:
        benchmark.pedantic(entered[0].run, args=(1,))
        return
    least = race(entered, workload.least_count)
    chosen = next(each for each in entered if each.form == next(iter(least)))
    count, round_seconds = count_for(chosen.run, workload.least_count)
    begin = elsewhere.now()
    benchmark.pedantic(chosen.run, args=(count,), rounds=rounds_for(round_seconds))
    durations = [seconds / count for seconds in benchmark.stats.stats.data]
    median = statistics.median(durations)
    benchmark.extra_info.update(
        workload=workload.name,
        implementation=name,
        dtype=implementation.dtype,
        threads=implementation.forms[chosen.form].threads,
        form=chosen.form,
        tried={form: seconds / workload.units for form, seconds in least.items() if len(least) > 1},
        elsewhere=elsewhere.share(begin, elsewhere.now()),
        unit=workload.unit,
        count=count,
        rounds=len(durations),
        seconds=median / workload.units,
        least=min(durations) / workload.units,
        spread=spread(durations),
        # What happens once: conversions, compilation, the first call.
        once=max(0.0, chosen.first_result - workload.check_count * median),
        gflops=workload.flops / median / 1e9 if workload.flops else None,
    )
