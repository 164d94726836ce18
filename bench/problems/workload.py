"""What a benchmark row is: a workload, its implementations, and when two results are equal.

An implementation has one or more forms, each a function ``prepare(problem, dtype) -> run``.
Everything that happens once (copies, conversions, compilation) belongs into ``prepare``;
``run(count)`` starts from the same state every time, does the work ``count`` times and is all that
the clock sees. `bench.measure.forms` finds the fastest form, which stands in the table.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


class UnavailableError(Exception):
    """Raised by ``prepare`` where a compiler or a peer library is not installed."""


class Result(NamedTuple):
    """What a run computed.

    Attributes
    ----------
    values
        Parameters or outputs, flat: for a network W^[1], b^[1], W^[2], b^[2], …
    cost
        J of the last epoch's pass, before its step; 0 where the work has no cost.
    evaluations
        Passes over all examples, if they were counted; where not, one an epoch.
    """

    values: Array
    cost: float = 0.0
    evaluations: int | None = None


Run: TypeAlias = Callable[[int], Result]
# ``prepare(problem, dtype)`` returns the run; raises `UnavailableError`.
Prepare: TypeAlias = Callable[[Any, str], Run]


@dataclass(frozen=True)
class Tolerance:
    """Largest difference of two right results: rtol of each number, plus atol."""

    rtol: float
    atol: float = 0.0


class Form(NamedTuple):
    """One way to write an implementation.

    Attributes
    ----------
    prepare
        Makes the run.
    threads
        How many it takes; None for all processors.
    """

    prepare: Prepare
    threads: int | None = None


@dataclass(frozen=True)
class Implementation:
    """One way to do a workload.

    Attributes
    ----------
    forms
        The ways to write it, by name. All give the same result; the fastest is the row's.
    dtype
        "float64" or "float32".
    peer
        Whether it is another library, one of those that "best peer" means.
    tolerance
        How far its result may lie from the reference, where it is not the workload's.
    compared
        False only where nothing is computed that could be compared.
    """

    forms: Mapping[str, Form]
    dtype: str = "float64"
    peer: bool = False
    tolerance: Tolerance | None = None
    compared: bool = True

    @property
    def usual(self) -> str:
        """Name of the form that the tests run."""
        return next(iter(self.forms))


@dataclass(frozen=True)
class Workload:
    """The same work, done by several implementations.

    Attributes
    ----------
    name
        Group of the benchmark and key of the table.
    title
        Heading in the report.
    description
        What exactly is computed, for the report.
    problem
        Builds the data, once per process.
    implementations
        Name in the report → implementation. The first one is the reference for all results.
    tolerances
        dtype → how far a result may lie from the reference.
    ours
        The implementation that the report compares the others with.
    limits
        The implementations that stand for the machine's limit: the fastest of them is the limit.
    unit, units
        What one unit of work is called, and how many a count of the run has: a run that counts
        epochs may be reported by the "step".
    check_count
        Count of the run after which results are compared.
    least_count
        Counts that a timed run has at least: a descent of one epoch is mostly its beginning.
    flops
        Floating-point operations of the matrix products of one count, 0 where there are none.
    bytes
        What one count must at least read and write, see `bench.problems.work`; 0 where nobody
        counts.
    """

    name: str
    title: str
    description: str
    problem: Callable[[], Any]
    implementations: Mapping[str, Implementation]
    tolerances: Mapping[str, Tolerance]
    ours: str
    limits: tuple[str, ...] = ()
    unit: str = "epoch"
    units: int = 1
    check_count: int = 1
    least_count: int = 1
    flops: int = 0
    bytes: int = 0

    def __str__(self) -> str:
        return self.name

    @property
    def reference(self) -> str:
        """Name of the implementation that all results are compared with."""
        return next(iter(self.implementations))

    def prepare(self, name: str, form: str | None = None) -> Run:
        """The run of one implementation, in its usual form or in another; see `Prepare`."""
        implementation = self.implementations[name]
        chosen = implementation.forms[implementation.usual if form is None else form]
        return chosen.prepare(_problem(self.problem), implementation.dtype)

    def check(self, name: str, result: Result) -> None:
        """Compare the result after `check_count` with the reference's; raises `AssertionError`."""
        implementation = self.implementations[name]
        if not implementation.compared:
            return
        reference = _reference_result(self.name, self.prepare, self.reference, self.check_count)
        tolerance = implementation.tolerance or self.tolerances[implementation.dtype]
        assert_equal(result, reference, tolerance)


def assert_equal(result: Result, reference: Result, tolerance: Tolerance) -> None:
    """Raise `AssertionError` if a result lies further from the reference than the tolerance."""
    rtol, atol = tolerance.rtol, tolerance.atol
    np.testing.assert_allclose(result.values, reference.values, rtol=rtol, atol=atol)
    np.testing.assert_allclose(result.cost, reference.cost, rtol=rtol, atol=atol)


@functools.cache
def _problem(build: Callable[[], Any]) -> Any:
    return build()


_reference_results: dict[tuple[str, int], Result] = {}


def _reference_result(
    workload: str, prepare: Callable[[str], Run], reference: str, count: int
) -> Result:
    """The reference's result, computed once per process."""
    key = (workload, count)
    if key not in _reference_results:
        _reference_results[key] = prepare(reference)(count)
    return _reference_results[key]
