"""What pytest-benchmark's JSON holds: the machine, the versions, the rows, nothing else."""

from __future__ import annotations

from typing import Any

from .machine import machine_facts


def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    """Add what the report states; leave out the machine's name in its network."""
    machine_info.pop("node", None)
    machine_info["bench"] = machine_facts()


def pytest_benchmark_update_json(
    config: Any, benchmarks: list[Any], output_json: dict[str, Any]
) -> None:
    """Keep what the rows say of themselves: the file is committed as the record of a run."""
    output_json["benchmarks"] = [
        {"name": benchmark["name"], "extra_info": benchmark["extra_info"]}
        for benchmark in output_json["benchmarks"]
    ]
    commit = output_json["commit_info"]
    output_json["commit_info"] = {key: commit.get(key) for key in ("id", "time", "dirty")}
