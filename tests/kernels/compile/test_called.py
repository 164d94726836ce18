"""Functions called by address: their arguments, their symbols, threads and forks."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from nnlib.kernels.compile import duration
from nnlib.kernels.compile.called import Contract
from nnlib.kernels.compile.internals import TypingError
from nnlib.kernels.compile.jit import Doubles, Integers, Key, Vector, Words, entry, kernel
from tests.kernels.calling import run

pytestmark = pytest.mark.cpu("kernels")

ROOT = Path(__file__).parents[3]


class Inner(NamedTuple):
    values: Vector
    count: int


class Outer(NamedTuple):
    inner: Inner
    places: Integers
    doubles: Doubles
    words: Words
    factor: float
    negative: bool
    key: Key


@kernel
def weigh(outer: Outer) -> float:
    total = 0.0
    for i in range(outer.inner.count):
        total += outer.inner.values[outer.places[i]] * outer.doubles[i] * outer.factor
    total += float(outer.words[0] + outer.key)
    return -total if outer.negative else total


def test_every_kind_of_argument_arrives(dtype):
    contract = Contract(Outer, returns=float)
    values, places = np.arange(5, dtype=dtype), np.array([4, 0, 2])
    outer = Outer(
        Inner(values, 3), places, np.array([1.0, 10.0, 100.0]), np.array([2**40], np.uint64),
        0.5, True, np.uint64(3),
    )  # fmt: skip
    assert run(contract, weigh, outer, dtype=dtype) == -(0.5 * 204 + 2**40 + 3)


@kernel
def first_two(one: Vector, other: Vector) -> float:
    return one[0] + other[0]


PAIR = Contract(Vector, Vector, returns=float)
call_pair = PAIR.call


@entry
def pair(address, one, other):
    return call_pair(address, one, other)


@pytest.mark.parametrize(
    "other", [np.ones(2, np.float32), np.ones(4)[::2], np.ones((2, 2))], ids=str
)
def test_arrays_of_another_form_are_refused_where_the_caller_is_compiled(other):
    with pytest.raises(TypingError, match="a called function wants"):
        pair(PAIR.address(first_two, np.float64), np.ones(2), other)


def test_threads_share_one_function():
    contract, found = Contract(Vector, Vector, returns=float), []
    threads = [
        threading.Thread(target=lambda: found.append(contract.address(first_two, np.float32)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


ONE = """
import sys, numpy as np
from nnlib.kernels.layers import dense_single, dense_wide, dropout
from nnlib.kernels.layers.operations import LAYER_CONTRACT
kinds = {"wide": dense_wide, "single": dense_single, "dropout": dropout}
found = [LAYER_CONTRACT.address(kinds[name].forward, np.float64) for name in sys.argv[1:]]
from nnlib.kernels.compile.called import entries
again = [entry.overloads[entry.signatures[0]] for entry in entries]
now = [code.library.get_pointer_to_function(code.fndesc.llvm_func_name) for code in again]
assert found == now, (found, now)
assert len(set(found)) == len(found)
"""


def test_functions_of_one_name_that_different_processes_kept(tmp_path):
    """Each was the first of its process; in one process each symbol still finds its own code."""
    (tmp_path / "cache").mkdir(mode=0o700)
    surroundings = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    for names in (["wide"], ["single"], ["dropout"], ["wide", "single", "dropout"]):
        ended = subprocess.run(
            [sys.executable, "-c", ONE, *names], cwd=ROOT, env=surroundings, capture_output=True,
            text=True,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_does_not_wait_for_its_parents_threads():
    begun, ended = threading.Event(), threading.Event()

    def compile_slowly():
        begun.set()
        ended.wait()

    thread = threading.Thread(target=duration.counted(compile_slowly))
    thread.start()
    begun.wait()
    child = os.fork()
    if not child:
        before = duration.compile_seconds_of_all()
        time.sleep(0.1)
        os._exit(int(duration.compile_seconds_of_all() != before))
    _, status = os.waitpid(child, 0)
    ended.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0
