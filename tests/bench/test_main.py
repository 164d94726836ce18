"""``python -m bench``, from the command line to the report."""

from __future__ import annotations

import json
import subprocess
import sys

from bench import __main__ as main


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=main.ROOT,
        capture_output=True,
        text=True,
    )


def test_some_rows_are_timed_and_printed(tmp_path):
    results, readme = tmp_path / "new" / "bench.json", tmp_path / "README.md"
    readme.write_text("unchanged", encoding="utf-8")
    chosen = ("-k", "point and lecture")
    completed = run(*chosen, "--json", str(results), "--page", str(readme))
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert "| lecture, scalar |" in completed.stdout
    assert readme.read_text(encoding="utf-8") == "unchanged"
    document = json.loads(results.read_text(encoding="utf-8"))
    [row] = document["benchmarks"]
    info = row["extra_info"]
    assert info["unit"] == "call"
    assert 0 < info["least"] <= info["seconds"] < 1e-3
    assert info["count"] * info["seconds"] > 0.01
    assert set(row) == {"name", "extra_info"}
    machine = document["machine_info"]["bench"]
    assert machine["threads"] >= 1
    assert set(machine["state"]) == {"before", "after", "elsewhere"}
    assert min(machine["state"]["before"], machine["state"]["after"]) >= 0.9
    assert "node" not in document["machine_info"]


def test_a_selection_without_rows_fails(tmp_path):
    completed = run("-k", "no_such_row", "--json", str(tmp_path / "bench.json"))
    assert completed.returncode != 0
    assert "-k is 'no_such_row', which selects none of the rows: exercise, " in completed.stderr
