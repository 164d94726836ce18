"""The programs that train a network for each group: nnlib's and scikit-learn's.

All stop early by the same rule: a tenth of each group's rows is held out, and a network ends after
10 epochs without a better fit of these, whose parameters it keeps.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..problems.group_problem import FEATURES, HIDDEN, GroupProblem
from ..problems.workload import Array, UnavailableError
from .scikit_learn import unchecked

EPOCHS, BATCH, RATE, HELD_OUT, PATIENCE = 200, 32, 0.01, 0.1, 10


class Trained(NamedTuple):
    """What came of a training: epochs of all networks together, and the fit of each example."""

    epochs: int
    predicted: Array


Train = Callable[[GroupProblem], Trained]


def nnlib_groups(problem: GroupProblem) -> Trained:
    """`nnlib.train_many` with groups."""
    import nnlib

    population = nnlib.train_many(
        [FEATURES, HIDDEN, 1], problem.X, problem.y, groups=problem.key,
        activation=["relu", "identity"], initializer="glorot_uniform", optimizer="adam",
        learning_rate=RATE, batch_size=BATCH, epochs=EPOCHS, validation=HELD_OUT,
        patience=PATIENCE, progress=False,
    )  # fmt: skip
    epochs = int(population.epochs.sum())
    return Trained(epochs, population.predict_groups(problem.X, problem.key))


def scikit_learn_groups(problem: GroupProblem) -> Trained:
    """An `MLPRegressor` for each group, in joblib's processes, as its users write it."""
    try:
        from sklearn.utils.parallel import Parallel, delayed
    except ImportError:
        raise UnavailableError("scikit-learn is not installed") from None
    bounds = np.flatnonzero(np.diff(problem.key)) + 1
    parts = zip(np.split(problem.X, bounds), np.split(problem.y, bounds), strict=True)
    fitted = Parallel(n_jobs=2)(delayed(_fit)(X, y, PATIENCE) for X, y in parts)
    return Trained(sum(epochs for epochs, _ in fitted), np.concatenate([p for _, p in fitted]))


def _fit(X: Array, y: Array, patience: int) -> tuple[int, Array]:
    """One group's network: its epochs, and what it predicts of its rows."""
    from sklearn.neural_network import MLPRegressor

    model = MLPRegressor(
        hidden_layer_sizes=(HIDDEN,), batch_size=min(BATCH, len(X)), learning_rate_init=RATE,
        alpha=0, tol=0, max_iter=EPOCHS, early_stopping=True, validation_fraction=HELD_OUT,
        n_iter_no_change=patience, random_state=0,
    )  # fmt: skip
    with warnings.catch_warnings(), unchecked():
        warnings.simplefilter("ignore")
        model.fit(X, y)
        return model.n_iter_, model.predict(X)
