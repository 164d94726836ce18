"""`MLPRegressor`: scikit-learn's, with nnlib's networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data

from ..checks.examples import Examples
from ..checks.names import hinted
from . import scores
from .constraints import OF_REGRESSORS, keep_parameters
from .inputs import DTYPES, FORMAT
from .perceptron import Perceptron
from .solvers import check_partial_fit
from .start import Output

Array = NDArray[Any]


class MLPRegressor(RegressorMixin, Perceptron):
    """scikit-learn's multilayer perceptron for numbers, trained by nnlib's kernels.

    Parameters, attributes and methods are those of `sklearn.neural_network.MLPRegressor`, and
    those of `MLPClassifier` beyond it.

    Parameters
    ----------
    loss : str or Loss
        ``squared_error`` ½(F − y)²; ``poisson``, half the Poisson deviance, F the exponential of
        the last layer and y ≥ 0; ``absolute_error``, ``huber``, ``log_cosh``, ``quantile``, or an
        object of `nnlib.losses` with its settings, such as ``Quantile(0.9)``.
    hidden_layer_sizes, activation, solver, alpha, batch_size, learning_rate, learning_rate_init, \
power_t, max_iter, shuffle, random_state, tol, verbose, warm_start, momentum, \
nesterovs_momentum, early_stopping, validation_fraction, beta_1, beta_2, epsilon, \
n_iter_no_change, max_fun, dropout, scoring, n_members, callbacks, time_limit, device
        As for `MLPClassifier`. The score of early stopping is R².
    scale : {"standard", "robust"} or None
        As for `MLPClassifier`, and for the targets too, except of ``poisson``. Losses are then
        those of scaled targets, predictions are not scaled.

    Attributes
    ----------
    loss_, best_loss_, loss_curve_, validation_scores_, best_validation_score_, t_, coefs_,
    intercepts_, n_features_in_, feature_names_in_, n_iter_, n_layers_, n_outputs_, out_activation_
        As scikit-learn's; of several outputs the loss is the mean.
    validation_curve_ : list of float
        The loss of eval_set after each epoch.

    Examples
    --------
    >>> import nnlib
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = nnlib.MLPRegressor(
    ...     hidden_layer_sizes=(4,), solver="lbfgs", max_iter=2000, random_state=0, scale="standard"
    ... )
    >>> model.fit(X, y).score(X, y) > 0.5
    True
    """

    _parameter_constraints = OF_REGRESSORS

    @hinted
    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: Any = None,
        scale: str | None = None,
        scoring: Any = None,
        n_members: int | None = None,
        callbacks: Any = None,
        time_limit: float | None = None,
        device: str = "cpu",
    ) -> None:
        keep_parameters(self, locals())

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: ArrayLike, sample_weight: Any = None, eval_set: Any = None) -> Self:
        """Train on all the data.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n, features)
        y : array-like, shape (n,) or (n, outputs)
        sample_weight : array-like, shape (n,), or None
        eval_set : (X, y) or None
            As for `MLPClassifier.fit`.

        Returns
        -------
        self
        """
        self._fit(X, y, sample_weight, eval_set)
        return self

    @available_if(check_partial_fit)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: ArrayLike, sample_weight: Any = None) -> Self:
        """Go on for one epoch with this data, as `fit` takes it."""
        self._fit(X, y, sample_weight, incremental=True)
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """The predicted numbers.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n, features)
        return_std : bool
            Also give the standard deviation over the members of an ensemble.

        Returns
        -------
        ndarray, shape (n,) or (n, outputs), or two of them
        """
        if not self._is_ensemble():
            if return_std:
                raise ValueError("return_std needs several members: give n_members, and fit again")
            return self.decoded(self._outputs(X))
        members = [self.decoded(outputs) for outputs in self._member_outputs(X)]
        mean = np.mean(members, axis=0)
        return (mean, np.std(members, axis=0)) if return_std else mean

    def decoded(self, outputs: Array) -> Array:
        """What a network's outputs (n, outputs) predict."""
        if self.out_activation_ == "exp":
            outputs = np.exp(outputs)
        if self._target_scaling is not None:
            outputs = self._target_scaling.undo(outputs)
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    def _checked(self, X: Any, y: Any, incremental: bool, first: bool) -> tuple[Any, Any, Array]:
        X, y = validate_data(
            self,
            X,
            y,
            multi_output=True,
            y_numeric=True,
            dtype=DTYPES,
            accept_sparse=FORMAT,
            reset=first,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y, np.asarray(y.reshape(len(y), -1), X.dtype)

    def _targets(self, y: Any, X: Array) -> Array:
        targets: Array = check_array(y, ensure_2d=False, dtype=X.dtype).reshape(len(X), -1)
        if targets.shape[1] != self.n_outputs_:
            raise ValueError(
                f"y has {targets.shape[1]} outputs, wanted {self.n_outputs_} as in the training"
            )
        return targets

    def _answers(self, targets: Array) -> Array:
        return targets.ravel() if targets.shape[1] == 1 else targets

    def output_kind(self) -> Output:
        if isinstance(self.loss, str) and self.loss == "poisson":
            return Output("exp", "identity", "poisson")
        squared = isinstance(self.loss, str) and self.loss == "squared_error"
        return Output("identity", "identity", "half_squared_error" if squared else self.loss)

    def score_of(self, outputs: Array, targets: Array, weights: Array) -> float:
        if self.out_activation_ == "exp":
            outputs = np.exp(outputs)
        return scores.r2(outputs, targets, weights)

    def _loss(self, train: Examples) -> Callable[[float], float]:
        """J is a sum over the outputs; scikit-learn's squared error is their mean."""
        if self.out_activation_ == "exp":
            constant = _deviance_constant(train)
            return lambda cost: cost + constant
        outputs = self.n_outputs_
        return lambda cost: cost / outputs

    def _scales_targets(self) -> bool:
        return self.out_activation_ != "exp"


def _deviance_constant(train: Examples) -> float:
    """The mean of Σ y ln y − y: what the Poisson deviance has beside e^F − y F."""
    y = train.y.astype(np.float64)
    terms = (y * np.log(np.where(y > 0, y, 1)) - y).sum(axis=1)
    weights = train.weights if train.weights.size else None
    return float(np.average(terms, weights=weights))
