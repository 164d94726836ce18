"""The speeds that nnlib must reach. A goal that is missed is reported as missed.

All are ratios within one run: to the best peer in its best form, or to the limit, which is a C
program where a network is narrow and the machine's own matrix product where it is wide. Seconds
would be goals for one machine. A bound comes with its reason, and the reason is what the limit
leaves, so a bound that no program could keep is not one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..measure.measurement import Session
from ..rows.workloads import EXERCISE, WORKLOADS

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
    why
        Where the bound comes from, in a few words.
    show
        Formats the number.
    """

    workload: str
    title: str
    measure: Callable[[Session], float | None]
    bound: float
    why: str
    show: Callable[[float], str]
    at_least: bool = False

    def reached(self, value: float) -> bool:
        """Whether the value keeps the bound."""
        return value >= self.bound if self.at_least else value <= self.bound


def best_peer(session: Session, workload: str) -> str | None:
    """The other library that takes the least time, None where none was measured."""
    rows = WORKLOADS[workload].implementations
    return session.fastest(workload, (name for name, row in rows.items() if row.peer))


def _times(value: float) -> str:
    return f"{value:.2f} ×" if value < 100 else f"{value:.0f} ×"


def _percent(value: float) -> str:
    return f"{value:.0%}"


def _slower(
    workload: str, row: str, others: Sequence[str], bound: float, why: str, title: str = ""
) -> Goal:
    """The row takes at most so many times as long as the fastest of others."""

    def measure(session: Session) -> float | None:
        other = session.fastest(workload, others)
        return None if other is None else session.ratio((workload, row), (workload, other))

    title = f"{row}: time ÷ {title or others[0]}"
    return Goal(workload, title, measure, bound, why, _times)


def _slower_than_c(row: str, bound: float, why: str) -> Goal:
    """The exercise takes at most so many times as long as in the faster of the C programs."""
    return _slower("exercise", row, EXERCISE.limits, bound, why, "the faster C program")


def _elsewhere(own: Row, other: Row, bound: float, why: str, title: str) -> Goal:
    """A row takes at most so many times as long as one of another workload."""
    return Goal(own[0], title, lambda session: session.ratio(own, other), bound, why, _times)


def _faster_than_peers(workload: str, bound: float, why: str, row: str = "nnlib") -> Goal:
    """The row is at least so many times as fast as the best peer in its best form."""

    def measure(session: Session) -> float | None:
        peer = best_peer(session, workload)
        return None if peer is None else session.ratio((workload, peer), (workload, row))

    title = f"{row}: times as fast as the best peer"
    return Goal(workload, title, measure, bound, why, _times, at_least=True)


def _roofline(workload: str, row: str, bound: float, why: str) -> Goal:
    """The rate of the row's matrix products is at least this part of one large product's."""
    return Goal(
        workload,
        f"{row}: rate ÷ one large product by BLAS, same threads",
        lambda session: session.roofline((workload, row)),
        bound,
        why,
        _percent,
        at_least=True,
    )


