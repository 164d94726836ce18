"""The scripts of examples/ run without data, and write their figures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.cpu("command")

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
FIGURES = {
    "characters": ("cost", "line"),
    "imdb": ("cost", "words"),
    "imdb_sequences": ("cost", "reading"),
    "mnist": ("activations", "cost", "filters", "wrong"),
    "sunspots": ("errors", "forecast"),
}


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda script: script.stem)
def test_example_runs(script, tmp_path):
    environment = {**os.environ, "NNLIB_DATA": str(tmp_path), "MPLBACKEND": "Agg"}
    run = subprocess.run(
        [sys.executable, script, "--epochs", "2", "--figures", tmp_path],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "get" in run.stdout  # how to get the data
    assert "test" in run.stdout
    written = sorted(path.stem for path in tmp_path.glob("*.png"))
    assert written == [f"{script.stem}_{name}" for name in FIGURES[script.stem]]


def test_all_examples_are_known():
    assert [script.stem for script in EXAMPLES] == sorted(FIGURES)
