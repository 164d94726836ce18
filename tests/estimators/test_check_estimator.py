"""scikit-learn's own checks of what an estimator has to do, none of them expected to fail."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import nnlib

pytestmark = pytest.mark.cpu("host")


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(
    [
        nnlib.MLPClassifier(),
        nnlib.MLPRegressor(),
        nnlib.MLPClassifier(n_members=2, scale="standard", max_iter=50),
        nnlib.MLPRegressor(n_members=2, scale="standard", max_iter=50),
    ]
)
def test_estimator(estimator, check):
    check(estimator)
