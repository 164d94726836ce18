"""A team of threads inside compiled code: one member leads, the others help.

The leader walks through the whole loop, as a single thread would. Where work can be shared it opens
a phase: so many tasks, numbered, and an order that says what they are. It takes tasks itself, and
when none is left it waits for those that others have in hand. A helper waits for a phase, takes
tasks, and waits for the next. So nobody ever waits for a member that the system has put aside with
nothing in its hands, and a team whose helpers never come is a single thread.

All that members share is a board: a vector of int64. A helper touches the leader's arrays only
with a task in its hands, so they are at rest whenever the leader is back in Python, whoever else is
still inside. Members are plain threads that Python starts; no threading layer of Numba is involved,
so nothing aborts when two threads train at once and a forked child can train too.

The number of tasks does not depend on the size of the team, and sums over tasks are made in their
order: the bits are the same for any number of threads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..compile.jit import Integers, Vector, entry, formula, kernel
from .atomic import atomic_add, atomic_exchange, atomic_load, atomic_store, pause
from .sleeping import ALL, sleep_while, wake

# Places on the board. The number of the phase and its order share a cache line; what else is
# written while others look has one of its own.
PHASE, KIND, EPOCH, BATCH, ROUND, STEP, RATE, SCALE = range(8)
TICKET = 8  # the phase's number and how many of its tasks nobody has taken
PENDING = 16  # tasks of the phase that are not done
ASLEEP, LEADER_ASLEEP = 24, 25  # helpers that sleep for a phase; whether the leader sleeps
ACTIVE = 32  # members below this number may take tasks; LEFT: all have to leave
INSIDE = 40  # threads at work for this board, plus CLOSED (or twice that) once it takes no more
FOUND = 48  # what a member met that the leader has to know
BOARD_SIZE = 56

LEFT = -1
CLOSED = 2**40

# TICKET is the number of the phase times 2^28 plus the number of tasks left.
_TASK_BITS = 28
MOST_TASKS = 2**_TASK_BITS - 1
_PHASES = 2**35 - 1

# Some 5 to 10 µs. Phases that are open for so long are worth no sleep; beyond, another process may
# have a better use for the processor: with 2000 pauses a team beside one took twice as long.
_PAUSES = 300


class Member(NamedTuple):
    """A thread's place in its team: number 0 leads."""

    board: Integers
    number: int
    members: int  # 1: alone; helpers only have to know that they are not


class Order(NamedTuple):
    """What the tasks of a phase are, in the words of the loop that opens it."""

    kind: int
    epoch: int
    batch: int
    round: int
    step: int
    rate: float
    scale: float


@formula
def bits_of(number: float) -> Any:
    """A float64 as the board keeps it."""
    return np.float64(number).view(np.int64)


@formula
def number_of(bits: int) -> Any:
    """The float64 of these bits."""
    return np.int64(bits).view(np.float64)


@kernel
def open_phase(member: Member, order: Order, tasks: int) -> int:
    """The leader's: offer tasks 0 … tasks − 1 to all members; returns the number of the phase.

    All tasks of the phase before are done. There are at most MOST_TASKS: of blocks of 256 samples
    that is more than any memory holds.
    """
    if member.members == 1:
        return 0
    board = member.board
    phase = atomic_load(board, PHASE) + 1
    atomic_store(board, KIND, order.kind)
    atomic_store(board, EPOCH, order.epoch)
    atomic_store(board, BATCH, order.batch)
    atomic_store(board, ROUND, order.round)
    atomic_store(board, STEP, order.step)
    atomic_store(board, RATE, bits_of(order.rate))
    atomic_store(board, SCALE, bits_of(order.scale))
    atomic_store(board, PENDING, tasks)
    atomic_store(board, TICKET, ((phase & _PHASES) << _TASK_BITS) | tasks)
    atomic_add(board, PHASE, 1)
    if atomic_load(board, ASLEEP) > 0:
        wake(board, PHASE, tasks - 1)
    return phase


@kernel
def next_phase(member: Member, seen: int) -> int:
    """A helper's: wait for another phase than the one seen last; its number, or LEFT."""
    board = member.board
    pauses = 0
    while True:
        active = atomic_load(board, ACTIVE)
        if active == LEFT:
            return LEFT
        phase = atomic_load(board, PHASE)
        if member.number >= active:
            sleep_while(board, ACTIVE, active)
        elif phase != seen:
            return phase
        elif pauses < _PAUSES:
            pauses += 1
            pause()
        else:
            atomic_add(board, ASLEEP, 1)
            if atomic_load(board, PHASE) == seen:
                sleep_while(board, PHASE, seen)
            atomic_add(board, ASLEEP, -1)


