"""One program: compared with float64 first, then timed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...measure.measurement import spread
from ...problems.work import descent_bytes, product_flops
from ...problems.workload import Array
from .cases import Case
from .clock import Clock
from .rows import CHECKED, Row

# What is timed is four times a count whose own time is at least a third of this.
ROUND_SECONDS, ROUNDS = 0.15, 3
# Of what `distance` gives; TF32 keeps 10 of float32's 23 bits, BF16 7.
LIMITS = {"float32": 1e-3, "tf32": 5e-2, "bf16": 2e-1}


class Program(NamedTuple):
    """One way to train a case's networks.

    Attributes
    ----------
    run
        ``run(count)`` trains from the start for count times `block` epochs.
    fetch
        The parameters reached, on the host: (members, n_parameters) or (n_parameters,).
    clock
        Times a run.
    block
        Epochs of one count.
    precision
        Of the products, a name of `LIMITS`.
    """

    run: Callable[[int], Any]
    fetch: Callable[[], Array]
    clock: Clock
    block: int = 1
    precision: str = "float32"


class Timing(NamedTuple):
    """Seconds of one count on the device and as a whole, of what happens once, and the spread."""

    device: float
    whole: float
    once: float
    spread: float


def distance(values: Array, reference: Array, start: Array) -> float:
    """‖w − w*‖ / ‖w* − w⁰‖: how far from the reference, as a part of the way it went."""
    values = np.asarray(values, np.float64)
    return float(np.linalg.norm(values - reference) / np.linalg.norm(reference - start))


def compared(case: Case, program: Program, reference: Array) -> float:
    """The distance of the program's result from the reference; raises `ValueError` if too far."""
    program.run(case.epochs // program.block)
    values = program.fetch().reshape(case.members, -1)[: len(np.atleast_2d(reference))]
    error, limit = distance(values.ravel(), reference.ravel(), case.start.ravel()), 0.0
    limit = LIMITS[program.precision]
    if not error <= limit:
        raise ValueError(
            f"after {case.epochs} epochs {error:.1e} from float64 on the processor, at most "
            f"{limit:.0e} is right"
        )
    return error


def timing(run: Callable[[int], Any], clock: Clock, deadline: float) -> Timing:
    """Time of one count from runs of two lengths, so that what happens once cancels.

    After the deadline one round of them is enough.
    """
    count = 1
    while True:
        few, many = (clock(lambda n=n: run(n)) for n in (count, 4 * count))  # type: ignore[misc]
        extra = many.whole - few.whole
        if extra >= ROUND_SECONDS or time.monotonic() > deadline:
            break
        count = int(count * min(10.0, 1.2 * ROUND_SECONDS / max(extra, 1e-9))) + 1
    slopes = [_slope(few, many, count)]
    once = [few.whole - count * slopes[0][1]]
    while len(slopes) < ROUNDS and time.monotonic() < deadline:
        few, many = (clock(lambda n=n: run(n)) for n in (count, 4 * count))  # type: ignore[misc]
        slopes.append(_slope(few, many, count))
        once.append(few.whole - count * slopes[-1][1])
    device, whole = (statistics.median(column) for column in zip(*slopes, strict=True))
    if device <= 0:
        raise ValueError(f"four times as much took {extra:.2g} s longer: too noisy to tell")
    scatter = spread([slope[0] for slope in slopes])
    return Timing(device, whole, max(statistics.median(once), 0.0), scatter)


def _slope(few: Any, many: Any, count: int) -> tuple[float, float]:
    """Seconds of one count, on the device and as a whole."""
    return (many.device - few.device) / (3 * count), (many.whole - few.whole) / (3 * count)


def row(
    case: Case, name: str, program: Program, reference: Array, deadline: float, timed: bool
) -> Row:
    """Compare, then time: networks times epochs, or examples, per second."""
    error, limit = compared(case, program, reference), LIMITS[program.precision]
    many = case.members > 1
    unit = "networks × epochs/s" if many else "examples/s"
    if not timed:
        return Row(case.section, case.name, name, CHECKED, unit=unit, error=error, limit=limit)
    taken = timing(program.run, program.clock, deadline)
    network, n = case.network, len(case.network.X)
    epochs = program.block * case.members / taken.device
    per_epoch = 1 if many else n
    return Row(
        case.section,
        case.name,
        name,
        rate=epochs * per_epoch,
        unit=unit,
        whole=program.block * case.members / taken.whole * per_epoch,
        once=taken.once,
        spread=taken.spread,
        flops=epochs * product_flops(network.sizes, n),
        # The members of a population share their examples, and their parameters stay on the chip.
        bytes=None if many else epochs * descent_bytes(network.sizes, n, 1, 4, network.optimizer),
        error=error,
        limit=limit,
    )
