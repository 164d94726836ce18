"""How many members a team has: as many as the last slices showed to be fastest.

Beside other busy processes fewer threads can be faster than more, and any change of their number
between two slices leaves the bits as they are. So now and then a small part of a slice is done by
half as many members or twice as many, and the team goes over to what was faster by then.
"""

from __future__ import annotations

import math
from collections.abc import Hashable

# A trial takes so long, about three of the stretches that Linux lets a process run.
_TRIAL_SECONDS = 0.01
# The next one comes after so long, twice as long each time the team stays as it is, and at least
# after so many times what a trial took: that bounds what trials of bad sizes cost.
_SHORTEST, _LONGEST, _PAUSES = 0.25, 4.0, 25
# A larger team has to be faster by so much, since it takes other processes' time as well.
_WORTH_GROWING = 1.1
# Below this part of the usual speed it is time to look at once.
_SLOWER = 0.8
_KEPT = 64


class TeamSize:
    """The number of members of one kind of work, and when to try another.

    Parameters
    ----------
    most : int
        The team never has more.

    Examples
    --------
    >>> size = TeamSize(4)
    >>> size.plan(100, 0.0)  # the first slice compiles
    [(1, 100)]
    >>> size.plan(100, 1.0)
    [(4, 100)]
    """

    def __init__(self, most: int) -> None:
        self._sizes = [most]
        while self._sizes[0] > 1:
            self._sizes.insert(0, self._sizes[0] // 2)
        self._place = len(self._sizes) - 1
        self._fresh = True
        self._round_seconds = math.inf
        self._speed = self._usual = 0.0  # of this size: in its last slice, and over some slices
        self._interval = _SHORTEST
        self._due = self._rested = -math.inf  # when the next trial is due, and when it may be
        self._direction = -1

    @property
    def members(self) -> int:
        """Members of the next slice."""
        return self._sizes[self._place]

    def plan(self, rounds: int, now: float) -> list[tuple[int, int]]:
        """How a slice of so many rounds is done: (members, rounds), one pair after the other."""
        if self._fresh:
            # One thread compiles; nobody else waits for it.
            self._fresh = False
            return [(1, rounds)]
        tried = max(1, int(_TRIAL_SECONDS / self._round_seconds))
        # The rest of the slice, with which the trial is compared, has to be as long.
        short = tried > 1 and rounds < 2 * tried
        if len(self._sizes) == 1 or now < self._due or self._speed == 0 or short:
            return [(self.members, rounds)]
        other = self._sizes[self._place + self._towards()]
        if tried == rounds:
            return [(other, rounds)]
        return [(self.members, rounds - tried), (other, tried)]

    def record(self, members: int, rounds: int, work: float, seconds: float, now: float) -> None:
        """What one pair of the plan took; work is in units that all slices share."""
        if work <= 0 or seconds <= 0:
            return
        if members == self.members:
            self._round_seconds = seconds / rounds
            # Shorter ones tell how long threads take to wake up, as the first of every descent.
            if seconds > _TRIAL_SECONDS / 2:
                self._observe(work / seconds, now)
        elif self._speed and members in self._sizes:
            self._judge(self._sizes.index(members), work / seconds, seconds, now)

    def _towards(self) -> int:
        """Where the next trial goes: down or up, the other way at the ends."""
        if not 0 <= self._place + self._direction < len(self._sizes):
            self._direction = -self._direction
        return self._direction

    def _observe(self, speed: float, now: float) -> None:
        """The speed of a slice by all members; if it is unusually low, fewer are tried at once."""
        slow = self._place > 0 and speed < _SLOWER * self._usual
        self._speed = speed
        self._usual = speed if self._usual == 0 else 0.75 * self._usual + 0.25 * speed
        if slow:
            self._direction = -1
            self._due = min(self._due, max(now, self._rested))

    def _judge(self, place: int, speed: float, seconds: float, now: float) -> None:
        """Go over to what was tried, or try again later."""
        gained = speed > self._speed * (_WORTH_GROWING if place > self._place else 1)
        self._rested = now + _PAUSES * seconds
        if gained:
            further = 0 <= place + self._direction < len(self._sizes)
            self._place, self._interval = place, _SHORTEST
            self._speed = self._usual = speed
            self._due = now if further else now + self._interval
            return
        self._due = max(now + self._interval, self._rested)
        self._interval = min(2 * self._interval, _LONGEST)
        self._direction = -self._direction


_known: dict[Hashable, TeamSize] = {}


def take(kind: Hashable, most: int) -> TeamSize:
    """What is known of this kind of work, or a size that knows nothing; `keep` gives it back.

    It is taken out meanwhile: of two descents at once, each has its own.
    """
    return _known.pop((kind, most), None) or TeamSize(most)


def keep(kind: Hashable, most: int, size: TeamSize) -> None:
    """Keep what a descent found out for the next one like it."""
    _known.pop((kind, most), None)
    _known[kind, most] = size
    while len(_known) > _KEPT:
        _known.pop(next(iter(_known)), None)
