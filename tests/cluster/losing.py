"""An engine whose workers die."""

from __future__ import annotations

from nnlib.cluster.engine import LostPartError
from nnlib.cluster.here import Here


class Losing(Here):
    """Loses parts: those whose number by order the function says."""

    def __init__(self, loses, slots=1):
        super().__init__()
        self._loses, self._slots, self._count = loses, slots, 0

    def slots(self):
        """So many parts at a time."""
        return self._slots

    def result(self, ticket):
        """Of a part, or its loss."""
        found = super().result(ticket)
        self._count += 1
        if self._loses(self._count):
            raise LostPartError("its worker was killed")
        return found


def every(number):
    """Every so manieth part is lost."""
    return lambda count: count % number == 0
