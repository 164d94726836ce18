"""The report: tables, goals, figures, and the README around them."""

from __future__ import annotations

import doctest
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from bench.measure import calibration, environment, measurement, processor
from bench.measure import elsewhere as elsewhere_module
from bench.measure.measurement import RecordError, load
from bench.programs import blas
from bench.report import pages, tables, units
from bench.report.chart import peer_chart, scaling_chart
from bench.report.goals import GOALS, best_peer
from bench.rows.workloads import EXERCISE, MNIST_ADAM, WORKLOADS

RECORDED = Path(__file__).with_name("recorded.json")
NOTES = Path(pages.__file__).parents[1] / "NOTES.md"
BEGIN, END = f"<!-- {pages.MARKER} -->", f"<!-- /{pages.MARKER} -->"
README = f"# Title\n\nbefore\n{BEGIN}\nold table\n{END}\nafter \\1 \n"


@pytest.fixture
def session():
    return load(RECORDED)


def test_ratio_table(session):
    lines = tables.ratio_table(session).splitlines()
    assert lines[0] == (
        "|  | nnlib | best peer | NumPy | scikit-learn | PyTorch | PyTorch compiled | JAX | FANN "
        "| of the limit |"
    )
    assert lines[2:] == [
        "| The exercise, one epoch | 400 ns | 5.50 × | – | – | – | – | 5.50 × | – | 62% |",
        "| 784-128-10 by Adam, one epoch | 50.0 ms | 1.80 × | – | – | 2.20 × | – | 1.80 × | – "
        "| 84% |",
    ]


def test_exercise_table(session):
    lines = tables.workload_table(EXERCISE, session).splitlines()
    assert lines[0] == "### The exercise"
    assert lines[2].endswith("J included. One epoch: at least 1.07 kB touched.")
    assert lines[4:10] == [
        "|  | one epoch | spread | once | ÷ nnlib float64 | of the limit |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| lecture, scalar | 500 µs | 2% | – | 1250 | 0.1% |",
        "| JAX | 2.20 µs | 5% | 430 ms | 5.50 | 11% |",
        "| **nnlib float64** | **400 ns** | **3%** | **200 ms** | **1.00** | **62%** |",
        "| C float64 | 250 ns | 1% | – | 0.625 | 100% |",
    ]
    assert lines[11].startswith("Not measured here: lecture, matrix, Python, shared values, NumPy,")


def test_rates_stand_beside_the_product_with_as_many_threads(session):
    text = tables.workload_table(MNIST_ADAM, session)
    assert (
        "| **nnlib** | **50.0 ms** | **4%** | **1.50 s** | **1.00** | **105** | **84%** |" in text
    )
    assert "| nnlib, 1 thread | 80.0 ms | 4% | – | 1.60 | 65.6 | 82% |" in text


def test_the_roofline_is_the_product_of_the_library_that_the_record_names(session):
    own = MNIST_ADAM.name, "nnlib"
    assert session.roofline(own) == pytest.approx(105 / 125)
    machine = {**session.machine, "blas": "SciPy"}
    assert replace(session, machine=machine).roofline(own) is None
    other = session.rows["blas", "NumPy, float32"]._replace(gflops=150.0)
    rows = {**session.rows, ("blas", "SciPy, float32"): other}
    assert replace(session, rows=rows, machine=machine).roofline(own) == pytest.approx(105 / 150)


def test_every_product_that_can_be_the_roofline_is_in_the_table():
    for library in blas.PRODUCTS:
        for dtype in ("float32", "float64"):
            for threads in (None, 1):
                row = WORKLOADS["blas"].implementations[blas.row_name(library, dtype, threads)]
                assert (row.dtype, row.forms[row.usual].threads) == (dtype, threads)


def test_goals_reached_missed_and_not_measured(session):
    lines = tables.goal_table(session, "NOTES.md").splitlines()
    found = {tuple(line.strip("| ").split(" | ")[:2]): line for line in lines}
    whole = found["The exercise", "nnlib float64: time ÷ the faster C program"]
    assert "| ≤ 1.00 × | " in whole
    assert whole.endswith("| 1.60 × | **no**: [why](NOTES.md#exercise) |")
    product = found["784-128-10 by Adam", "nnlib: rate ÷ one large product by BLAS, same threads"]
    assert "| ≥ 70% | " in product
    assert product.endswith("| 84% | yes |")
    peer = found["784-128-10 by Adam", "nnlib: times as fast as the best peer"]
    assert peer.endswith("| 1.80 × | yes |")
    missing = found["The exercise", "nnlib float32: time ÷ C float32"]
    assert missing.endswith("| – | not measured |")


