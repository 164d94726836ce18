"""Parts: their sizes, what becomes of their errors, and workers that differ."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from nnlib.cluster import schedule, worker
from nnlib.cluster.engine import Losses
from nnlib.cluster.executors import OnExecutor
from nnlib.cluster.here import Here
from nnlib.cluster.schedule import PART_SECONDS, Cutter, run
from tests.cluster.jobs import Squares, fail_from_5_on, square
from tests.cluster.losing import Losing


def cut_all(cutter, seconds_each, workers):
    """All parts, each measured as soon as it is cut."""
    parts = []
    while cutter.left:
        parts.append(cutter.cut(workers))
        cutter.measured(len(parts[-1]), len(parts[-1]) * seconds_each)
    return parts


@pytest.mark.parametrize("seconds_each", [1e-7, 1e-5, 1e-3, 0.3, 30.0])
@pytest.mark.parametrize("workers", [1, 3, 100])
def test_parts_cover_everything_once_and_take_about_a_second(seconds_each, workers):
    count = 5000
    parts = cut_all(Cutter([range(count)], 16), seconds_each, workers)
    assert [number for part in parts for number in part] == list(range(count))
    first, *others = parts
    assert len(first) <= 16
    assert all(len(part) <= PART_SECONDS / seconds_each + 16 for part in others)


def test_parts_are_whole_grains_but_for_the_last():
    parts = cut_all(Cutter([range(1000)], 16), 0.01, 2)
    assert all(len(part) % 16 == 0 for part in parts[:-1])


def test_parts_become_smaller_towards_the_end():
    sizes = [len(part) for part in cut_all(Cutter([range(100_000)], 16), 1e-4, 4)][1:-1]
    assert sizes[-1] < max(sizes) / 4


def test_gaps_are_filled_each_by_itself():
    parts = cut_all(Cutter([range(3, 5), range(5, 5), range(90, 200)], 16), 1e-9, 1)
    assert [number for part in parts for number in part] == [3, 4, *range(90, 200)]
    assert parts[0] == range(3, 5)


def test_few_pieces_are_shared_out():
    cutter = Cutter([range(8)], 1)
    assert [len(cutter.cut(4)) for _ in range(8)] == [1] * 8


@pytest.mark.parametrize("in_threads", [False, True])
def test_everything_is_done(in_threads):
    job = Squares(300, square)
    with ThreadPoolExecutor(3) as executor:
        run(OnExecutor(executor) if in_threads else Here(), job, [range(100), range(100, 300)])
    np.testing.assert_array_equal(job.found, np.arange(300) ** 2 + 7)
    assert len(job.parts) > 3


def test_nothing_to_do():
    job = Squares(4, square)
    run(Here(), job, [])
    assert not job.parts


def test_the_error_of_a_part_is_reported_once_with_its_numbers():
    job = Squares(300, fail_from_5_on)
    with (
        ThreadPoolExecutor(2) as executor,
        pytest.raises(ValueError, match=r"^five is too many") as raised,
    ):
        run(OnExecutor(executor), job, [range(5), range(5, 300)])
    (note,) = raised.value.__notes__
    assert re.fullmatch(r"In the part from \d+ to \d+\.", note)


@pytest.mark.parametrize("every", [2, 3, 7])
def test_parts_that_are_lost_are_done_again(every):
    job = Squares(1000, square)
    run(Losing(lambda count: count % every == 0), job, [range(1000)])
    np.testing.assert_array_equal(job.found, np.arange(1000) ** 2 + 7)


def test_parts_are_shorter_after_a_loss_and_longer_again():
    cutter = Cutter([range(100_000)], 1)
    cutter.measured(1, 0.01)
    whole = cutter.cut(1)
    cutter.lost(whole)
    lengths = []
    while cutter.left > 5000:
        lengths.append(len(cutter.cut(1)))
        cutter.measured(lengths[-1], lengths[-1] * 0.01)
    assert len(whole) == 64  # of one piece, no more is known
    assert lengths[0] < PART_SECONDS / 0.01
    assert max(lengths) == PART_SECONDS / 0.01


def test_parts_that_are_always_lost_are_an_error(monkeypatch):
    monkeypatch.setattr(Losses, "most", 5)
    job = Squares(100, square)
    with pytest.raises(RuntimeError, match=r"5 parts in a row were lost .* was killed.*memory"):
        run(Losing(lambda count: count > 3), job, [range(100)])
    assert (job.found >= 0).sum() > 0


def test_stops_when_the_job_says_so():
    job = Squares(100_000, square, most=2)
    run(Here(), job, [range(100_000)])
    assert len(job.parts) == 2


def test_workers_of_other_versions_are_refused_before_work(monkeypatch):
    own = worker.this_worker()
    other = own._replace(host="b", process=7, versions=own.versions._replace(numba="0.1"))
    engine, job = Here(), Squares(4, square)
    monkeypatch.setattr(engine, "workers", lambda: [own, other])
    with pytest.raises(RuntimeError, match=r"process 7 on b has numba 0.1, here .*cluster-check"):
        run(engine, job, [range(4)])
    assert not job.parts


def test_a_part_looks_at_its_versions_itself():
    versions = worker.own_versions()._replace(nnlib="0.0.1")
    with pytest.raises(RuntimeError, match=r"nnlib .*, here 0.0.1"):
        worker.work_on([7], worker.Call(square, range(4), versions))


def test_warns_once_of_another_vector_width(monkeypatch):
    own = worker.this_worker()
    engine = Here()
    monkeypatch.setattr(engine, "workers", lambda: [own._replace(vectors="x86-64-v1")])
    with pytest.warns(UserWarning, match="bits may differ") as seen:
        run(engine, Squares(300, square), [range(300)])
    assert len(seen) == 1


def test_the_measurement_of_a_short_part_is_not_stretched_far():
    cutter = Cutter([range(10**9)], 16)
    cutter.cut(1)
    cutter.measured(16, 0.0)
    assert len(cutter.cut(1)) == 16 * schedule._GROWTH
