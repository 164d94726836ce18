"""What an estimator does after every epoch: it records, prints, judges and stops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from numpy.typing import NDArray

from ..checks.examples import Examples
from ..history import Report
from ..network import Network

Array = NDArray[Any]

# scikit-learn's: an adaptive learning rate is divided by this, until it is at most the lowest.
RATE_DIVISOR = 5.0
LOWEST_RATE = 1e-6


class Watched(NamedTuple):
    """What an epoch is judged by."""

    score: Callable[[], float]  # of the validation examples
    evaluation: Examples | None  # of eval_set
    loss: Callable[[float], float]  # from J to the loss as scikit-learn has it


def any_stops(callbacks: Sequence[Callable[[Report], Any]], report: Report) -> bool:
    """Whether one of the callbacks, which all hear the report, wants to stop.

    >>> report = Report(1, 0.5, None, 0.1, 0.01)
    >>> heard = []
    >>> any_stops([lambda report: report.J < 1, heard.append], report), heard == [report]
    (True, True)
    """
    answers = [callback(report) for callback in callbacks]
    return any(answer is True for answer in answers)


class Watch:
    """The callback of a descent for an estimator, whose attributes it writes.

    An epoch is progress if it has a loss lower than the best before by more than `tol`, or a
    validation score higher by at least `tol`. The training ends after more than `n_iter_no_change`
    epochs without progress.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    network : Network
        That is trained.
    samples : int
        Of an epoch.
    watched : Watched

    Attributes
    ----------
    converged : bool
        Whether the training ended for want of progress.
    stopped : bool
        Whether a callback of the user's ended it.
    reduce : bool
        Whether the descent is to go on with a lower learning rate.
    """

    def __init__(self, estimator: Any, network: Network, samples: int, watched: Watched) -> None:
        self._estimator, self._network = estimator, network
        self._samples, self._watched = samples, watched
        self.converged = self.stopped = self.reduce = False

    def __call__(self, report: Report) -> bool:
        """Whether the descent ends here."""
        own = self._estimator
        own.n_iter_ += 1
        own.t_ += self._samples
        own.loss_ = self._watched.loss(report.J)
        own.loss_curve_.append(own.loss_)
        if own.verbose:
            print(f"Iteration {own.n_iter_}, loss = {own.loss_:.8f}")
        if self._watched.evaluation is not None:
            own.validation_curve_.append(self._loss_of(self._watched.evaluation))
        if own.early_stopping:
            self.judge_score(self._watched.score())
        else:
            self._judge_loss()
        self.stopped = any_stops(own.callbacks or (), report)
        return self._is_over() or self.stopped

    def judge_score(self, score: float) -> None:
        """Record a validation score, and keep the parameters if it is the best."""
        own = self._estimator
        own.validation_scores_.append(score)
        if own.verbose:
            print(f"Validation score: {score:f}")
        # A score of NaN is neither lower nor better.
        own.no_improvement_count_ += 1
        if not score < own.best_validation_score_ + own.tol:
            own.no_improvement_count_ = 0
        if score > own.best_validation_score_:
            own.best_validation_score_ = score
            own.best_parameters_ = self._network.parameters.copy()

    def _judge_loss(self) -> None:
        own = self._estimator
        own.no_improvement_count_ += 1
        if not own.loss_ > own.best_loss_ - own.tol:
            own.no_improvement_count_ = 0
        own.best_loss_ = min(own.best_loss_, own.loss_)

    def _is_over(self) -> bool:
        """Whether there was too little progress for too long."""
        own = self._estimator
        if own.no_improvement_count_ <= own.n_iter_no_change:
            return False
        self.reduce = own.is_adaptive() and own.learning_rate_ > LOWEST_RATE
        self.converged = not self.reduce
        if own.verbose:
            print(self._message())
        return True

    def _message(self) -> str:
        own = self._estimator
        what = "Validation score" if own.early_stopping else "Training loss"
        outcome = "Stopping." if self.converged else "Setting a lower learning rate."
        return (
            f"{what} did not improve more than tol={own.tol:f} for {own.n_iter_no_change} "
            f"consecutive epochs. {outcome}"
        )

    def _loss_of(self, examples: Examples) -> float:
        weights = examples.weights if examples.weights.size else None
        return self._watched.loss(self._network.J(examples.X, examples.y, sample_weight=weights))