def test_goals_are_ratios_with_a_reason(session):
    """A machine twice as fast in everything reaches the same goals."""
    rows = {
        key: row._replace(seconds=row.seconds / 2, gflops=row.gflops and 2 * row.gflops)
        for key, row in session.rows.items()
    }
    twice = replace(session, rows=rows)
    for goal in GOALS:
        assert goal.why
        value = goal.measure(session)
        assert goal.measure(twice) == (None if value is None else pytest.approx(value))
    assert any(goal.measure(session) is not None for goal in GOALS)


def test_the_faster_c_program_is_the_limit(session):
    own, slower = ("exercise", "nnlib float64"), ("exercise", "C float64")
    assert tables.limit_fraction(session, *own) == pytest.approx(250 / 400)
    for seconds, fraction in ((1e-7, 100 / 400), (1e-6, 250 / 400)):
        other = session.rows[slower]._replace(seconds=seconds)
        rows = {**session.rows, ("exercise", "C float64, 512-bit"): other}
        both = replace(session, rows=rows)
        assert tables.limit_fraction(both, *own) == pytest.approx(fraction)
        goal = next(goal for goal in GOALS if goal.title.endswith("the faster C program"))
        assert goal.measure(both) == pytest.approx(1 / fraction)


def elsewhere(session):
    """The session on another processor, where JAX was faster and nobody looked whether it idled."""
    machine = {name: value for name, value in session.machine.items() if name != "state"}
    jax = session.rows["exercise", "JAX"]
    rows = {**session.rows, ("exercise", "JAX"): jax._replace(seconds=jax.seconds / 2)}
    return replace(session, rows=rows, machine={**machine, "processor": "Other Processor"})


def test_another_processor_has_columns_and_a_line_of_its_own(session):
    header, _, line, *_ = tables.ratio_table(session, [elsewhere(session)]).splitlines()
    assert header.endswith(
        "| of the limit | best peer on Other Processor | of the limit on Other Processor |"
    )
    assert line.endswith("| 62% | 2.75 × | 62% |")
    part = pages.page_part(session, [elsewhere(session)])
    assert "On Other Processor: 2 processors, " in part
    assert "Whether the machine was idle was not measured. Peers had one form each" in part
    goals = tables.goal_table(session, "NOTES.md", [elsewhere(session)]).splitlines()
    assert goals[0].endswith("| reached | on Other Processor |")
    assert "On Other" not in pages.page_part(session)


def test_forms_are_listed_in_units_of_the_fastest(session):
    assert "Forms tried" not in tables.workload_table(EXERCISE, session)
    jax = session.rows["exercise", "JAX"]._replace(
        form="columns", tried={"columns": 2e-6, "W (out, in)": 2.5e-6}, elsewhere=0.07
    )
    text = tables.workload_table(
        EXERCISE, replace(session, rows={**session.rows, ("exercise", "JAX"): jax})
    )
    assert "\n- JAX: *columns*; W (out, in) 1.25 ×" in text
    assert "Other processes ran meanwhile: JAX (7.0%)." in text


def test_the_best_peer_is_no_row_of_nnlib_and_no_limit(session):
    assert best_peer(session, "mnist adam") == "JAX"
    assert best_peer(session, "exercise") == "JAX"
    assert best_peer(session, "wide") is None


def headings():
    """The anchors of the notes' headings."""
    text = NOTES.read_text(encoding="utf-8")
    return {title.strip().replace(" ", "-") for title in re.findall(r"^#+ (.*)$", text, re.M)}


@pytest.mark.parametrize("workload", dict.fromkeys(goal.workload for goal in GOALS))
def test_the_notes_have_a_heading_for_every_workload_with_a_goal(workload):
    assert workload in WORKLOADS
    assert workload.replace(" ", "-") in headings()


def test_every_name_in_a_goal_is_a_row():
    """A measure asks the session for its rows: one that has them all leaves no goal unmeasured."""
    row = measurement.Measurement(1.0, 0.0, 1.0, "float32", None, 0.0)
    rows = {
        (name, implementation): row._replace(
            dtype=kind.dtype, threads=kind.forms[kind.usual].threads
        )
        for name, workload in WORKLOADS.items()
        for implementation, kind in workload.implementations.items()
    }
    whole = measurement.Session(rows, {"blas": blas.LIMIT})
    assert [goal.title for goal in GOALS if goal.measure(whole) is None] == []


def test_costs_reached_and_not_reached(session):
    lines = tables.reaching_table(session).splitlines()
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


