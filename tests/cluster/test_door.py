"""What may stand for a cluster, and what the errors say."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

import nnlib
from nnlib.cluster.door import engine_for
from nnlib.cluster.executors import OnExecutor
from nnlib.cluster.on_joblib import OnJoblib
from tests.cluster.jobs import EXERCISE, X, Y


def test_an_executor():
    with ThreadPoolExecutor(3) as executor:
        engine = engine_for(executor)
        assert isinstance(engine, OnExecutor)
        assert engine.slots() == 3


def test_an_executor_that_is_shut_down():
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(ValueError, match=r"ThreadPoolExecutor that takes no work.*with block"):
        nnlib.train_many([1, 2, 1], X, Y, cluster=executor, **EXERCISE)


@pytest.mark.parametrize(("name", "near"), [("rya", "ray"), ("Dask", "dask"), ("lokey", "loky")])
def test_an_unknown_name_with_the_near_one(name, near):
    with pytest.raises(ValueError, match=rf"cluster is '{name}', wanted .*did you mean '{near}'"):
        engine_for(name)


@pytest.mark.parametrize("value", [1, None, object(), ["ray"]])
def test_something_else(value):
    with pytest.raises(TypeError, match="cluster must be 'ray', 'dask'"):
        engine_for(value)


@pytest.mark.parametrize("name", ["ray", "ray://somewhere:10001"])
def test_ray_is_not_installed(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match="needs Ray, the extra ray: pip install ray"):
        engine_for(name)


@pytest.mark.parametrize("name", ["dask", "tcp://127.0.0.1:8786"])
def test_dask_is_not_installed(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match="needs Dask, the extra dask: pip install dask"):
        engine_for(name)


def test_nobody_answers_at_the_address(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("nnlib.cluster.on_dask._ANSWER_SECONDS", 1)
    with pytest.raises(ValueError, match="where no Dask scheduler answers"):
        engine_for("tcp://127.0.0.1:9")


def test_a_backend_of_joblib():
    pytest.importorskip("joblib")
    engine = engine_for("threading")
    assert isinstance(engine, OnJoblib)
    assert engine.slots() >= 1
    assert len(engine.workers()) == 1
