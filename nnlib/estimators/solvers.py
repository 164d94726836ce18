"""From an estimator's parameters to descents of its network."""

from __future__ import annotations

import functools
import math
import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..checks.examples import Examples
from ..errors import DivergenceError
from ..history import SecondOrderHistory
from ..network import Network
from ..optimizers import LBFGS, SGD, Adam, FullBatch, Momentum, Nesterov, Optimizer, optimizer_from
from ..schedules import Schedule
from .splits import Split
from .watch import RATE_DIVISOR, Watch, Watched, any_stops

# scikit-learn's largest batch if batch_size is "auto", and SciPy's limit for progress of L-BFGS.
_AUTO_BATCH = 200
_COST_TOLERANCE = 2.220446049250313e-09
NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)


def optimizer_of(estimator: Any) -> Optimizer:
    """The optimizer that the solver and its settings mean.

    >>> from nnlib.estimators import MLPClassifier
    >>> optimizer_of(MLPClassifier(solver="sgd", momentum=0.8))
    Nesterov(momentum=0.8)
    """
    solver = estimator.solver
    if solver == "sgd":
        if not estimator.momentum:
            return SGD()
        # Ours ends below 1, which scikit-learn allows.
        momentum = min(float(estimator.momentum), math.nextafter(1, 0))
        return Nesterov(momentum) if estimator.nesterovs_momentum else Momentum(momentum)
    if solver == "adam":
        return Adam(float(estimator.beta_1), float(estimator.beta_2), float(estimator.epsilon))
    if solver == "lbfgs":
        return LBFGS(float(estimator.tol), _COST_TOLERANCE)
    return optimizer_from(solver)


def is_full_batch(estimator: Any) -> bool:
    """Whether the solver takes all the data at once and finds its own steps.

    >>> from nnlib.estimators import MLPRegressor
    >>> is_full_batch(MLPRegressor(solver="lbfgs")), is_full_batch(MLPRegressor())
    (True, False)
    """
    return isinstance(optimizer_of(estimator), FullBatch)


def mean_weight(examples: Examples) -> float:
    """The mean of the weights of examples, 1 where they have none.

    >>> mean_weight(Examples(np.eye(2), np.eye(2), np.array([1.0, 2.0])))
    1.5
    """
    return float(examples.weights.mean()) if examples.weights.size else 1.0


def batch_size_of(estimator: Any, samples: int) -> int:
    """Examples of a batch, at most all of them."""
    if isinstance(estimator.batch_size, str):
        return min(_AUTO_BATCH, samples)
    if estimator.batch_size > samples:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
            stacklevel=7,
        )
    return min(int(estimator.batch_size), samples)


def descent_options(estimator: Any, train: Examples, batch: int) -> dict[str, Any]:
    """The options of a descent, but for the number of its epochs and what watches it.

    The weight decay is scikit-learn's: alpha divided by the examples of a batch, or by the sum of
    their weights.
    """
    options: dict[str, Any] = {
        "optimizer": optimizer_of(estimator),
        "weight_decay": float(estimator.alpha) / (batch * mean_weight(train)),
        "progress": False,
    }
    if train.weights.size:
        options["sample_weight"] = train.weights
    if estimator.dropout:
        options["dropout"] = estimator.dropout
    return options