def test_scaling_table(session):
    assert tables.scaling_table(session).splitlines()[2:] == [
        "| samples | 1024 | 2.00 ms | 100 | 1.50 ms | 133 |",
        "| samples | 4096 | 8.00 ms | 25.0 | – | – |",
    ]


def test_what_was_not_measured_has_no_table(session):
    bare = replace(session, descents={}, points=())
    assert tables.reaching_table(bare) == tables.scaling_table(bare) == ""
    text = pages.report(bare)
    assert "One call of F" not in text.split("## Workloads")[1]
    assert "How the time grows" not in text
    assert "How the time grows" in pages.report(session)


@pytest.mark.parametrize(
    "module",
    [measurement, units, tables, blas, calibration, elsewhere_module, environment, processor],
    ids=lambda module: module.__name__,
)
def test_examples_in_docstrings(module):
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed


def test_the_report_says_where_it_was_measured(session):
    for text in (pages.report(session), pages.page_part(session), pages.some_tables(session)):
        assert "Some Processor, 2 of 4 processors; Python 3.11.7, numpy 2.4.6" in text
        assert "no C compiler" in text


def test_the_report_says_whether_the_machine_was_idle(session):
    line = tables.machine_line(session)
    assert "The machine was idle: calibration 1.00 before, 1.01 after, 0.2% of the" in line
    busy = {**session.machine, "state": {"before": 1.0, "after": 1.3, "elsewhere": None}}
    line = tables.machine_line(replace(session, machine=busy))
    assert "**The machine was busy**: calibration 1.00 before, 1.30 after." in line


def test_the_report_names_the_kernel_of_openblas(session):
    machine = {**session.machine, "blas_kernel": "SkylakeX"}
    assert "; OpenBLAS for SkylakeX; " in tables.machine_line(replace(session, machine=machine))
    assert "OpenBLAS" not in tables.machine_line(session)


def test_the_page_counts_the_goals(session):
    assert "goals are reached, " in pages.page_part(session)
    assert re.search(r"\b4 of \d+ goals are reached, \d+ were not", pages.page_part(session))


def test_only_the_part_between_the_markers_changes():
    changed = pages.refreshed(README, pages.MARKER, "new \\1 table")
    assert changed == README.replace("old table", "new \\1 table")
    assert pages.refreshed(changed, pages.MARKER, "new \\1 table") == changed


@pytest.mark.parametrize(
    "readme",
    ["", BEGIN + "\n", f"{END}\n{BEGIN}\n", README + README],
    ids=["none", "no end", "wrong order", "twice"],
)
def test_a_page_without_its_markers_is_refused(readme):
    with pytest.raises(ValueError, match="benchmark table"):
        pages.refreshed(readme, pages.MARKER, "table")


def test_main_prints_writes_draws_and_refreshes(session, tmp_path, capsys):
    readme, text = tmp_path / "README.md", tmp_path / "REPORT.md"
    readme.write_text(README, encoding="utf-8")
    pages.main([str(RECORDED), "--page", str(readme), "--report", str(text)])
    assert capsys.readouterr().out.strip() == text.read_text(encoding="utf-8").strip()
    expected = README.replace("old table", pages.page_part(session))
    assert readme.read_text(encoding="utf-8") == expected
    for figure in re.findall(r"!\[.*?\]\((.*?)\)", text.read_text(encoding="utf-8")):
        assert ET.parse(tmp_path / figure).getroot().tag.endswith("svg")


@pytest.mark.parametrize("draw", [peer_chart, scaling_chart])
def test_the_same_numbers_give_the_same_figure(draw, session, tmp_path):
    first, second = tmp_path / "1" / "a.svg", tmp_path / "2" / "a.svg"
    draw(session, first)
    draw(session, second)
    assert first.read_bytes() == second.read_bytes()
    draw(replace(session, rows={**session.rows, ("exercise", "JAX"): session.rows[
        "mnist adam", "JAX"]}, points=session.points[:2]), second)  # fmt: skip
    assert first.read_bytes() != second.read_bytes()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot be read"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"{", "is not JSON"),
        (b"[]", "is no record"),
        (b'{"benchmarks": []}', "'machine_info' is missing"),
        (b'{"benchmarks": [{"extra_info": {"workload": "exercise"}}]}', "is missing"),
        (b'{"benchmarks": [{"extra_info": {}}]}', "'workload' is missing"),
    ],
)
def test_files_that_are_no_record_are_named(tmp_path, content, complaint):
    path = tmp_path / "some.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecordError, match=f"some.json.*{complaint}"):
        load(path)
