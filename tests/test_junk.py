"""A sample of the junk calls of `tests.junk`, always the same.

NNLIB_JUNK=20000 makes so many of them; `python -m tests.junk` takes another seed.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from tests import junk

pytestmark = pytest.mark.cpu("host")

CALLS = int(os.environ.get("NNLIB_JUNK", "2000"))


def test_junk_is_refused_by_name_and_changes_nothing():
    calls = junk.Junk(seed=0)
    calls.run(CALLS)
    assert not calls.findings, "\n".join(map(str, calls.findings))
    assert sum(calls.outcomes.values()) == CALLS
    assert calls.outcomes["TypeError"] > calls.outcomes["accepted"] > 0


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda net: float("one"), None),
        (lambda net: {}["missing"], "KeyError"),
        (lambda net: np.zeros(2)[5], "IndexError"),
        (lambda net: _spoil(net), "half updated"),
        (lambda net: _raise(ValueError()), "without a word"),
        (lambda net: _raise(OverflowError("too large")), "OverflowError"),
    ],
)
def test_what_is_wrong_with_a_call_is_found(call, problem):
    """The judge itself: what it would say of a library that has these faults."""
    calls = junk.Junk(seed=0)
    calls._targets = [junk.Target("call", lambda net, epochs=0: call(net), {}, "net")]
    calls.run(1)
    assert bool(calls.findings) == (problem is not None)
    if problem is not None:
        assert problem in calls.findings[0][2]


def test_nonsense_that_is_accepted_is_found():
    calls = junk.Junk(seed=0)
    calls._targets = [junk.Target("call", lambda epochs=0: None, {})]
    calls.run(50)
    assert {"nonsense accepted for epochs"} == {problem for _, _, problem in calls.findings}
    assert len(calls.findings) > 20


def test_every_public_function_is_called():
    """Those that take no arguments, or files, apart."""
    called = {target.name for target in junk.targets()}
    assert {"Network", "descent", "train_many", "F", "J", "derJ", "to", "Vocabulary"} <= called
    assert {"Adam", "LBFGS", "WarmUp", "OneCycle", "set_threads", "Population.top"} <= called


def _spoil(net):
    net.parameters[0] += 1
    raise ValueError("no")


def _raise(error):
    raise error