class Stochastic:
    """The training of one call of `fit` or `partial_fit` by epochs.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    network : Network
    split : Split
    watched : Watched
    """

    def __init__(self, estimator: Any, network: Network, split: Split, watched: Watched) -> None:
        self._estimator, self._network, self._train = estimator, network, split.train
        samples = len(split.train.X)
        self._batch = batch_size_of(estimator, samples)
        self._options = descent_options(estimator, split.train, self._batch)
        self._options["shuffle"] = bool(estimator.shuffle)
        self._options["batch_size"] = self._batch if self._batch < samples else None
        self._watch = Watch(estimator, network, samples, watched)
        self._seconds = 0.0

    def fit(self) -> None:
        """All epochs; the parameters are then the last ones, or the best if it stops early."""
        own = self._estimator
        self._begin(go_on=False)
        try:
            self._run(own.max_iter)
            self._warn_of_limits()
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=6)
        if own.early_stopping:
            self._network.parameters[:] = own.best_parameters_

    def fit_epoch(self) -> None:
        """One epoch, with what the optimizer remembers of those before."""
        self._begin(go_on=True)
        self._run(1)

    def _begin(self, go_on: bool) -> None:
        own, optimizer = self._estimator, self._options["optimizer"]
        own.n_iter_ = 0
        self._partial = go_on and own.optimizer_ == optimizer
        if not self._partial:
            own.optimizer_, own.learning_rate_ = optimizer, float(own.learning_rate_init)

    def _run(self, epochs: int) -> None:
        """So many epochs: a descent for each learning rate."""
        own = self._estimator
        while own.n_iter_ < epochs and not self._is_over():
            # The rate of invscaling is another in every epoch.
            count = 1 if self._is_named("invscaling") else epochs - own.n_iter_
            try:
                self._descend(count)
            except DivergenceError as error:
                self._diverged(error)
            self._change_rate()

    def _is_over(self) -> bool:
        return self._watch.converged or self._watch.stopped or self._time_is_up()

    def _time_is_up(self) -> bool:
        limit = self._estimator.time_limit
        return limit is not None and self._seconds >= limit

    def _descend(self, epochs: int) -> None:
        own = self._estimator
        limit = own.time_limit
        schedule = own.learning_rate
        history = self._network.descent(
            self._train.X,
            self._train.y,
            epochs=epochs,
            learning_rate=schedule if isinstance(schedule, Schedule) else own.learning_rate_,
            max_seconds=None if limit is None else limit - self._seconds,
            callback=self._watch,
            callback_epochs=1,
            partial=self._partial,
            **self._options,
        )
        self._partial = True
        self._seconds += history.seconds

    def _is_named(self, learning_rate: str) -> bool:
        """Whether the learning rate changes in this way, which is for the solver sgd alone."""
        given = self._estimator.learning_rate
        return self._estimator.solver == "sgd" and isinstance(given, str) and given == learning_rate

    def _change_rate(self) -> None:
        """The learning rate of the epochs to come."""
        own, rate = self._estimator, self._estimator.learning_rate_
        if self._is_named("invscaling"):
            own.learning_rate_ = own.learning_rate_init / (own.t_ + 1) ** own.power_t
        elif self._watch.reduce:
            self._watch.reduce, own.no_improvement_count_ = False, 0
            own.learning_rate_ /= RATE_DIVISOR
        if own.learning_rate_ != rate:
            # scikit-learn's velocity holds the learning rate of each step, ours is multiplied by
            # the one of now: the old rate divided by the new one makes them the same.
            self._network.scale_memory(rate / own.learning_rate_)

    def _diverged(self, error: DivergenceError) -> None:
        """Early stopping has good parameters to go back to; else there are none."""
        own = self._estimator
        if not own.early_stopping:
            raise ValueError(NOT_FINITE) from error
        self._watch.judge_score(np.nan)
        self._watch.stopped = True
        warnings.warn(
            f"{error}. The model has the best parameters before.", ConvergenceWarning, stacklevel=8
        )

    def _warn_of_limits(self) -> None:
        own = self._estimator
        planned = isinstance(own.learning_rate, Schedule) and not self._time_is_up()
        if self._watch.converged or self._watch.stopped or planned:
            return
        limit = f"Maximum iterations ({own.max_iter})"
        if self._time_is_up():
            limit = f"Time limit ({own.time_limit} s)"
        warnings.warn(
            f"Stochastic Optimizer: {limit} reached and the optimization hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=7,
        )


def fit_full_batch(estimator: Any, network: Network, train: Examples, watched: Watched) -> None:
    """The training by L-BFGS or another optimizer of all the data at once."""
    options = descent_options(estimator, train, len(train.X))
    options["max_seconds"] = estimator.time_limit
    if estimator.callbacks:
        options["callback"] = functools.partial(any_stops, estimator.callbacks)
    try:
        history = _within_evaluations(network, train, estimator, options)
    except DivergenceError as error:
        raise ValueError(NOT_FINITE) from error
    estimator.n_iter_ = history.epochs
    estimator.loss_ = watched.loss(history.cost)
    if estimator.verbose:
        print(
            f"{history.epochs} iterations, {history.evaluations} evaluations, "
            f"loss = {estimator.loss_:.8f}"
        )
    used_up = history.evaluations >= estimator.max_fun
    if used_up or history.stopped in ("epochs", "max_seconds"):
        warnings.warn(
            f"{options['optimizer'].name} failed to converge after {history.epochs} iteration(s) "
            f"and {history.evaluations} evaluations. Increase max_iter={estimator.max_iter}, "
            f"max_fun={estimator.max_fun} or time_limit to improve the convergence, or scale the "
            "data.",
            ConvergenceWarning,
            stacklevel=6,
        )


def _within_evaluations(
    network: Network, train: Examples, estimator: Any, options: dict[str, Any]
) -> SecondOrderHistory:
    """A descent of at most `max_iter` iterations and `max_fun` evaluations.

    Kernels count iterations alone: the rare descent with too many evaluations starts again, with
    fewer iterations.
    """
    start, most = network.parameters.copy(), estimator.max_fun
    # The start is evaluated too.
    epochs = max(min(estimator.max_iter, most - 1), 1)
    while True:
        history = network.descent(train.X, train.y, epochs=epochs, **options)
        assert isinstance(history, SecondOrderHistory)
        if history.evaluations <= most or epochs == 1:
            return history
        epochs = max(min(epochs - 1, epochs * most // history.evaluations), 1)
        network.parameters[:] = start


def check_partial_fit(estimator: Any) -> bool:
    """Whether there is `partial_fit`.

    Raises
    ------
    AttributeError
        If the solver takes all the data at once, or there are several members.
    """
    if estimator.n_members is not None:
        raise AttributeError(f"n_members={estimator.n_members}: an ensemble has no partial_fit")
    if is_full_batch(estimator):
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{estimator.solver} is not stochastic."
        )
    return True
