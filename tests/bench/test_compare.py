"""The gate: what was slower in a made-up record is found, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench import compare

RECORDED = Path(__file__).with_name("recorded.json")
OURS = ("exercise", "nnlib float64"), ("mnist adam", "nnlib"), ("mnist adam", "nnlib, 1 thread")


def info(document, workload, name):
    """What a record says of one row."""
    [found] = [
        row["extra_info"]
        for row in document["benchmarks"]
        if (row["extra_info"].get("workload"), row["extra_info"].get("implementation"))
        == (workload, name)
        and "target" not in row["extra_info"]
    ]
    return found


def slower(document, factor, *rows):
    """Let rows take so many times as long."""
    for row in rows:
        found = info(document, *row)
        found["seconds"] *= factor
        if found["gflops"] is not None:
            found["gflops"] /= factor


def without(document, workload, name):
    gone = info(document, workload, name)
    document["benchmarks"] = [
        row for row in document["benchmarks"] if row["extra_info"] is not gone
    ]


@pytest.fixture
def judge(tmp_path, capsys):
    """The exit status for the recorded run and a changed one, and what was printed."""

    def judged(change, *options, change_old=lambda document: None):
        paths = []
        for name, edit in (("old", change_old), ("new", change)):
            document = json.loads(RECORDED.read_text(encoding="utf-8"))
            edit(document)
            paths.append(tmp_path / f"{name}.json")
            paths[-1].write_text(json.dumps(document), encoding="utf-8")
        status = compare.main([*map(str, paths), *options])
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return judged


def test_the_same_record_passes(judge):
    status, printed = judge(lambda document: None)
    assert status == 0
    assert printed.count("ok ") == len(OURS)
    assert "0 of 3 rows are worse" in printed


@pytest.mark.parametrize("row", OURS, ids=str)
def test_a_row_that_is_worse_by_more_than_a_tenth_fails_and_is_named(judge, row):
    status, printed = judge(lambda document: slower(document, 1.12, row))
    assert status == 1
    [line] = [line for line in printed.splitlines() if line.startswith("worse")]
    assert f"{row[0]}: {row[1]}: " in line
    assert "1.12 × the time" in line


@pytest.mark.parametrize("factor", [1.09, 1.0, 0.5])
def test_a_row_that_is_little_worse_or_better_passes(judge, factor):
    assert judge(lambda document: slower(document, factor, *OURS))[0] == 0


def test_a_slow_day_is_no_regression(judge):
    def slow_day(document):
        for row in document["benchmarks"]:
            if "unit" in row["extra_info"]:
                name = row["extra_info"]
                slower(document, 3.0, (name["workload"], name["implementation"]))

    assert judge(slow_day)[0] == 0


@pytest.mark.parametrize(
    ("limit", "worse"),
    [(("exercise", "C float64"), 1), (("blas", "NumPy, float32"), 1)],
    ids=str,
)
def test_a_limit_that_got_faster_while_nnlib_did_not_fails(judge, limit, worse):
    status, printed = judge(lambda document: slower(document, 0.8, limit))
    assert status == 1
    assert f"{worse} of 3 rows are worse" in printed


def test_a_peer_that_got_faster_does_not_matter(judge):
    assert judge(lambda document: slower(document, 0.1, ("mnist adam", "JAX")))[0] == 0


def test_a_missing_row_fails_unless_a_part_is_compared(judge):
    def change(document):
        without(document, *OURS[0])

    status, printed = judge(change)
    assert status == 1
    assert "missing      exercise: nnlib float64: 62% → – of its limit" in printed
    assert judge(change, "--part")[0] == 0


def test_a_missing_limit_is_a_missing_row(judge):
    status, printed = judge(lambda document: without(document, "exercise", "C float64"))
    assert status == 1
    assert "missing      exercise: nnlib float64" in printed


def test_a_new_row_passes(judge):
    status, printed = judge(
        lambda document: None, change_old=lambda document: without(document, *OURS[1])
    )
    assert status == 0
    assert "new          mnist adam: nnlib: – → 84% of its limit" in printed


def test_records_with_nothing_in_common_are_refused(judge):
    def change(document):
        for row in OURS:
            without(document, *row)

    status, printed = judge(change, "--part")
    assert status == 2
    assert "no row of nnlib in common" in printed


@pytest.mark.parametrize(
    "change",
    [
        lambda info: info["cpu"].update(brand_raw="Another Processor"),
        lambda info: info["bench"].update(threads=8),
    ],
)
def test_another_machine_is_refused_unless_asked_for(judge, change):
    def elsewhere(document):
        change(document["machine_info"])

    status, printed = judge(elsewhere)
    assert status == 2
    assert "--other-machine" in printed
    assert "Some Processor, 2 processors" in printed
    assert judge(elsewhere, "--other-machine")[0] == 0


@pytest.mark.parametrize("content", [None, "{", '{"benchmarks": 3}'])
def test_a_bad_file_is_an_error_of_its_own(tmp_path, capsys, content):
    path = tmp_path / "bad.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    for arguments in ([str(path), str(RECORDED)], [str(RECORDED), str(path)]):
        assert compare.main(arguments) == 2
        assert "error: " in (printed := capsys.readouterr().err)
        assert "bad.json" in printed


def test_the_command_line_gives_the_exit_status(tmp_path):
    document = json.loads(RECORDED.read_text(encoding="utf-8"))
    slower(document, 2.0, OURS[0])
    worse = tmp_path / "worse.json"
    worse.write_text(json.dumps(document), encoding="utf-8")
    command = [sys.executable, "-m", "bench.compare", str(RECORDED)]
    root = RECORDED.parents[2]
    for path, status in ((RECORDED, 0), (worse, 1)):
        assert subprocess.run([*command, str(path)], cwd=root, stdout=subprocess.DEVNULL)\
            .returncode == status  # fmt: skip
