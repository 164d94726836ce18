"""A part of a population: what is sent to a worker, what the worker does, what comes back.

A member depends on its own rows and on what all share, so a part has the bits that its members
would have in the whole population.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..training.options import Options
from . import engine
from .windows import Windows
from .work import Group, Work, outcomes

Array = NDArray[Any]

# Arrays of `Members` with a row for each member: what a part starts from, and all it has at its
# end. Those by which members pause are empty, since no population with halving is cut.
_GIVEN = ("choice", "weight_row", "parameters", "generators", "dropout_seeds")
_ENDS = (
    "parameters", "generators", "costs", "validation_costs", "validation_cost", "best_epoch",
    "epochs", "status",
)  # fmt: skip
_SCORES = ("cost", "held_out_cost")


class Request(NamedTuple):
    """What belongs to the members of one part.

    Attributes
    ----------
    size : int
        How many they are.
    rows : dict from str to ndarray
        Their rows of `_GIVEN`, flat.
    jobs : list of (int, ndarray)
        Numbers of groups, and which of the part's members belong to each.
    windows : ndarray or None
        The window of each member, where members have rows of their own.
    seconds : float or None
        After which the part stops at an epoch's end.
    threads : int or None
        As `Work.threads`.
    """

    size: int
    rows: dict[str, Array]
    jobs: list[tuple[int, Array]]
    windows: Array | None
    seconds: float | None
    threads: int | None


class Outcome(NamedTuple):
    """The rows of `_ENDS` and `_SCORES` at a part's end, flat, and what ended it early."""

    rows: dict[str, Array]
    stopped: str | None


def shared_work(work: Work) -> Work:
    """The work without its members: what all parts share.

    What only the driver needs, such as the callback, is not in its options.
    """
    known = {id(own): _sendable(own) for own in work.choices}
    no_members = np.empty(0, np.int64)
    empty = {name: getattr(work.members, name)[:0] for name in {*_GIVEN, *_ENDS}}
    groups = [
        Group(own.network, known.get(id(own.options)) or _sendable(own.options), own.jobs[:0])
        for own in work.groups
    ]
    return replace(
        work,
        options=known[id(work.options)],
        choices=list(known.values()),
        groups=groups,
        members=work.members._replace(**empty),
        windows=_with_members(work.windows, no_members),
        **{name: getattr(work, name)[:0] for name in _SCORES},
    )


def _with_members(windows: Windows | None, of_member: Array | None) -> Windows | None:
    """The same windows, of other members."""
    if windows is None or of_member is None:
        return None
    return replace(windows, of_member=of_member)


def _sendable(options: Options) -> Options:
    own = copy(options)  # not made anew, which checks again what is completed by now
    own.callback = own.validation = own.class_weight = own.max_seconds = None
    own.progress = False
    return own


def request(work: Work, part: range, seconds: float | None, threads: int | None) -> Request:
    """The members of a part, before their first epoch."""
    jobs = []
    for number, group in enumerate(work.groups):
        own = group.jobs[(group.jobs >= part.start) & (group.jobs < part.stop)] - part.start
        if own.size:
            jobs.append((number, own))
    rows = {name: _rows(work, getattr(work.members, name), part) for name in _GIVEN}
    windows = None if work.windows is None else work.windows.of_member[part.start : part.stop]
    return Request(len(part), rows, jobs, windows, seconds, threads)


def train_part(shared: Work, request: Request) -> Outcome:
    """Train the members of a part, on a worker or here."""
    work = _work(shared, request)
    engine.train(work)
    rows = {name: getattr(work.members, name) for name in _ENDS}
    return Outcome({**rows, **{name: getattr(work, name) for name in _SCORES}}, work.stopped)


def keep(work: Work, part: range, outcome: Outcome) -> None:
    """Write what came of a part into its rows of the whole population."""
    for name in _ENDS:
        _rows(work, getattr(work.members, name), part)[:] = outcome.rows[name]
    for name in _SCORES:
        _rows(work, getattr(work, name), part)[:] = outcome.rows[name]


def expected(work: Work, part: range) -> dict[str, Array]:
    """Arrays of the shapes and dtypes that a part's outcome has."""
    owners = {**dict.fromkeys(_ENDS, work.members), **dict.fromkeys(_SCORES, work)}
    return {name: _rows(work, getattr(owner, name), part) for name, owner in owners.items()}


def _rows(work: Work, array: Array, part: range) -> Array:
    """A part's rows of a flat array, a view; empty of one that this population does not need."""
    width = array.size // work.size
    return array[part.start * width : part.stop * width]


def _work(shared: Work, request: Request) -> Work:
    """The work that a part is."""
    n, members = request.size, shared.members
    # Copies: what an engine delivers may be read-only, and a descent writes parameters.
    arrays: dict[str, Any] = {name: own.copy() for name, own in request.rows.items()}
    arrays |= outcomes(n, members.kept_epochs.size, shared.validation is not None)
    options = copy(shared.options)
    options.max_seconds = request.seconds
    return replace(
        shared,
        options=options,
        groups=[replace(shared.groups[number], jobs=jobs) for number, jobs in request.jobs],
        members=members._replace(**arrays),
        cost=np.full(n, np.nan),
        held_out_cost=np.full(n if shared.held_out.size else 0, np.nan),
        windows=_with_members(shared.windows, request.windows),
        threads=request.threads,
    )
