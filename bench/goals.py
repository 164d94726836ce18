"""The speeds that nnlib must reach. A goal that is missed is reported as missed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .measurement import Session
from .workloads import WORKLOADS

Row = tuple[str, str]


class Goal(NamedTuple):
    """One bound on one number of a session.

    Attributes
    ----------
    workload
        Its name; ``bench/NOTES.md`` has a heading of this name that says what holds it back.
    title
        What is bounded, for the report.
    measure
        Takes the number from a session; None if its rows were not measured.
    bound
        The largest value allowed, or the smallest if `at_least`.
    show
        Formats the number.
    """

    workload: str
    title: str
    measure: Callable[[Session], float | None]
    bound: float
    show: Callable[[float], str]
    at_least: bool = False

    def reached(self, value: float) -> bool:
        """Whether the value keeps the bound."""
        return value >= self.bound if self.at_least else value <= self.bound


def best_peer(session: Session, workload: str) -> str | None:
    """The other library that takes the least time, None where none was measured."""
    peers = [
        name
        for name, row in WORKLOADS[workload].implementations.items()
        if row.peer and (workload, name) in session.rows
    ]
    return min(peers, key=lambda name: session.rows[workload, name].seconds, default=None)


def _times(value: float) -> str:
    return f"{value:.2f} ×" if value < 100 else f"{value:.0f} ×"


def _percent(value: float) -> str:
    return f"{value:.0%}"


def _microseconds(value: float) -> str:
    return f"{value * 1e6:.1f} µs"


def _nanoseconds(value: float) -> str:
    return f"{value * 1e9:.0f} ns"


def _seconds(value: float) -> str:
    return f"{value:.2f} s"


def _slower(workload: str, row: str, other: str, bound: float) -> Goal:
    """The row takes at most so many times another's time."""
    return Goal(
        workload,
        f"{row}: time ÷ {other}",
        lambda session: session.ratio((workload, row), (workload, other)),
        bound,
        _times,
    )


def _faster(workload: str, row: str, other: str, bound: float) -> Goal:
    """The row is at least so many times as fast as another."""
    return Goal(
        workload,
        f"{row}: times as fast as {other}",
        lambda session: session.ratio((workload, other), (workload, row)),
        bound,
        _times,
        at_least=True,
    )


def _faster_than_peers(workload: str, bound: float) -> Goal:
    """nnlib on all processors is at least so many times as fast as the best peer."""

    def measure(session: Session) -> float | None:
        peer = best_peer(session, workload)
        return peer and session.ratio((workload, peer), (workload, "nnlib"))  # type: ignore[return-value]

    return Goal(
        workload, "nnlib: times as fast as the best peer", measure, bound, _times, at_least=True
    )


def _roofline(workload: str, row: str, bound: float) -> Goal:
    """The rate of the row's matrix products is at least this part of one large product's."""
    return Goal(
        workload,
        f"{row}: rate ÷ one large product by BLAS, same threads",
        lambda session: session.roofline((workload, row)),
        bound,
        _percent,
        at_least=True,
    )


def _time(workload: str, row: str, bound: float, show: Callable[[float], str]) -> Goal:
    """The row takes at most so many seconds."""
    return Goal(workload, row, lambda session: session.seconds((workload, row)), bound, show)


GOALS = (
    _slower("exercise", "nnlib float64", "C float64", 0.8),
    _slower("exercise", "nnlib float32", "C float64", 0.5),
    _faster("exercise", "nnlib float64", "JAX", 7),
    _faster("exercise", "nnlib float64", "PyTorch", 1000),
    _faster("exercise", "nnlib float64", "PyTorch compiled", 1000),
    _faster("exercise", "nnlib float64", "lecture, scalar", 4500),
    # JAX and the C compiler make a program for this network alone; so does compile=True.
    _slower("exercise", "nnlib compiled float64", "C float64", 0.8),
    _slower("exercise", "nnlib compiled float32", "C float64", 0.5),
    _faster("exercise", "nnlib compiled float64", "JAX", 7),
    _faster("exercise", "nnlib compiled float64", "PyTorch", 1000),
    _faster("lecture network", "nnlib", "JAX", 5),
    _faster("small adam", "nnlib", "JAX", 4),
    _faster("small adam", "nnlib", "PyTorch", 9),
    _faster("small adam", "nnlib", "PyTorch compiled", 9),
    _faster("digits", "nnlib", "JAX", 7),
    _faster("digits", "nnlib", "scikit-learn", 30),
    _faster("digits", "nnlib", "PyTorch", 100),
    _faster("digits", "nnlib", "PyTorch compiled", 100),
    _faster_than_peers("mnist adam", 2),
    _roofline("mnist adam", "nnlib", 0.7),
    _roofline("mnist adam", "nnlib, 1 thread", 0.7),
    Goal(
        "mnist adam",
        "nnlib, 1 thread: Adam's time ÷ plain descent",
        lambda session: session.ratio(
            ("mnist adam", "nnlib, 1 thread"), ("mnist", "nnlib, 1 thread")
        ),
        1.15,
        _times,
    ),
    _faster_than_peers("mnist deep", 1.6),
    _faster_than_peers("wide", 1.2),
    _roofline("wide", "nnlib", 0.88),
    _roofline("wide", "nnlib, 1 thread", 0.88),
    _time("one point", "nnlib float64", 5e-6, _microseconds),
    _time("one point", "nnlib float32", 5e-6, _microseconds),
    _time("predict one", "nnlib", 3e-6, _microseconds),
    _faster_than_peers("predict many", 1.0),
    _time("1 000 networks", "nnlib", 0.1e-6, _nanoseconds),
    _faster("1 000 networks", "nnlib", "JAX", 5),
    _faster("1 000 networks", "nnlib", "PyTorch", 25),
    Goal(
        "100 000 networks",
        "nnlib: time ÷ that of each of 1 000",
        lambda session: session.ratio(("100 000 networks", "nnlib"), ("1 000 networks", "nnlib")),
        1.1,
        _times,
    ),
    _faster("64 networks", "nnlib", "JAX", 5),
    _faster("search", "nnlib", "scikit-learn", 30),
    _time("start", "nnlib, warm cache", 0.8, _seconds),
    _faster("start", "nnlib, warm cache", "import torch alone", 1.0),
    _time("start", "nnlib, empty cache", 8.0, _seconds),
)
