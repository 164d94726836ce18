"""Executors of threads and of processes, and joblib's backends: the same bits, and their ends."""

from __future__ import annotations

import math
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from tempfile import gettempdir

import pytest

import nnlib
from nnlib.cluster.executors import OnExecutor
from nnlib.cluster.schedule import run
from tests.cluster.jobs import (
    EXERCISE,
    GROUPED,
    Squares,
    X,
    Y,
    assert_same_bits,
    die,
    fail_from_5_on,
)


def left_behind():
    """Files of what was shared."""
    return set(Path(gettempdir()).glob("nnlib-*.shared"))


@pytest.fixture(scope="module")
def alone():
    """The population without a cluster."""
    return nnlib.train_many([1, 2, 1], X, Y, **EXERCISE)


def test_threads(alone):
    with ThreadPoolExecutor(2) as executor:
        assert_same_bits(nnlib.train_many([1, 2, 1], X, Y, cluster=executor, **EXERCISE), alone)


def test_processes(alone, processes):
    before = left_behind()
    assert_same_bits(nnlib.train_many([1, 2, 1], X, Y, cluster=processes, **EXERCISE), alone)
    assert left_behind() == before


def test_mini_batches_in_processes(processes):
    # Rows of X are gathered: compiled code reads them in the memory that all share.
    options = {"n": 40, "epochs": 20, "batch_size": 7, "optimizer": "adam", "validation": 0.2}
    alone = nnlib.train_many([1, 3, 1], X, Y, **options)
    assert_same_bits(nnlib.train_many([1, 3, 1], X, Y, cluster=processes, **options), alone)


def test_groups_in_processes(processes):
    alone = nnlib.train_many([1, 3, 1], X, Y, **GROUPED)
    assert_same_bits(nnlib.train_many([1, 3, 1], X, Y, cluster=processes, **GROUPED), alone)


def test_formulas_that_are_lambdas(processes):
    pytest.importorskip("cloudpickle")
    isru = nnlib.activations.Custom(
        lambda z: z / math.sqrt(1 + z * z), lambda z: (1 + z * z) ** -1.5, name="isru"
    )
    options = {"n": 20, "epochs": 20, "activation": isru}
    alone = nnlib.train_many([1, 2, 1], X, Y, **options)
    assert_same_bits(nnlib.train_many([1, 2, 1], X, Y, cluster=processes, **options), alone)


def test_a_backend_of_joblib(alone):
    pytest.importorskip("joblib")
    assert_same_bits(nnlib.train_many([1, 2, 1], X, Y, cluster="threading", **EXERCISE), alone)


def test_the_error_of_a_part_in_a_process(processes):
    with pytest.raises(ValueError, match=r"^five is too many"):
        run(OnExecutor(processes), Squares(300, fail_from_5_on), [range(300)])


def test_a_process_that_dies_breaks_its_executor():
    before = left_behind()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        with pytest.raises(RuntimeError, match=r"worker of ProcessPoolExecutor died.*checkpoint"):
            run(OnExecutor(executor), Squares(300, die), [range(300)])
        with pytest.raises(ValueError, match="takes no work"):
            OnExecutor(executor)
    assert left_behind() == before
