"""Where samples fall, on made-up routines; the names of real ones."""

from __future__ import annotations

import pytest

from bench import profile
from bench.rows.workloads import WORKLOADS


def test_samples_count_for_the_routine_that_holds_them():
    known = [profile.Routine(100, 200, "second"), profile.Routine(10, 50, "first")]
    places = [10, 49, 50, 150, 199, 200, 5, 150]
    assert profile.shares(places, known) == {"outside": 3 / 8, "second": 3 / 8, "first": 2 / 8}
    assert profile.shares([1, 2], []) == {"outside": 1.0}


def test_rows_are_those_of_the_table():
    for workload, names in profile.ROWS.items():
        assert set(names) <= set(WORKLOADS[workload].implementations)


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("_ZN5nnlib7kernels6losses5deltaB3v81B126c8tJT", "losses.delta"),
        ("nnlib_lane_products_double", "tiles.lane_products"),
        ("memcpy", "memcpy"),
    ],
)
def test_names(symbol, name):
    assert profile.short_name(symbol) == name


def test_without_perf_it_says_so(monkeypatch, capsys):
    monkeypatch.setattr(profile.shutil, "which", lambda name: None)
    assert profile.main([]) == 1
    assert "perf and nm not found" in capsys.readouterr().out
