"""The race of a row's forms: the fastest is found, on a clock that the runs turn."""

from __future__ import annotations

import numpy as np
import pytest

from bench.measure import forms, timing
from bench.problems.workload import (
    Form,
    Implementation,
    Result,
    Tolerance,
    UnavailableError,
    Workload,
)


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only when a run says so."""
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    return now


class Runner:
    """A form that takes so many seconds for the first result, then some for each count."""

    def __init__(self, clock, each, first=0.0, value=1.0):
        self.clock, self.each, self.first, self.value = clock, each, first, value
        self.runs = 0

    def prepare(self, problem, dtype):
        self.clock[0] += self.first
        return self.run

    def run(self, count):
        self.runs += 1
        self.clock[0] += self.each * count
        return Result(np.array([self.value]))


def missing(problem, dtype):
    raise UnavailableError("it is not installed")


def workload(**programs):
    """One row with these forms, beside a reference."""
    prepared = {
        name: Form(getattr(program, "prepare", program)) for name, program in programs.items()
    }
    return Workload(
        name="made up", title="", description="", problem=lambda: None,
        implementations={
            "reference": Implementation({"": Form(lambda problem, dtype: reference)}),
            "row": Implementation(prepared),
        },
        tolerances={"float64": Tolerance(1e-6)}, ours="row",
    )  # fmt: skip


def reference(count):
    return Result(np.array([1.0]))


def test_the_fastest_form_comes_first_whatever_it_took_to_prepare(clock):
    row = workload(slow=Runner(clock, 0.012), fast=Runner(clock, 0.01, first=30.0))
    entered = forms.candidates(row, "row")
    assert [candidate.form for candidate in entered] == ["slow", "fast"]
    assert entered[1].first_result == pytest.approx(30.01)
    least = forms.race(entered, 1)
    assert list(least) == ["fast", "slow"]
    assert least["fast"] == pytest.approx(0.01)


def test_the_least_time_counts(clock):
    """Other work on the machine only adds time."""
    disturbed = Runner(clock, 0.03)
    quiet = Runner(clock, 0.04)
    row = workload(disturbed=disturbed, quiet=quiet)
    entered = forms.candidates(row, "row")

    def run(count):
        disturbed.each = 0.05 if disturbed.runs % 2 else 0.03
        return Runner.run(disturbed, count)

    entered[0] = entered[0]._replace(run=run)
    assert next(iter(forms.race(entered, 1))) == "disturbed"


def test_a_hopeless_form_has_one_round(clock):
    hopeless, fast, near = (Runner(clock, each) for each in (0.1, 0.03, 0.04))
    entered = forms.candidates(workload(fast=fast, near=near, hopeless=hopeless), "row")
    before = hopeless.runs, near.runs
    assert list(forms.race(entered, 1)) == ["fast", "near", "hopeless"]
    # One to find the count, one round; the others have all rounds.
    assert hopeless.runs - before[0] == 2
    assert near.runs - before[1] == 1 + forms.ROUNDS


def test_a_single_form_is_not_raced(clock):
    alone = Runner(clock, 0.01)
    entered = forms.candidates(workload(alone=alone), "row")
    assert list(forms.race(entered, 1)) == ["alone"]
    assert alone.runs == 1


def test_a_form_that_is_missing_is_left_out(clock):
    entered = forms.candidates(workload(missing=missing, there=Runner(clock, 0.01)), "row")
    assert [candidate.form for candidate in entered] == ["there"]


def test_a_row_without_any_form_says_why():
    with pytest.raises(UnavailableError, match="it is not installed"):
        forms.candidates(workload(missing=missing), "row")


def test_a_form_with_another_result_is_refused(clock):
    row = workload(right=Runner(clock, 0.01), wrong=Runner(clock, 0.001, value=1.1))
    with pytest.raises(AssertionError):
        forms.candidates(row, "row")
    assert forms.usual(row, "row").form == "right"
