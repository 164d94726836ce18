"""What pytest-benchmark's JSON holds: the machine, the versions, the rows, nothing else."""

from __future__ import annotations

import os
from typing import Any

import pytest

from .measure import calibration, elsewhere, environment
from .measure.machine import machine_facts

# Taken when the run begins, for what is taken when it ends.
_BEGIN = pytest.StashKey[tuple[calibration.Calibration, elsewhere.Ticks | None]]()


def pytest_configure(config: Any) -> None:
    """Refuse to measure where the environment slows a library down."""
    reason = environment.complaint(os.environ)
    measures = config.option.benchmark_enable or not config.option.benchmark_disable
    if reason and measures:
        raise pytest.UsageError(reason)


def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    """Add what the report states; leave out the machine's name in its network."""
    machine_info.pop("node", None)
    machine_info["bench"] = machine_facts()
    config.stash[_BEGIN] = _calibrated(), elsewhere.now()


def pytest_benchmark_update_json(
    config: Any, benchmarks: list[Any], output_json: dict[str, Any]
) -> None:
    """Keep what the rows say of themselves: the file is committed as the record of a run."""
    before, begin = config.stash[_BEGIN]
    share = elsewhere.share(begin, elsewhere.now())
    state = calibration.state(before, _calibrated(), share)
    output_json["machine_info"]["bench"]["state"] = state._asdict()
    output_json["benchmarks"] = [
        {"name": benchmark["name"], "extra_info": benchmark["extra_info"]}
        for benchmark in output_json["benchmarks"]
    ]
    commit = output_json["commit_info"]
    output_json["commit_info"] = {key: commit.get(key) for key in ("id", "time", "dirty")}


def _calibrated() -> calibration.Calibration:
    return calibration.calibrate(os.sched_getaffinity(0))
