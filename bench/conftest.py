"""Writes the machine and the versions into pytest-benchmark's JSON."""

from __future__ import annotations

from typing import Any

from .machine import machine_facts


def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    """Add what the report states; leave out the machine's name in its network."""
    machine_info.pop("node", None)
    machine_info["bench"] = machine_facts()