GOALS = (
    _slower_than_c("nnlib float64", 1.0, "one driver for all networks, C for this one"),
    _slower(
        "exercise",
        "nnlib float32",
        ["C float32"],
        1.0,
        "one driver for all networks, C for this one",
    ),
    # JAX and the C compiler make a program for this network alone; so does compile=True.
    _slower_than_c("nnlib compiled float64", 0.6, "several samples side by side hide all waiting"),
    _slower("exercise", "nnlib compiled float32", ["C float32"], 0.6, "the same"),
    _faster_than_peers("exercise", 4.0, "C is 4 × as fast as JAX", "nnlib float64"),
    _faster_than_peers("exercise", 7.0, "0.6 of C's time", "nnlib compiled float64"),
    _faster_than_peers("lecture network", 2.5, "tanh alone takes half of the time"),
    _faster_than_peers("small adam", 2.5, "products and tanh at their limits would be 4 ×"),
    _faster_than_peers("digits", 3.0, "products at the large one's rate would be 4.4 ×"),
    _roofline("digits", "nnlib, 1 thread", 0.6, "sums of 32 numbers; loads count too"),
    _faster_than_peers("mnist adam", 1.0, "the same products and traffic: no reason to be slower"),
    _roofline("mnist adam", "nnlib", 0.7, "the products, then 2.4 MB of step at 50 GB/s"),
    _roofline("mnist adam", "nnlib, 1 thread", 0.7, "the same"),
    _elsewhere(
        ("mnist adam", "nnlib, 1 thread"),
        ("mnist", "nnlib, 1 thread"),
        1.15,
        "two more vectors of 400 kB a step",
        "nnlib, 1 thread: Adam's time ÷ plain descent",
    ),
    _faster_than_peers("mnist deep", 1.4, "products at the large one's rate would be 1.8 ×"),
    _roofline("mnist deep", "nnlib, 1 thread", 0.65, "chunks of 32 samples, for two threads"),
    _faster_than_peers("wide", 0.95, "a peer multiplies by MKL or oneDNN: nothing else is left"),
    _roofline("wide", "nnlib", 0.88, "an eighth for sums of 256 numbers, not 1024"),
    _roofline("wide", "nnlib, 1 thread", 0.88, "an eighth for sums of 256 numbers, not 1024"),
    _faster_than_peers("residual", 2.0, "products at the large one's rate would be 3.4 ×"),
    _faster_than_peers("two towers", 2.0, "products at the large one's rate would be 4 ×"),
    _faster_than_peers("lenet", 5.0, "convolutions whose rows are addressed, in one compiled loop"),
    _roofline("lenet", "nnlib", 0.55, "5 × 5 windows of one and six channels are short sums"),
    _faster_than_peers("lenet small", 5.0, "the same, and a framework's overhead a step"),
    _faster_than_peers("sequences", 3.0, "the same along one axis"),
    _faster_than_peers("residual images", 3.0, "the same, with normalisation in stages"),
    _faster_than_peers("lstm", 4.0, "a framework's overhead for each of 32 steps, both ways"),
    _faster_than_peers("gru", 4.0, "the same"),
    _faster_than_peers("rnn", 3.0, "the same for 50 steps; JAX's loop has little work a step"),
    _faster_than_peers("lstm large", 1.5, "gates in one pass while they are in the cache"),
    _roofline("lstm large", "nnlib", 0.5, "products of 64 columns, and the gates between them"),
    _faster_than_peers("stepper", 3.5, "3 µs on Zen 4, a call and its checks; NumPy's calls, 10.6"),
    _slower(
        "one point", "nnlib float64", ["lecture, scalar"], 10.0, "types, shapes and NaN are checked"
    ),
    _slower("one point", "nnlib float32", ["lecture, scalar"], 10.0, "as float64"),
    _faster_than_peers("predict one", 3.0, "a call and its checks, 2 µs; PyTorch's three calls, 7"),
    _faster_than_peers("predict many", 1.0, "one large product for everybody"),
    _elsewhere(
        ("1 000 networks", "nnlib, 1 thread"),
        ("exercise", "nnlib compiled float32"),
        1.0,
        "among many a network costs no more than alone",
        "nnlib, 1 thread: time ÷ the exercise's, compiled float32",
    ),
    _faster_than_peers("1 000 networks", 4.0, "as for one network"),
    _elsewhere(
        ("100 000 networks", "nnlib"),
        ("1 000 networks", "nnlib"),
        1.1,
        "nothing may grow faster than the number",
        "nnlib: time ÷ that of each of 1 000",
    ),
    _faster_than_peers("64 networks", 4.0, "two threads with a network each: 2 × the single one"),
    _faster_than_peers("64 lstms", 4.0, "the same, of a single one that is 4 × as fast"),
    _faster_than_peers("search", 25.0, "100 descents alone take a 29th of scikit-learn's time"),
    _slower("start", "nnlib, warm cache", ["import torch alone"], 0.65, "Numba and NumPy take 0.4"),
    _slower("start", "nnlib, empty cache", ["import torch alone"], 6.5, "LLVM and Numba, once"),
)
