"""The scores of early stopping beside scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, r2_score

from nnlib.estimators import scores

pytestmark = pytest.mark.cpu("host")


def test_scores_are_scikit_learns():
    rng = np.random.default_rng(0)
    y, F, weights = rng.random((30, 2)), rng.random((30, 2)), rng.random(30)
    assert scores.r2(F, y, weights) == pytest.approx(r2_score(y, F, sample_weight=weights))
    assert scores.r2(F, np.ones((30, 2)), np.empty(0)) == r2_score(np.ones((30, 2)), F)
    labels = y > 0.5
    expected = accuracy_score(labels, F > 0.5, sample_weight=weights)
    assert scores.accuracy(F, labels, weights) == pytest.approx(expected)
    assert np.isnan(scores.accuracy(F * np.nan, labels, weights))
