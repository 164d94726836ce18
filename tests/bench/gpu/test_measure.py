"""How a program is timed, and how a run's jobs share the time."""

from __future__ import annotations

import math
import sys
import time

import pytest

from bench.gpu import jobs
from bench.gpu.jobs import Job
from bench.gpu.measure import program as measure
from bench.gpu.measure import rows
from bench.gpu.measure.clock import Seconds
from bench.gpu.measure.rows import FAILED, MEASURED, SKIPPED, Row


class PretendedGPU:
    """Takes half a second once and some time per count, of which a third is transfers."""

    def __init__(self, seconds):
        self.seconds, self.counts = seconds, []

    def run(self, count):
        self.counts.append(count)

    def clock(self, once):
        once()
        whole = self.seconds * self.counts[-1]
        return Seconds(whole * 2 / 3, 0.5 + whole)


@pytest.mark.parametrize("seconds", [1e-6, 1e-3, 10.0])
def test_what_happens_once_is_told_apart(seconds):
    gpu = PretendedGPU(seconds)
    found = measure.timing(gpu.run, gpu.clock, math.inf)
    assert found.device == pytest.approx(seconds * 2 / 3)
    assert found.whole == pytest.approx(seconds)
    assert found.once == pytest.approx(0.5)
    assert found.spread == pytest.approx(0, abs=1e-6)
    assert 3 * gpu.counts[-2] * seconds > measure.ROUND_SECONDS / 2


def test_after_the_deadline_one_round_is_enough():
    gpu = PretendedGPU(1.0)
    assert measure.timing(gpu.run, gpu.clock, -math.inf).whole == pytest.approx(1)
    assert gpu.counts == [1, 4]


def test_a_clock_that_runs_backwards_is_refused():
    gpu = PretendedGPU(-1.0)
    with pytest.raises(ValueError, match="too noisy"):
        measure.timing(gpu.run, gpu.clock, -math.inf)


PRETENDED_JOB = """
import argparse, pathlib, sys, time
from bench.gpu.measure import rows
parser = argparse.ArgumentParser()
parser.add_argument("name")
parser.add_argument("--seconds", type=float)
parser.add_argument("--folder", type=pathlib.Path)
parser.add_argument("--tiny", action="store_true")
given = parser.parse_args()
row = rows.Row("narrow", given.name, "nnlib", rate=given.seconds)
rows.append(given.folder / f"{given.name}.jsonl", row)
if "crash" in given.name:
    sys.exit("illegal address")
if "hang" in given.name:
    time.sleep(600)
"""


def run(names, tmp_path, budget):
    """Jobs of these names and equal shares; what was kept after each group of them, and all."""
    kept = []
    listed = [Job(name.strip("+"), 1, beside=name.startswith("+")) for name in names]
    found = jobs.run(
        listed, tmp_path, budget, True, lambda rows: kept.append(len(rows)),
        [sys.executable, "-c", PRETENDED_JOB],
    )  # fmt: skip
    return found, kept


def test_no_job_loses_the_rows_of_another(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "GRACE", 0.5)
    begin = time.monotonic()
    found, kept = run(["good", "crash", "hang", "last"], tmp_path, 40.0)
    assert time.monotonic() - begin < 30
    assert [row.workload for row in found] == ["good", "crash", "crash", "hang", "hang", "last"]
    assert [row.status for row in found] == [MEASURED, MEASURED, FAILED, MEASURED, FAILED, MEASURED]
    assert found[2].message == "status 1: illegal address"
    assert found[4].message == "ended: it went on after its time"
    assert kept == [1, 3, 5, 6]
    assert jobs.logs(tmp_path) == {"crash": "illegal address\n"}
    # Equal shares of what is left: a quarter at first.
    assert found[0].rate == pytest.approx(10, abs=0.5)
    assert found[1].rate > 10


def test_jobs_beside_each_other_have_one_share(tmp_path):
    found, kept = run(["a", "+b", "c"], tmp_path, 60.0)
    assert kept == [2, 3]
    assert found[0].rate == found[1].rate == pytest.approx(30, abs=1)


def test_what_the_time_does_not_reach_is_said(tmp_path):
    found, _ = run(["a"], tmp_path, 0.0)
    assert found == [Row("jobs", "a", "", SKIPPED, message="the 0 s were over")]


def test_the_jobs_of_the_table_exist():
    from bench.gpu import job

    assert {one.name for one in jobs.JOBS} == set(job.JOBS)


class TestGuardedRows:
    """What fails or comes too late leaves a row that says so."""

    @pytest.fixture
    def case(self):
        from bench.gpu.measure import cases

        return cases.populations(tiny=True)[0]

    def test_a_program_that_cannot_be_prepared(self, case, tmp_path, capsys):
        from bench.gpu.job import Job

        def missing():
            raise ImportError("No module named 'jax'\nat all")

        row = Job(60.0, tmp_path, True).row(case, "JAX", missing)
        assert (row.status, row.program, row.workload) == (FAILED, "JAX", case.name)
        assert row.message == "ImportError: No module named 'jax'"
        assert "Traceback" in capsys.readouterr().err

    def test_one_that_is_wrong(self, case, tmp_path):
        from bench.gpu.job import Job

        program = measure.Program(print, lambda: case.start, None)
        row = Job(60.0, tmp_path, True).row(case, "lazy", lambda: program)
        assert row.status == FAILED
        assert "1.0e+00 from float64 on the processor" in row.message

    def test_one_that_comes_too_late(self, case, tmp_path):
        from bench.gpu.job import Job

        row = Job(-1.0, tmp_path, True).row(case, "late", sys.exit)
        assert (row.status, row.message) == (SKIPPED, "the job's time was over")


def test_rows_survive_a_file(tmp_path):
    row = Row("narrow", "64 wide · 2²¹", "nnlib", rate=1.5, error=1e-7)
    rows.append(tmp_path / "rows", row)
    rows.append(tmp_path / "rows", row)
    assert rows.read(tmp_path / "rows") == [row, row]
    assert rows.read(tmp_path / "none") == []
