"""What nnlib must reach beside its peers on the same GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from .measure.rows import MEASURED, Row


class Goal(NamedTuple):
    """One bound on nnlib's rate in units of the best of some peers'.

    Attributes
    ----------
    section
        Its workloads are judged one by one.
    title
        What is wanted.
    peer
        Which programs count, by name.
    least
        Times their best rate.
    ours
        The program that is to reach it.
    """

    section: str
    title: str
    peer: Callable[[str], bool]
    least: float
    ours: str = "nnlib"


class Verdict(NamedTuple):
    """A goal at one workload; times is None where one side was not measured."""

    goal: Goal
    workload: str
    peer: str
    times: float | None

    @property
    def reached(self) -> bool | None:
        """Whether it was; None where nobody knows."""
        return None if self.times is None else self.times >= self.goal.least


GOALS = (
    Goal("populations", "populations ≥ 20 × JAX vmap", lambda name: name == "JAX vmap", 20),
    Goal(
        "narrow",
        "narrow networks ≥ 5 × PyTorch compiled",
        lambda name: name in ("PyTorch compiled", "PyTorch reduce-overhead"),
        5,
    ),
    Goal(
        "wide",
        "wide networks ≥ 0.9 × PyTorch, float32",
        lambda name: name.startswith("PyTorch") and "TF32" not in name,
        0.9,
    ),
    Goal(
        "wide",
        "wide networks ≥ 0.9 × PyTorch, TF32",
        lambda name: name.startswith("PyTorch") and name.endswith("TF32"),
        0.9,
        "nnlib, TF32",
    ),
)


def verdicts(rows: Sequence[Row]) -> list[Verdict]:
    """Every goal at every workload of its section."""
    found = []
    for goal in GOALS:
        workloads = dict.fromkeys(row.workload for row in rows if row.section == goal.section)
        found += [_verdict(goal, workload, rows) for workload in workloads]
    return found


def _verdict(goal: Goal, workload: str, rows: Sequence[Row]) -> Verdict:
    rates = {
        row.program: row.rate
        for row in rows
        if (row.section, row.workload, row.status) == (goal.section, workload, MEASURED)
        and row.rate is not None
    }
    peers = {name: rate for name, rate in rates.items() if goal.peer(name)}
    if goal.ours not in rates or not peers:
        return Verdict(goal, workload, "", None)
    best = max(peers, key=peers.__getitem__)
    return Verdict(goal, workload, best, rates[goal.ours] / peers[best])
