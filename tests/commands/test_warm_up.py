"""``nnlib.warm_up``: what it has compiled is all that later calls need."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nnlib import warm_up
from nnlib.__main__ import main

pytestmark = pytest.mark.cpu("kernels")

module = sys.modules["nnlib.commands.warm_up"]

# Of a process that has nothing in memory but what warm_up brought there.
AFTERWARDS = """
import gc
from concurrent.futures import ThreadPoolExecutor
import numpy as np
import nnlib
from numba.core.dispatcher import Dispatcher

def compiled():
    return {
        (entry.py_func.__module__, entry.py_func.__qualname__, signature)
        for entry in gc.get_objects() if isinstance(entry, Dispatcher)
        for signature in entry.signatures if "nnlib" in entry.py_func.__module__
    }

nnlib.warm_up(["float32"])
before = compiled()
assert before
rng = np.random.default_rng(0)
X, y = rng.normal(size=(50, 3)), rng.random((50, 2))
net = nnlib.Network([3, 5, 2], ["relu", "sigmoid"], dtype="float32")
net.F(X), net.F(X[0]), net.J(X, y, sample_weight=np.ones(50)), net.derJ(X, y, weight_decay=0.1)
net.descent(X, y, epochs=2)
net.descent(X, y, epochs=2, batch_size=7, shuffle=False)
net.descent(
    X, y, epochs=2, optimizer="rmsprop", validation=0.2, l1=0.1, dropout=0.1, max_norm=1.0,
    clip_norm=1.0, batch_size=8, sample_weight=np.ones(50),
)
net.descent(X, y, epochs=2, optimizer="lbfgs", weight_decay=0.1)
net.descent(X, y, epochs=2, optimizer="levenberg_marquardt")
many = {"n": 3, "epochs": 2, "dtype": "float32"}
whole = [nnlib.layers.Input(3), nnlib.layers.BatchNormalization(), nnlib.layers.Dense(2)]
nnlib.Network(whole, dtype="float32").descent(X, y, epochs=2, batch_size=10)
nnlib.train_many([3, 5, 2], X, y, **many)
nnlib.train_many([3, 200, 2], X, y, **many)
nnlib.train_many([3, 5, 2], X, y, folds=2, optimizer="adam", batch_size=5, **many)
nnlib.train_many([3, 5, 2], X, y, halving=2, validation=0.5, patience=1, **many)
rows = nnlib.data.arrays(rng.normal(size=(600, 3)), rng.random((600, 2)), part_rows=100)
with ThreadPoolExecutor(2) as executor:
    for options in ({"optimizer": "lbfgs"}, {"optimizer": "adam", "batch_size": 300}, {}):
        net.descent(rows, epochs=2, cluster=executor, **options)
print(sorted(compiled() - before))
"""


def test_later_calls_find_all_compiled():
    command = [sys.executable, "-c", AFTERWARDS]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"


def test_every_job_runs_for_every_dtype_and_is_reported(monkeypatch):
    done = []
    monkeypatch.setattr(module, "JOBS", {"one": lambda dtype, data: done.append(dtype)})
    reported = []
    assert warm_up(report=lambda *line: reported.append(line)) >= 0
    assert done == ["float64", "float32"]
    assert [name for name, _ in reported] == ["float64: one", "float32: one"]


def test_a_dtype_may_be_given_alone(monkeypatch):
    done = []
    monkeypatch.setattr(module, "JOBS", {"one": lambda dtype, data: done.append(dtype)})
    warm_up("float32")
    assert done == ["float32"]


def test_another_dtype_is_refused_before_anything_is_compiled(monkeypatch):
    monkeypatch.setattr(module, "JOBS", {"one": lambda dtype, data: pytest.fail("compiled")})
    with pytest.raises(ValueError, match="dtype is 'float16', wanted 'float32' or 'float64'"):
        warm_up(["float64", "float16"])


def test_the_command_prints_every_job(monkeypatch, capsys):
    monkeypatch.setattr(module, "JOBS", {"one": lambda dtype, data: None})
    assert main(["warm-up"]) == 0
    output = capsys.readouterr().out
    assert "float64: one" in output
    assert "in all" in output
