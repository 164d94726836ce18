"""Slices of a descent by a team whose size follows what the machine has to give."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

from ..kernels.threads.team import disband
from ..machine import team_size
from ..machine.threads import Team

# A compiled loop: board, member, members, and rounds, after which the leader returns.
Loop = Callable[[Any, int, int, int], Any]


@contextmanager
def team_slices(
    loop: Loop, kind: Hashable, most: int, work_done: Callable[[], float]
) -> Iterator[Callable[[int], None]]:
    """What runs the loop for some rounds, by at most so many members.

    kind is a name for work that takes one thread as long as another time, work_done tells how much
    of it has been done. Helpers wait inside the loop from slice to slice, and write nothing but
    while the leader, the caller, is inside too.
    """
    team, size = Team(), team_size.take(kind, most)

    def run(rounds: int) -> None:
        for members, part in size.plan(rounds, time.perf_counter()):
            if members > team.members:
                team.hire(members - team.members, lambda member: loop(team.board, member, most, 1))
            before, begin = work_done(), time.perf_counter()
            loop(team.board, 0, min(members, team.members), part)
            now = time.perf_counter()
            size.record(members, part, work_done() - before, now - begin, now)

    try:
        yield run
    finally:
        disband(team.board)
    team_size.keep(kind, most, size)
    team.check()
