"""The programs that train a network for each group: nnlib's and scikit-learn's.

All stop early by the same rule: a tenth of each group's rows is held out, and a network ends after
10 epochs without a better fit of these, whose parameters it keeps.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
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
    return _together(Parallel(n_jobs=2)(delayed(_fit)(X, y, PATIENCE) for X, y in _parts(problem)))


def ray_scikit_learn_groups(problem: GroupProblem) -> Trained:
    """An `MLPRegressor` for each group, each in a task of Ray's, as Ray's pages show it."""
    return _in_tasks(_fit, problem)


def ray_nnlib_groups(problem: GroupProblem) -> Trained:
    """A `Network` for each group, each in a task of Ray's: what `train_many` is there to avoid."""
    return _in_tasks(_descend, problem)


Fit = Callable[[Array, Array, int], tuple[int, Array]]


def _in_tasks(fit: Fit, problem: GroupProblem) -> Trained:
    """One task for each group, all sent at once, on two workers."""
    try:
        import ray
    except ImportError:
        raise UnavailableError("Ray is not installed") from None
    if not ray.is_initialized():
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    task = ray.remote(fit)
    return _together(ray.get([task.remote(X, y, PATIENCE) for X, y in _parts(problem)]))


def _parts(problem: GroupProblem) -> Iterator[tuple[Array, Array]]:
    """The rows of each group."""
    bounds = np.flatnonzero(np.diff(problem.key)) + 1
    return zip(np.split(problem.X, bounds), np.split(problem.y, bounds), strict=True)


def _together(fitted: Sequence[tuple[int, Array]]) -> Trained:
    """What came of all groups."""
    return Trained(sum(epochs for epochs, _ in fitted), np.concatenate([p for _, p in fitted]))


def _descend(X: Array, y: Array, patience: int) -> tuple[int, Array]:
    """One group's network of nnlib's: its epochs, and what it predicts of its rows."""
    import nnlib

    nnlib.set_threads(1)
    net = nnlib.Network(
        [FEATURES, HIDDEN, 1], ["relu", "identity"], initializer="glorot_uniform", seed=0
    )
    history = net.descent(
        X, y, optimizer="adam", learning_rate=RATE, batch_size=min(BATCH, int(0.9 * len(X))),
        epochs=EPOCHS, validation=HELD_OUT, patience=patience, progress=False,
    )  # fmt: skip
    return history.epochs, net.F(X)[:, 0]


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
