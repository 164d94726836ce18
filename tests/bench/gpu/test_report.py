"""The table of a GPU, from made-up rows, and the command for NVIDIA's checks."""

from __future__ import annotations

import os
import stat

import pytest

from bench.gpu import report, sanitize
from bench.gpu.goals import verdicts
from bench.gpu.machine import file_name
from bench.gpu.measure.rows import CHECKED, FAILED, SKIPPED, Row

FACTS = {
    "gpu": "NVIDIA Made-Up", "capability": [9, 0], "processors": 132, "python": "3.12.3",
    "nvidia-smi": {"driver_version": "580.1"}, "versions": {"numba": "0.68"}, "seconds": 500.4,
}  # fmt: skip
ROWS = [
    Row("ceilings", "memory bandwidth, a copy", "driver", rate=3e12, unit="B/s"),
    Row("ceilings", "memory bandwidth, a copy", "PyTorch", rate=4e12, unit="B/s"),
    Row("ceilings", "product of matrices, float32", "PyTorch", rate=5e13, unit="FLOP/s"),
    Row("ceilings", "product of matrices, TF32", "PyTorch", rate=4e14, unit="FLOP/s"),
    Row("transfers", "pinned memory to the GPU", "nnlib", rate=5e10, unit="B/s"),
    Row("kernels", "alone, float32", "tanh", CHECKED, error=1e-6, limit=2e-4),
    Row("kernels", "layers, float32", "tanh", FAILED, error=1e-2, limit=2e-4),
    Row("populations", "1-2-1 × 9", "nnlib", rate=2e9, whole=1e9, once=0.5, spread=0.01,
        flops=1e12, error=2e-7),
    Row("populations", "1-2-1 × 9", "JAX vmap", rate=9e7),
    Row("populations", "1-2-1 × 9", "JAX vmap, TF32", rate=9e9),
    Row("narrow", "batch 1024", "nnlib", rate=4.9e8, bytes=1e12),
    Row("narrow", "batch 2048", "nnlib", rate=4.9e8),
    Row("narrow", "batch 1024", "PyTorch CUDA graph", rate=9e9),
    Row("narrow", "batch 1024", "PyTorch compiled", rate=9e7),
    Row("narrow", "batch 1024", "PyTorch reduce-overhead", rate=1e8),
    Row("narrow", "batch 2048", "PyTorch compiled", FAILED, message="no Triton | at all"),
    Row("wide", "batch 256", "nnlib", rate=9.5e5),
    Row("wide", "batch 256", "nnlib, TF32", rate=3.7e6, flops=3e14),
    Row("wide", "batch 256", "nnlib, BF16", rate=9e6, flops=8e14),
    Row("wide", "batch 256", "PyTorch", rate=1e6),
    Row("wide", "batch 256", "PyTorch, TF32", rate=4e6, flops=2e14),
    Row("narrow", "batch 2048", "PyTorch", SKIPPED, message="the job's time was over"),
]  # fmt: skip


def test_goals_are_reached_missed_or_not_measured():
    found = {
        (verdict.goal.title, verdict.workload): (verdict.reached, verdict.peer)
        for verdict in verdicts(ROWS)
    }
    assert found == {
        ("populations ≥ 20 × JAX vmap", "1-2-1 × 9"): (True, "JAX vmap"),
        ("narrow networks ≥ 5 × PyTorch compiled", "batch 1024"): (
            False, "PyTorch reduce-overhead",
        ),
        ("narrow networks ≥ 5 × PyTorch compiled", "batch 2048"): (None, ""),
        ("wide networks ≥ 0.9 × PyTorch, float32", "batch 256"): (True, "PyTorch"),
        ("wide networks ≥ 0.9 × PyTorch, TF32", "batch 256"): (True, "PyTorch, TF32"),
    }  # fmt: skip


def test_the_page_has_what_was_measured_and_says_what_was_not():
    lines = report.markdown(FACTS, ROWS).splitlines()
    assert lines[0] == "# NVIDIA Made-Up"
    assert "- driver_version: 580.1" in lines
    assert "| memory bandwidth, a copy | PyTorch | 4 TB/s |" in lines
    assert "| pinned memory to the GPU | nnlib | 50 GB/s |" in lines
    (ours,) = (line for line in lines if line.startswith("| 1-2-1 × 9 | nnlib"))
    assert ours == "| 1-2-1 × 9 | nnlib | 2e+09 |  | 1e+09 | 500 ms | 1% | 2.00% |  | 2e-07 |"
    assert any("| batch 1024 | nnlib | 4.9e+08 |" in line and "25.00%" in line for line in lines)
    assert any("PyTorch, TF32" in line and "50.00%" in line for line in lines)
    assert "| layers, float32 | tanh | 1.0e-02 | 2e-04 | **wrong** |" in lines
    assert "| kernels: layers, float32 | tanh | off by 1.0e-02 |" in lines
    assert "| narrow: batch 2048 | PyTorch compiled | no Triton ¦ at all |" in lines
    assert "| narrow: batch 2048 | PyTorch | the job's time was over |" in lines


def test_tables_have_as_many_cells_in_every_row():
    cells = 0
    for line in report.markdown(FACTS, ROWS).splitlines():
        if not line.startswith("|"):
            cells = 0
            continue
        cells = cells or line.count("|")
        assert line.count("|") == cells, line


def test_a_run_in_which_nothing_was_measured():
    facts = {**FACTS, "nvidia-smi": None, "processors": None}
    page = report.markdown(facts, [Row("jobs", "check-alone", "", FAILED, message="status 1")])
    assert "| jobs: check-alone |  | status 1 |" in page
    assert "## Goals" not in page


def test_file_names():
    assert file_name("NVIDIA H100 80GB HBM3") == "nvidia-h100-80gb-hbm3"


def pretended_sanitizer(folder, monkeypatch, last):
    """A compute-sanitizer on the PATH that notes its arguments and ends as told."""
    program = folder / "compute-sanitizer"
    program.write_text(
        "#!/bin/sh\n"
        'echo "$@" >> ' + f"{folder}/calls\n"
        'for a in "$@"; do case $a in\n'
        '--log-file=*) echo "== $1" > "${a#--log-file=}";; esac; done\n'
        f"{last}\n",
        encoding="utf-8",
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize("wrong", [0, 1])
def test_the_sanitizer_is_run_with_every_tool(tmp_path, monkeypatch, capsys, wrong):
    pretended_sanitizer(tmp_path, monkeypatch, f"exit {wrong}")
    assert sanitize.run(tmp_path / "results", 60.0) == wrong
    calls = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    assert [call.split()[0] for call in calls] == ["--tool=memcheck", "--tool=racecheck"]
    assert all("--device cuda tests/cuda" in call for call in calls)
    assert f"memcheck: status {wrong}; == --tool=memcheck" in capsys.readouterr().out


def test_a_sanitizer_that_takes_too_long_is_ended(tmp_path, monkeypatch, capsys):
    pretended_sanitizer(tmp_path, monkeypatch, "exec sleep 600")
    assert sanitize.run(tmp_path, 1.0) == 1
    assert capsys.readouterr().out.count("ended after 0 s") == 2


def test_no_sanitizer_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert sanitize.run(tmp_path, 60.0) == 1
    assert "compute-sanitizer is not on the PATH" in capsys.readouterr().out
