"""Checkpoints with a right digest and content that no descent writes: refused by the array's name.

Random ones are made by `tests.fuzz`; these are the ones of which each rule is about.
"""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib.files.arrays import read_arrays, write_arrays
from nnlib.kernels.network import problem
from nnlib.kernels.second_order import jacobian, lbfgs, line_search, objective
from nnlib.training.checkpoint_rules import equal, finite, parts, permutation, places, within

from ..files import old_files

pytestmark = pytest.mark.cpu("host")

NAN, INF = np.nan, np.inf
VALIDATED, PLATEAU = "validation, dropout, adam", "plateau, weights"
FULL_BATCH_STATUSES = (-1, 3, 4, 5, 7, 9, 13, 19, 22, 2**40)

# Of the checkpoints of `old_files`: kind, array, place, value.
HOSTILE = [
    *(("plain", "position", problem.STATUS, status) for status in (-1, 5, 2**40)),
    # Ended, though no epoch or not all of them have been.
    *(("plain", "position", problem.STATUS, status) for status in (1, 2**62)),
    ("plain", "position", problem.EPOCH, 6),
    ("plain", "position", problem.STEP, -1),
    ("plain", "position", problem.WAIT, 7),
    ("plain", "position", problem.PLATEAU_WAIT, 2**63 - 1),
    ("plain", "numbers", problem.BEST, NAN),
    ("plain", "numbers", problem.BEST, -INF),
    (PLATEAU, "numbers", problem.PLATEAU_BEST, NAN),
    *((PLATEAU, "numbers", problem.RATE_FACTOR, value) for value in (NAN, INF, -1, 2)),
    *(("plain", "rates", 5, value) for value in (NAN, INF, -1)),
    ("plain", "costs", 0, NAN),
    *((VALIDATED, "best", 0, value) for value in (NAN, INF)),
    ("plain", "snapshots", slice(None), NAN),
    (VALIDATED, "snapshots", slice(None), INF),
    ("plain", "generator", slice(None), 0),
    ("plain", "order", 0, 2**40),
    ("plain", "order", slice(None), 1),
    *(("plain", "seconds", 0, value) for value in (NAN, INF, -1)),
    *(("lbfgs", "position", objective.STATUS, status) for status in FULL_BATCH_STATUSES),
    *(
        ("levenberg_marquardt", "position", objective.STATUS, status)
        for status in FULL_BATCH_STATUSES
    ),
    *(
        (method, array, place, value)
        for method in ("lbfgs", "levenberg_marquardt")
        for value in (NAN, INF, -INF)
        for array, place in [("base", 0), ("costs", 0), ("cost", 1), ("seconds", 0)]
    ),
    ("lbfgs", "position", objective.STATUS, problem.DIVERGED),  # only the start can
    ("lbfgs", "position", objective.EVALUATIONS, -1),
    ("lbfgs", "position", objective.PHASE, lbfgs.AIMING),  # never between two slices
    ("lbfgs", "position", lbfgs.PAIRS, 7),  # more than iterations
    *(
        # It would count on for ever.
        ("lbfgs", "search", line_search.TRIALS, value)
        for value in (NAN, INF, -1, 0.5, line_search.MOST_TRIALS, 1e300)
    ),
    ("lbfgs", "search", line_search.START_COST, 1e300),
    # μ would never exceed its bound.
    *(("levenberg_marquardt", "damping", 0, value) for value in (NAN, INF, 0, -1, 1e300)),
    *(("levenberg_marquardt", "damping", place, 1.0) for place in (1, 2, 3)),
    ("levenberg_marquardt", "position", objective.PHASE + 2, jacobian.TILE - 1),
]


@pytest.mark.parametrize(("kind", "array", "place", "value"), HOSTILE)
def test_hostile_content(kind, array, place, value, tmp_path):
    path = tmp_path / "descent"
    arrays, metadata = read_arrays(old_files.checkpoint_path(1, kind))
    arrays[array][place] = value
    write_arrays(path, arrays, metadata)
    net = old_files.network_of(kind)
    before, content = net.parameters.copy(), path.read_bytes()
    # Files of version 1 held the parameters of two epochs under another name.
    named = {"snapshots": "marked_parameters"}.get(array, array)
    with pytest.raises(nnlib.FormatError, match=f"cannot be gone on from: its {named} "):
        old_files.descend(net, kind, path, resume=True)
    np.testing.assert_array_equal(net.parameters, before)
    assert path.read_bytes() == content


@pytest.mark.parametrize("kind", ["lbfgs", "levenberg_marquardt"])
def test_parameters_that_are_taken_over_unseen(kind, tmp_path):
    """After a search that failed, and where the system of equations is made."""
    arrays, metadata = read_arrays(old_files.checkpoint_path(1, kind))
    arrays["position"][objective.PHASE] = lbfgs.RETURNING if kind == "lbfgs" else 0
    arrays["parameters"][0] = NAN
    write_arrays(tmp_path / "descent", arrays, metadata)
    with pytest.raises(nnlib.FormatError, match="its parameters holds nan at index 0"):
        old_files.descend(old_files.network_of(kind), kind, tmp_path / "descent", resume=True)


def test_a_descent_about_to_diverge_goes_on(tmp_path):
    """Its last step has overflowed; the next cost says so, with or without an interruption."""
    arrays, metadata = read_arrays(old_files.checkpoint_path(1, "plain"))
    arrays["parameters"].fill(NAN)
    write_arrays(tmp_path / "descent", arrays, metadata)
    net = old_files.network_of("plain")
    with pytest.raises(nnlib.DivergenceError):
        old_files.descend(net, "plain", tmp_path / "descent", resume=True)
    assert np.isfinite(net.parameters).all()


@pytest.mark.parametrize(
    ("rule", "good", "bad", "message"),
    [
        (finite, [1, -1], [0, NAN], "holds nan at index 1, wanted finite numbers"),
        (within(0, 1), [0, 1], [INF, 1], "holds inf at index 0, wanted finite numbers from 0 to 1"),
        (within(0, INF), [0, 1e300], [0, INF], "holds inf at index 1"),
        (equal(np.array([1, 2])), [1, 2], [1, 3], r"holds 3.0 at index 1, wanted \[1, 2\]"),
        (permutation, [1, 0, 2], [1, 1, 2], "is no permutation"),
        (parts((slice(1), finite)), [0, NAN], [NAN, 0], "holds nan at index 0"),
        (parts((1, finite)), [NAN, 0], [0, NAN], "holds nan at index 0"),
        (places({1: range(2)}), [9, 1], [9, 2], r"wanted range\(0, 2\) at place 1"),
        (places({0: (3, 5)}), [5], [4], r"wanted \(3, 5\) at place 0"),
    ],
)
def test_rules(rule, good, bad, message):
    rule(np.array(good, dtype=float))
    with pytest.raises(ValueError, match=message):
        rule(np.array(bad, dtype=float))
