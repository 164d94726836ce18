"""The report: tables, goals, chart, and the README around them."""

from __future__ import annotations

import doctest
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from bench import measurement, report, units
from bench.chart import bar_chart
from bench.measurement import load
from bench.workloads import EXERCISE

RECORDED = Path(__file__).with_name("recorded.json")
BEGIN, END = f"<!-- {report.SPEED} -->", f"<!-- /{report.SPEED} -->"
README = f"# Title\n\nbefore\n{BEGIN}\nold table\n{END}\nafter \\1 \n"
COSTS = f"<!-- {report.REACHING} -->\nold costs\n<!-- /{report.REACHING} -->\n"


@pytest.fixture
def session():
    return load(RECORDED)


def test_exercise_table(session):
    lines = report.workload_table(EXERCISE, session).splitlines()
    assert lines[2:7] == [
        "|  | one epoch | spread | ÷ C float64 | ÷ nnlib float64 |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| lecture, scalar | 500 µs | 2% | 2000 | 1250 |",
        "| **nnlib float64** | **400 ns** | **3%** | **1.60** | **1.00** |",
        "| C float64 | 250 ns | 1% | 1.00 | 0.625 |",
    ]
    assert lines[8].startswith("Not measured here: lecture, matrix, Python, shared values, NumPy,")


def test_rates_stand_beside_the_matrix_product(session):
    text = report.markdown(session)
    assert "| **nnlib float32** | **50.0 ms** | **4%** | **1.00** | **105** | **84%** |" in text
    assert "| **SciPy** | **17.2 ms** | **1%** | **1.00** | **125** | **100%** |" in text


def test_goals_reached_missed_and_not_measured(session):
    lines = report.goal_table(session).splitlines()
    assert lines[2] == "| exercise, float64: time ÷ C program | ≤ 1.50 × | 1.60 × | **no** |"
    assert lines[3].endswith("| ≤ 1.00 × | – | not measured |")
    assert lines[6].endswith("| ≥ 60% | 84% | yes |")
    assert lines[9] == "| first descent, empty cache | ≤ 8.00 s | 4.15 s | yes |"


def test_costs_reached_and_not_reached(session):
    lines = report.reaching_table(session).splitlines()
    assert lines[:2] == [
        "- **diabetes**: 10-16-1 tanh, half squared error, 442 examples",
        "- **digits**: 64-32-10 relu and softmax, cross-entropy, 1797 examples",
    ]
    assert lines[3:] == [
        "|  | diabetes, J ≤ 0.2 | digits, J ≤ 0.01 |",
        "| --- | ---: | ---: |",
        "| nnlib adam | 310 µs (10) | 2.10 ms (7) |",
        "| nnlib lbfgs | 400 µs (12, 15 passes) | – |",
        "| PyTorch adam | – | not reached: J = 0.0123 after 4096 epochs, 5.10 s |",
    ]


def test_a_session_without_descents_has_no_table_of_costs(session):
    assert report.reaching_table(replace(session, descents={})) == ""


@pytest.mark.parametrize("module", [measurement, units], ids=lambda module: module.__name__)
def test_examples_in_docstrings(module):
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed


def test_the_report_says_where_it_was_measured(session):
    first = report.markdown(session).splitlines()[0]
    assert "Some Processor, 2 cores, BLAS threads: 1; Python 3.11.7, numpy 2.4.6" in first
    assert "no C compiler" in first


def test_a_workload_that_was_not_measured_has_no_table(session):
    assert "One call of F" not in report.markdown(session)


def test_only_the_part_between_the_markers_changes():
    changed = report.refreshed(README, report.SPEED, "new \\1 table")
    assert changed == README.replace("old table", "new \\1 table")
    assert report.refreshed(changed, report.SPEED, "new \\1 table") == changed


@pytest.mark.parametrize(
    "readme",
    ["", BEGIN + "\n", f"{END}\n{BEGIN}\n", README + README],
    ids=["none", "no end", "wrong order", "twice"],
)
def test_a_readme_without_its_markers_is_refused(readme):
    with pytest.raises(ValueError, match="benchmark table"):
        report.refreshed(readme, report.SPEED, "table")


def test_main_prints_draws_and_refreshes(tmp_path, capsys):
    readme, chart = tmp_path / "README.md", tmp_path / "folder" / "exercise.svg"
    readme.write_text(README + COSTS, encoding="utf-8")
    report.main([str(RECORDED), "--readme", str(readme), "--chart", str(chart)])
    printed = capsys.readouterr().out
    speed, costs = printed.split("\n\n- **diabetes**")
    expected = README.replace("old table", speed)
    expected += COSTS.replace("old costs\n", f"- **diabetes**{costs}")
    assert readme.read_text(encoding="utf-8") == expected
    assert ET.parse(chart).getroot().tag.endswith("svg")


def test_the_same_numbers_give_the_same_chart(session, tmp_path):
    first, second = tmp_path / "a.svg", tmp_path / "b.svg"
    bar_chart(EXERCISE, session, first)
    bar_chart(EXERCISE, session, second)
    assert first.read_bytes() == second.read_bytes()
