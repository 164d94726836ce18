"""The table of whole fits beside scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest

from bench import estimators
from bench.programs.estimators import Comparison, call, comparisons


def tiny(**others):
    X = np.random.default_rng(0).random((40, 3))
    settings = {"hidden_layer_sizes": (3,), "max_iter": 5, "solver": "sgd"}
    return Comparison("tiny", 0.0, {**settings, **others}, X, (X[:, 0] > 0.5).astype(int))


def test_a_row_has_both_times_and_losses(capsys):
    assert estimators.report(tiny())
    cells = capsys.readouterr().out.split("|")
    assert cells[1].strip() == "tiny"
    assert cells[6].strip() == "5, 5"
    theirs, ours = cells[7].split(",")
    assert float(theirs) == float(ours)


def test_a_missed_goal_is_told(capsys):
    assert not estimators.report(tiny()._replace(goal=1e9))


def test_other_work_is_no_comparison(monkeypatch, capsys):
    monkeypatch.setattr("bench.programs.estimators.NEAR", -1.0)
    assert not estimators.report(tiny())
    assert "not the same work" in capsys.readouterr().out


def test_a_prediction_is_of_one_row():
    model, run = call("nnlib", tiny()._replace(predicts=True))
    assert run().shape == (1,)
    assert model.n_iter_ == 5


def test_searches_are_compared_by_the_scores_of_all_candidates(capsys):
    row = tiny(max_iter=40)._replace(grid={"alpha": [0.1, 1.0], "learning_rate_init": [0.01]})
    assert estimators.report(row)
    cells = capsys.readouterr().out.split("|")
    theirs, ours = (float(score) for score in cells[7].split(","))
    assert theirs == ours
    model, run = call("nnlib", row)
    run()
    assert ours == pytest.approx(np.mean(model.cv_results_["mean_test_score"]), abs=1e-4)


def test_the_rows_have_goals():
    assert [row.goal for row in comparisons()] == [15, 6, 8, 20, 25]
