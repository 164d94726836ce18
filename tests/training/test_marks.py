"""Marks: copies of a descent to which it goes back, whole or not at all."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib.kernels.network import problem
from nnlib.training.checkpoint_rules import _of_marks, check_content
from nnlib.training.marks import NOWHERE, Marks, undivided

pytestmark = pytest.mark.cpu("host")


def nothing(*names):
    pass


class Descending:
    """What a descent changes; in epoch e all numbers are e."""

    def __init__(self, vectors=2):
        sizes = {"position": 8, "numbers": 5, "first": 3, "second": 3 * (vectors - 1)}
        self.arrays = {name: np.zeros(size) for name, size in sizes.items()}
        self.arrays["position"] = np.zeros(8, np.int64)
        self.arrays["generator"] = np.ones(4, np.uint64)
        self.parameters = np.zeros(3)
        empty = dict.fromkeys(problem.DescentState._fields, np.empty(0))
        self.state = problem.DescentState(**{**empty, **self.arrays})
        self.marks = Marks(self.parameters, self.state)

    def go_to(self, epoch):
        for array in (self.parameters, *self.arrays.values()):
            array[:] = epoch

    def stands_at(self, epoch):
        assert (self.parameters == epoch).all()
        for name in ("position", "numbers", "first", "second"):
            assert (self.arrays[name] == epoch).all(), name


@pytest.mark.parametrize("vectors", [1, 2])
def test_the_last_two_are_kept_and_the_newest_good_one_taken(vectors):
    descending = Descending(vectors)
    for epoch in (5, 6, 9):
        descending.go_to(epoch)
        descending.marks.take(True, nothing)
    descending.go_to(12)
    for wanted, found in ((12, 9), (9, 9), (8, 6), (6, 6)):
        descending.marks.go_back(wanted)
        descending.stands_at(found)


def test_the_first_is_where_it_begins():
    descending = Descending()
    descending.go_to(3)
    descending.marks.go_back(2)
    descending.stands_at(0)
    assert (descending.arrays["generator"] == 1).all()


def test_the_same_epoch_is_marked_once():
    descending = Descending()
    for epoch in (4, 7, 7):
        descending.go_to(epoch)
        descending.marks.take(True, nothing)
    descending.marks.go_back(6)
    descending.stands_at(4)


def test_what_is_not_needed_waits_till_it_is_cheap(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("nnlib.training.marks.time.perf_counter", lambda: now[0])
    descending = Descending()

    def slow(*names):
        now[0] += 1

    descending.go_to(1)
    descending.marks.take(False, slow)
    for seconds, epoch, marked in ((2, 2, 1), (250, 3, 1), (400, 4, 4)):
        now[0] = seconds
        descending.go_to(epoch)
        descending.marks.take(False, slow)
        descending.marks.go_back(epoch)
        descending.stands_at(marked)


def test_a_mark_that_was_not_finished_does_not_count():
    """Ctrl-C while it is taken; the next time it is the one that is replaced."""
    descending = Descending()
    descending.go_to(1)
    descending.marks.take(True, nothing)
    descending.go_to(2)

    def interrupted(*names):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        descending.marks.take(True, interrupted)
    assert sorted(descending.marks.arrays["marked_position"][:, problem.EPOCH]) == [NOWHERE, 1]
    descending.marks.go_back(2)
    descending.stands_at(1)
    descending.go_to(3)
    descending.marks.take(True, nothing)
    descending.marks.go_back(2)
    descending.stands_at(1)


def test_an_interrupt_comes_after_the_copies():
    done = []

    def copies():
        done.append("begun")
        if len(done) < 4:
            raise KeyboardInterrupt
        done.append("made")

    with pytest.raises(KeyboardInterrupt):
        undivided(copies)
    assert done[-1] == "made"


@pytest.mark.parametrize(
    ("epochs", "valid"),
    [((4, 6), True), ((6, 4), True), ((NOWHERE, 5), True), ((NOWHERE, NOWHERE), False),
     ((6, 7), False), ((-5, 4), False), ((4, 9), False), ((4, 10**12), False)],
)  # fmt: skip
def test_marks_of_a_file_are_checked(epochs, valid):
    descending = Descending()
    marks, position = descending.marks.arrays, descending.arrays["position"]
    marks["marked_generator"][:] = 1
    position[problem.EPOCH] = 6
    marks["marked_position"][:, problem.EPOCH] = epochs

    def rules(found, own):
        return _of_marks({**found, "position": position}, 8)

    if valid:
        check_content(marks, marks, rules)
    else:
        with pytest.raises(ValueError, match=r"marked_position is"):
            check_content(marks, marks, rules)