@kernel
def read_order(member: Member) -> Order:
    """The order on the board, for certain that of the phase once a task of it is in hand.

    Till then the leader may have gone on, and be writing the next.
    """
    board = member.board
    return Order(
        atomic_load(board, KIND),
        atomic_load(board, EPOCH),
        atomic_load(board, BATCH),
        atomic_load(board, ROUND),
        atomic_load(board, STEP),
        number_of(atomic_load(board, RATE)),
        number_of(atomic_load(board, SCALE)),
    )


@kernel
def next_task(member: Member, phase: int, task: int, tasks: int) -> int:
    """The member's next task of the phase after `task` (−1: its first); `tasks` if none is left.

    A helper that comes late finds the ticket of a later phase, and so no task of this one.
    """
    if member.members == 1:
        return task + 1
    board = member.board
    ticket = atomic_load(board, TICKET)
    while ticket >> _TASK_BITS == phase & _PHASES and ticket & MOST_TASKS:
        found = atomic_exchange(board, TICKET, ticket, ticket - 1)
        if found == ticket:
            return tasks - (ticket & MOST_TASKS)
        ticket = found
    return tasks


@kernel
def close_phase(member: Member, done: int) -> None:
    """Report so many tasks as done; the leader returns when all of the phase are."""
    board = member.board
    if member.members == 1:
        return
    left = 0
    if done:
        left = atomic_add(board, PENDING, -done) - done
    if member.number > 0:
        if done and left == 0 and atomic_load(board, LEADER_ASLEEP) > 0:
            wake(board, PENDING, 1)
        return
    pauses = 0
    while True:
        left = atomic_load(board, PENDING)
        if left == 0:
            return
        if pauses < _PAUSES:
            pauses += 1
            pause()
        else:
            atomic_add(board, LEADER_ASLEEP, 1)
            sleep_while(board, PENDING, left)
            atomic_add(board, LEADER_ASLEEP, -1)


@kernel
def set_active(board: Vector, members: int) -> None:
    """The leader's, between two phases: let members below this number take tasks."""
    if board.size and atomic_load(board, ACTIVE) != members:
        atomic_store(board, ACTIVE, members)
        wake(board, ACTIVE, ALL)


@entry
def enter(board: Vector) -> bool:
    """A thread comes to work for the board; False, and it must not, if the board is closed."""
    if atomic_add(board, INSIDE, 1) < CLOSED:
        return True
    leave_board(board)
    return False


@entry
def leave(board: Vector) -> None:
    """A thread that entered will not touch anything of the board's job again."""
    leave_board(board)


@kernel
def leave_board(board: Vector) -> None:
    """The last one out wakes whoever disbands the team."""
    inside = atomic_add(board, INSIDE, -1)
    if inside >= CLOSED and inside % CLOSED == 1:
        wake(board, INSIDE, ALL)


@entry
def disband(board: Vector) -> None:
    """Send all helpers away, let nobody enter any more, and return when nobody is inside.

    It is one call of compiled code, so Ctrl-C cannot end it early: Python's own ways to wait, a
    thread's end among them, are left at an interrupt while the thread still writes.
    """
    atomic_store(board, ACTIVE, LEFT)
    atomic_add(board, PHASE, 1)
    wake(board, PHASE, ALL)
    wake(board, ACTIVE, ALL)
    if atomic_load(board, INSIDE) < CLOSED:
        atomic_add(board, INSIDE, CLOSED)
    while True:
        inside = atomic_load(board, INSIDE)
        if inside % CLOSED == 0:
            return
        sleep_while(board, INSIDE, inside)


@kernel
def share(size: int, part: int, parts: int) -> tuple[int, int]:
    """First and last-plus-one element of one of the parts of a vector.

    Parts begin at multiples of 64 elements, so that every element is computed by the same
    vector instructions whatever their number.
    """
    first = size * part // parts // 64 * 64
    last = size if part == parts - 1 else size * (part + 1) // parts // 64 * 64
    return first, last
