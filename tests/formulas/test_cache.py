"""Code of the user's own formulas on disk: found again, and never taken for another formula's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.cpu("host")
ROOT = Path(__file__).parents[2]

# What each process computes: 3 and 5 are F and J, by formulas of the same names.
SOURCE = """
import sys
import nnlib
from nnlib.kernels.compile import duration
{before}
loss = nnlib.losses.Custom({cost}, {slope}, "mine")
line = nnlib.activations.Custom({function}, {derivative}, "mine")
net = nnlib.Network([1, 1], line, loss, initializer=[([[1]], [0])])
print(net.F(1.0), net.J([1.0], [0.0]), net.derJ([1.0], [0.0])[1][0].item())
print(duration.compile_seconds_of_all())
"""
LAMBDAS = {
    "before": "",
    "cost": "lambda a, y: {k} * (a - y) ** 2",
    "slope": "lambda a, y: 2 * {k} * (a - y)",
    "function": "lambda z: {k} * z",
    "derivative": "lambda z: {k}",
}
BY_GLOBAL = {
    "before": "k = {k}",
    "cost": "lambda a, y: k * (a - y) ** 2",
    "slope": "lambda a, y: 2 * k * (a - y)",
    "function": "lambda z: k * z",
    "derivative": "lambda z: k",
}
BY_HELPER = {
    "before": "def h(x):\n    return {k} * x",
    "cost": "lambda a, y: h((a - y) ** 2)",
    "slope": "lambda a, y: h(2 * (a - y))",
    "function": "lambda z: h(z)",
    "derivative": "lambda z: h(1.0)",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("cache")
    path.chmod(0o700)
    return path


def run(folder, parts, k):
    """F, J and ∂J/∂b of a process of its own, and the seconds it compiled."""
    source = SOURCE.format(**{name: text.format(k=k) for name, text in parts.items()})
    surroundings = {**os.environ, "NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", source]
    ended = subprocess.run(command, env=surroundings, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    values, seconds = ended.stdout.splitlines()
    return [float(value) for value in values.split()], float(seconds)


@pytest.mark.parametrize("parts", [LAMBDAS, BY_GLOBAL, BY_HELPER], ids=["code", "global", "helper"])
def test_no_process_takes_another_formula_s_code(folder, parts):
    """Their names, places and lines are the same; only what they compute is another."""
    for k in (2.0, 3.0, 2.0):
        values, _ = run(folder, parts, k)
        assert values == [k, k * k**2, 2 * k * k * k]


def test_two_of_one_name_loaded_into_one_process(folder):
    """Each from its own file; the symbols in the machine code differ."""
    two, three = ({name: text.format(k=k) for name, text in LAMBDAS.items()} for k in (2.0, 3.0))
    source = SOURCE.format(**two) + SOURCE.format(**three)
    surroundings = {**os.environ, "NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    for k in (2.0, 3.0):
        run(folder, LAMBDAS, k)
    ended = subprocess.run(
        [sys.executable, "-c", source], env=surroundings, cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    first, _, second, _ = ended.stdout.splitlines()
    assert [float(value) for value in first.split()] == [2, 8, 16]
    assert [float(value) for value in second.split()] == [3, 27, 54]


def test_it_is_found_again(folder):
    run(folder, LAMBDAS, 2.0)
    files = {path.name for path in folder.rglob("*.code")}
    _, seconds = run(folder, LAMBDAS, 2.0)
    assert {path.name for path in folder.rglob("*.code")} == files
    assert seconds == 0 or seconds < 0.5
    run(folder, LAMBDAS, 7.0)
    assert {path.name for path in folder.rglob("*.code")} > files
