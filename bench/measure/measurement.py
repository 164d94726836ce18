"""What pytest-benchmark's JSON says about each row."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ..programs import blas
from .calibration import MachineState
from .processor import processor_name


class Measurement(NamedTuple):
    """One row of the table, timed.

    Attributes
    ----------
    seconds
        Median time of one unit of work.
    spread
        Distance between the quartiles, as a part of the median.
    gflops
        Rate of the matrix products in 1e9 operations a second, where the workload counts them.
    dtype, threads
        Of the row; None for all processors.
    once
        Seconds that it took once: conversions, compilation, what a first call does besides.
    form, tried
        The form that was fastest, and the seconds of all that were tried, see
        `bench.measure.forms`; None in records from before forms were tried.
    elsewhere
        The part of the processors' time that other processes had meanwhile, if it is known.
    """

    seconds: float
    spread: float
    gflops: float | None
    dtype: str
    threads: int | None
    once: float
    form: str | None = None
    tried: Mapping[str, float] = {}
    elsewhere: float | None = None


class Point(NamedTuple):
    """One point of `bench.rows.scaling`: nnlib's time for one epoch.

    Attributes
    ----------
    axis, value
        What is varied, and its value here.
    threads
        How many; None for all processors.
    seconds, spread, gflops
        As for `Measurement`.
    """

    axis: str
    value: int
    threads: int | None
    seconds: float
    spread: float
    gflops: float


class Descent(NamedTuple):
    """One row of the table of times to a cost, see `bench.rows.reaching`.

    Attributes
    ----------
    seconds, spread
        As for `Measurement`, of the whole descent.
    epochs, cost, evaluations, reached
        As for `bench.rows.reaching.Reached`.
    """

    seconds: float
    spread: float
    epochs: int
    cost: float
    evaluations: int | None
    reached: bool


@dataclass(frozen=True)
class Session:
    """One run of the suite: where it ran, and its rows.

    Attributes
    ----------
    rows
        By (workload, implementation).
    machine
        Processor, threads, versions, whether it was idle.
    descents
        By (problem, implementation).
    points
        How nnlib's time grows.
    """

    rows: dict[tuple[str, str], Measurement]
    machine: dict[str, Any]
    descents: dict[tuple[str, str], Descent] = field(default_factory=dict)
    points: tuple[Point, ...] = ()

    @property
    def state(self) -> MachineState | None:
        """Whether the machine was idle; None in records from before that was measured."""
        return MachineState(**self.machine["state"]) if "state" in self.machine else None

    @property
    def tried_forms(self) -> bool:
        """Whether peers were in their best form."""
        return any(row.form is not None for row in self.rows.values())

    def fastest(self, workload: str, names: Iterable[str]) -> str | None:
        """Which of these rows takes the least time; None if none was measured."""
        measured = [name for name in names if (workload, name) in self.rows]
        return min(measured, key=lambda name: self.rows[workload, name].seconds, default=None)

    def ratio(self, row: tuple[str, str], other: tuple[str, str]) -> float | None:
        """Time of a row in units of another's; None if one of them was not measured."""
        if row not in self.rows or other not in self.rows:
            return None
        return self.rows[row].seconds / self.rows[other].seconds

    def rate_ratio(self, row: tuple[str, str], other: tuple[str, str]) -> float | None:
        """Rate of a row in units of another's; None if one of them was not measured."""
        rates = [self.rows[key].gflops for key in (row, other) if key in self.rows]
        if len(rates) < 2 or rates[0] is None or rates[1] is None:
            return None
        return rates[0] / rates[1]

    def roofline(self, row: tuple[str, str]) -> float | None:
        """Rate of a row in units of one large product's by BLAS, same dtype and threads."""
        if row not in self.rows:
            return None
        measured, library = self.rows[row], self.machine["blas"]
        product = blas.row_name(library, measured.dtype, measured.threads)
        return self.rate_ratio(row, ("blas", product))

    def seconds(self, row: tuple[str, str]) -> float | None:
        """Time of a row; None if it was not measured."""
        return self.rows[row].seconds if row in self.rows else None


class RecordError(ValueError):
    """A file that is no record of a run; the message names it and says what is wrong."""


def load(path: Path) -> Session:
    """Read the JSON that ``pytest bench --benchmark-json`` wrote; raises `RecordError`."""
    try:
        return _session(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RecordError(f"{path} is not JSON: it is no text") from None
    except json.JSONDecodeError as error:
        raise RecordError(f"{path} is not JSON: {error}") from None
    except KeyError as error:
        raise RecordError(f"{path} is no record of `python -m bench`: {error} is missing") from None
    except (TypeError, AttributeError) as error:
        raise RecordError(f"{path} is no record of `python -m bench`: {error}") from None


def _session(document: Any) -> Session:
    rows, descents, points = {}, {}, []
    for info in (benchmark["extra_info"] for benchmark in document["benchmarks"]):
        if "axis" in info:
            points.append(Point(*(info[name] for name in Point._fields)))
            continue
        key = info["workload"], info["implementation"]
        if "target" in info:
            descents[key] = Descent(*(info[name] for name in Descent._fields))
        else:
            rows[key] = _measurement(info)
    machine = dict(document["machine_info"]["bench"])
    machine["processor"] = processor_name(document["machine_info"]["cpu"])
    machine["date"] = document.get("datetime", "")[:10]
    return Session(rows, machine, descents, tuple(points))


def _measurement(info: dict[str, Any]) -> Measurement:
    """A row; older records have no forms."""
    later = Measurement._field_defaults
    return Measurement(
        **{name: info[name] for name in Measurement._fields if name not in later or name in info}
    )


def spread(values: Sequence[float]) -> float:
    """Distance between the quartiles, as a part of the median; 0 for a single value.

    Examples
    --------
    >>> spread([1.0, 2.0, 3.0, 4.0, 5.0])
    0.6666666666666666
    """
    if len(values) < 2:
        return 0.0
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
    return (upper - lower) / median
