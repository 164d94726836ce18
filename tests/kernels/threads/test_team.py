"""Phases, tasks and orders: each task once, by whoever comes, and nobody waits for idle hands."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from nnlib.kernels.compile.jit import entry
from nnlib.kernels.threads.sleeping import system_wait
from nnlib.kernels.threads.team import (
    ACTIVE,
    ASLEEP,
    CLOSED,
    INSIDE,
    LEFT,
    PENDING,
    PHASE,
    Member,
    Order,
    close_phase,
    disband,
    next_phase,
    next_task,
    open_phase,
    read_order,
    set_active,
)
from nnlib.machine.threads import Team


@entry
def work(board, number, members, out, by, tasks, phases):
    """In every phase task t of T adds its order's numbers to out[t], and counts who did it."""
    member, phase = Member(board, number, members), 0
    if number == 0:
        set_active(board, members)
    for count in range(phases):
        order = Order(1, 2, 3, 4, count, 0.5, -0.25)
        if number == 0:
            phase = open_phase(member, order, tasks)
        else:
            phase = next_phase(member, phase)
            if phase == LEFT:
                return
            order = read_order(member)
        task, done = next_task(member, phase, -1, tasks), 0
        while task < tasks:
            total = order.kind + 10 * order.epoch + 100 * order.batch + 1000 * order.round
            out[task] += total * order.step + order.rate + order.scale
            by[number] += 1
            done += 1
            task = next_task(member, phase, task, tasks)
        close_phase(member, done)


def run(members, tasks, phases, helpers=None):
    """What `work` writes, and how many tasks each member did."""
    out, by = np.zeros(tasks), np.zeros(members, np.int64)
    team = Team()
    try:
        team.hire(
            members - 1 if helpers is None else helpers,
            lambda number: work(team.board, number, members, out, by, tasks, 10**9),
        )
        work(team.board, 0, members, out, by, tasks, phases)
    finally:
        disband(team.board)
    team.check()
    return out, by


@pytest.mark.parametrize("members", [1, 2, 4, 16])
@pytest.mark.parametrize("tasks", [1, 2, 7, 100])
def test_every_task_of_every_phase_is_done_once(members, tasks):
    phases = 300
    out, by = run(members, tasks, phases)
    np.testing.assert_array_equal(out, 4321 * phases * (phases - 1) / 2 + 0.25 * phases)
    assert by.sum() == tasks * phases


def test_a_team_whose_helpers_never_come_is_a_single_thread():
    _, by = run(4, 5, 100, helpers=0)
    assert by.tolist() == [500, 0, 0, 0]


@entry
def lead_without_hands(board, tasks):
    """A leader that takes no task itself."""
    member = Member(board, 0, 2)
    set_active(board, 2)
    open_phase(member, Order(1, 2, 3, 4, 5, 0.5, -0.25), tasks)
    close_phase(member, 0)


def test_a_sleeping_helper_is_woken_and_wakes_the_leader():
    """Both have slept before they get what they wait for."""
    out, by = np.zeros(3), np.zeros(2, np.int64)
    team = Team()
    try:
        team.hire(1, lambda number: work(team.board, number, 2, out, by, 3, 10**9))
        deadline = time.monotonic() + 60
        set_by_hand(team.board, 2)
        while not team.board[ASLEEP] and time.monotonic() < deadline:
            time.sleep(0.001)
        assert team.board[ASLEEP] == 1
        lead_without_hands(team.board, 3)
        assert by.tolist() == [0, 3]
        assert team.board[PENDING] == 0
    finally:
        disband(team.board)


@entry
def set_by_hand(board, members):
    set_active(board, members)


@entry
def take_late(board, phase, tasks):
    return next_task(Member(board, 1, 2), phase, -1, tasks)


@entry
def open_for_two(board, tasks):
    return open_phase(Member(board, 0, 2), Order(0, 0, 0, 0, 0, 0.0, 0.0), tasks)


def test_a_helper_that_comes_late_finds_no_task():
    board = Team().board
    first = open_for_two(board, 3)
    assert take_late(board, first, 3) == 0
    assert take_late(board, first - 1, 3) == 3
    second = open_for_two(board, 2)
    assert take_late(board, first, 3) == 3, "the ticket of a later phase"
    assert [take_late(board, second, 2) for _ in range(3)] == [0, 1, 2]


def test_the_number_of_the_phase_may_grow_for_ever():
    """Beyond the bits that a ticket has for it, and beyond what a futex compares."""
    board = Team().board
    for before in (2**32 - 1, 2**35 - 1, 2**40):
        board[PHASE] = before
        phase = open_for_two(board, 2)
        assert phase == before + 1
        assert [take_late(board, phase, 2) for _ in range(3)] == [0, 1, 2]


def test_members_beyond_the_active_do_nothing():
    out, by = np.zeros(2), np.zeros(3, np.int64)
    team = Team()
    try:
        team.hire(2, lambda number: work(team.board, number, 3, out, by, 2, 10**9))
        for members in (1, 2, 1, 2):
            work(team.board, 0, members, out, by, 2, 200)
            assert team.board[ACTIVE] == members
    finally:
        disband(team.board)
    assert by.sum() == 4 * 200 * 2
    assert by[2] == 0


def test_disband_waits_for_whoever_is_inside():
    team, seen = Team(), []

    def slow(number):
        time.sleep(0.2)
        seen.append(number)

    try:
        team.hire(2, slow)
        while team.board[INSIDE] < 2:
            time.sleep(0.001)
    finally:
        disband(team.board)
    assert sorted(seen) == [1, 2]
    assert team.board[INSIDE] == CLOSED


def test_nobody_enters_a_closed_board():
    seen = []
    team = Team()
    disband(team.board)
    team.hire(1, seen.append)
    assert team.wait(60)
    assert seen == []
    disband(team.board)  # again does no harm


def test_a_board_that_was_closed_twice_at_once_lets_both_go():
    """Each of two threads may see it open."""
    board = Team().board
    board[INSIDE] = 2 * CLOSED
    disband(board)


def test_disbanding_twice_from_two_threads_ends():
    team = Team()
    team.hire(1, lambda number: time.sleep(0.05))
    other = threading.Thread(target=disband, args=(team.board,))
    other.start()
    disband(team.board)
    other.join(60)
    assert not other.is_alive()


def test_how_threads_sleep_here():
    assert system_wait() in ("futex", "address", "doze")
