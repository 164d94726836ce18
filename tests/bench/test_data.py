"""The table of a descent that reads its rows, beside one in memory."""

import pytest

from bench import data

pytest.importorskip("pyarrow")
pytestmark = pytest.mark.cpu("data")


def test_both_ways_have_the_same_bits(capsys, monkeypatch):
    monkeypatch.setattr(data, "GOAL", 1e9)
    monkeypatch.setattr(data, "_GROUP_ROWS", 5000)
    assert data.main(["--gigabytes", "0.002"]) == 0
    table = capsys.readouterr().out
    assert "read as it goes, held to 2 GiB" in table
    assert "the same bits: True" in table


def test_a_missed_goal_is_told(monkeypatch):
    monkeypatch.setattr(data, "GOAL", 0.0)
    monkeypatch.setattr(data, "_GROUP_ROWS", 5000)
    assert data.main(["--gigabytes", "0.002"]) == 1
