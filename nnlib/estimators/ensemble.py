"""Several networks in place of one, trained at once, whose outputs are averaged."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from ..errors import DivergenceError
from ..network import Network
from ..population.result import Population
from ..schedules import Schedule
from ..train_many import train_many
from .solvers import NOT_FINITE, batch_size_of, descent_options, is_full_batch
from .splits import Split
from .start import draw_seeds
from .watch import Watched

Array = NDArray[Any]


def check_ensemble(estimator: Any, eval_set: Any) -> None:
    """Refuse what an ensemble cannot do, before any work.

    Raises
    ------
    ValueError
        For what goes on from an earlier fit, or looks at every epoch.

    Examples
    --------
    >>> from nnlib.estimators import MLPRegressor
    >>> check_ensemble(MLPRegressor(n_members=3), eval_set=([[0]], [1]))
    Traceback (most recent call last):
    ...
    ValueError: n_members=3 and eval_set contradict each other
    """
    if estimator.n_members is None:
        return
    check_together(estimator)
    if eval_set is not None:
        raise ValueError(f"n_members={estimator.n_members} and eval_set contradict each other")


def check_together(estimator: Any) -> None:
    """Refuse parameters of a single network, where several are trained in one call.

    Raises
    ------
    ValueError

    Examples
    --------
    >>> from nnlib.estimators import MLPRegressor
    >>> check_together(MLPRegressor(warm_start=True))
    Traceback (most recent call last):
    ...
    ValueError: warm_start is for a single network, not for several that are trained in one call
    """
    rate = estimator.learning_rate
    given = {
        "warm_start": estimator.warm_start,
        "callbacks": bool(estimator.callbacks),
        "scoring": estimator.scoring is not None,
        f"learning_rate={rate!r}": not isinstance(rate, Schedule) and rate != "constant",
    }
    for name, wanted in given.items():
        if wanted:
            raise ValueError(
                f"{name} is for a single network, not for several that are trained in one call"
            )


def train_members(estimator: Any, network: Network, split: Split, watched: Watched) -> list[Any]:
    """The members that did not diverge; each has initial weights of its own.

    Early stopping is by the loss of the validation examples.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Whose n_iter_, t_, loss_ and loss_curve_ become those of the ensemble: the most epochs, and
        the means over the members.
    network : Network
        Of the members' architecture.
    split : Split
    watched : Watched

    Returns
    -------
    list of Network
    """
    train = split.train
    try:
        population = train_many(
            network,
            train.X,
            train.y,
            seeds=draw_seeds(network.seed, int(estimator.n_members)),
            **member_options(estimator, split),
        )
    except DivergenceError as error:
        raise ValueError(NOT_FINITE) from error
    good = population[~population.diverged]
    _record(estimator, good, len(train.X), watched)
    _warn_of_ends(estimator, population)
    return list(good)


def member_options(estimator: Any, split: Split) -> dict[str, Any]:
    """The options of `train_many` that an estimator's parameters mean, for these examples."""
    train, held_out = split
    options = descent_options(estimator, train, len(train.X))
    options.update(epochs=int(estimator.max_iter), max_seconds=estimator.time_limit)
    if is_full_batch(estimator):
        return options
    batch = batch_size_of(estimator, len(train.X))
    options.update(descent_options(estimator, train, batch))
    options.update(shuffle=bool(estimator.shuffle), tolerance=float(estimator.tol))
    options["batch_size"] = batch if batch < len(train.X) else None
    rate = estimator.learning_rate
    options["learning_rate"] = rate if isinstance(rate, Schedule) else estimator.learning_rate_init
    # A fit ends after more epochs without progress than these. Infinitely many never come.
    most = estimator.n_iter_no_change
    options["patience"] = int(estimator.max_iter if math.isinf(most) else most) + 1
    if held_out is not None:
        options["validation"] = (held_out.X, held_out.y)
    return options


def _record(estimator: Any, population: Population, samples: int, watched: Watched) -> None:
    """What the attributes say of a fit."""
    estimator.n_iter_ = int(population.epochs.max())
    if is_full_batch(estimator):
        estimator.loss_ = watched.loss(float(population.cost.mean()))
        return
    estimator.t_ = estimator.n_iter_ * samples
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of epochs that no member has run
        means = np.nanmean(population.J, axis=0)
    curve = [watched.loss(float(mean)) for mean in means[np.isfinite(means)]]
    estimator.loss_curve_, estimator.loss_ = curve, curve[-1]
    if not estimator.early_stopping:
        estimator.best_loss_ = min(curve)


def _warn_of_ends(estimator: Any, population: Population) -> None:
    """Warn of members that diverged, or would have gone on."""
    ends = population.ended
    diverged = ends.count("diverged")
    unfinished = ends.count("epochs") + ends.count("stopped")
    if diverged:
        warnings.warn(
            f"{diverged} of {len(ends)} members diverged and are left out",
            ConvergenceWarning,
            stacklevel=7,
        )
    if unfinished:
        warnings.warn(
            f"{unfinished} of {len(ends)} members have not converged yet: Maximum iterations "
            f"({estimator.max_iter}) or time_limit reached.",
            ConvergenceWarning,
            stacklevel=7,
        )
