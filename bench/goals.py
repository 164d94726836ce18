"""The speeds that nnlib must reach. A goal that is missed is reported as missed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .measurement import Session


class Goal(NamedTuple):
    """One bound on one number of a session.

    Attributes
    ----------
    title
        What is bounded, for the report.
    measure
        Takes the number from a session; None if its rows were not measured.
    bound
        The largest value allowed, or the smallest if `at_least`.
    show
        Formats the number.
    """

    title: str
    measure: Callable[[Session], float | None]
    bound: float
    show: Callable[[float], str]
    at_least: bool = False

    def reached(self, value: float) -> bool:
        """Whether the value keeps the bound."""
        return value >= self.bound if self.at_least else value <= self.bound


def _times(value: float) -> str:
    return f"{value:.2f} ×"


def _percent(value: float) -> str:
    return f"{value:.0%}"


def _microseconds(value: float) -> str:
    return f"{value * 1e6:.1f} µs"


def _seconds(value: float) -> str:
    return f"{value:.2f} s"


_C = ("exercise", "C float64")

GOALS = (
    Goal(
        "exercise, float64: time ÷ C program",
        lambda session: session.ratio(("exercise", "nnlib float64"), _C),
        1.5,
        _times,
    ),
    Goal(
        "exercise, float32: time ÷ float64 C program",
        lambda session: session.ratio(("exercise", "nnlib float32"), _C),
        1.0,
        _times,
    ),
    Goal(
        "one call of F, float64",
        lambda session: session.seconds(("one point", "nnlib float64")),
        5e-6,
        _microseconds,
    ),
    Goal(
        "one call of F, float32",
        lambda session: session.seconds(("one point", "nnlib float32")),
        5e-6,
        _microseconds,
    ),
    Goal(
        "784-128-10: rate ÷ one large product through the same BLAS",
        lambda session: session.rate_ratio(("digits", "nnlib float32"), ("blas", "SciPy")),
        0.6,
        _percent,
        at_least=True,
    ),
    Goal(
        "784-128-10, 2 threads: rate ÷ one large product on 2 threads",
        lambda session: session.rate_ratio(
            ("digits", "nnlib float32, 2 threads"), ("blas", "SciPy, 2 threads")
        ),
        0.6,
        _percent,
        at_least=True,
    ),
    Goal(
        "784-128-10: Adam's time ÷ plain descent",
        lambda session: session.ratio(
            ("digits, adam", "nnlib float32"), ("digits", "nnlib float32")
        ),
        1.15,
        _times,
    ),
    Goal(
        "first descent, empty cache",
        lambda session: session.seconds(("start", "nnlib, empty cache")),
        8.0,
        _seconds,
    ),
    Goal(
        "first descent, warm cache",
        lambda session: session.seconds(("start", "nnlib, warm cache")),
        0.8,
        _seconds,
    ),
)
