"""The same search as scikit-learn's users write it."""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np

from ..problems.population_problem import SearchProblem
from ..problems.workload import Prepare, Result, Run, UnavailableError
from .scikit_learn import unchecked


def search(problem: SearchProblem, dtype: str, jobs: int | None = 2) -> Run:
    """`GridSearchCV` over an `MLPClassifier` in so many processes, no last fit on all the data."""
    try:
        from sklearn.model_selection import GridSearchCV, PredefinedSplit
        from sklearn.neural_network import MLPClassifier
    except ImportError:
        raise UnavailableError("scikit-learn is not installed") from None
    X = problem.X.astype(dtype)
    # No penalty and no stopping of its own: the epochs alone decide.
    model = MLPClassifier(
        (problem.hidden,), activation="tanh", solver="adam", alpha=0, tol=0,
        batch_size=problem.batch_size, max_iter=problem.epochs, n_iter_no_change=problem.epochs,
        random_state=0,
    )  # fmt: skip
    grid = {"learning_rate_init": problem.rates}
    search = GridSearchCV(
        model, grid, cv=PredefinedSplit(problem.number), n_jobs=jobs, refit=False,
        scoring="neg_log_loss",
    )  # fmt: skip

    def run(count: int) -> Result:
        with warnings.catch_warnings(), unchecked():
            warnings.simplefilter("ignore")
            for _ in range(count):
                search.fit(X, problem.labels)
        return Result(np.array([-search.cv_results_["mean_test_score"].max()]))

    return run


SEARCHES: dict[str, Prepare] = {
    "two processes": search,
    "one process": partial(search, jobs=None),
}
