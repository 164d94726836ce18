"""`MLPSearchCV`: a cross-validated search whose networks are trained together."""

from __future__ import annotations

import copy
import time
from itertools import chain
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.metrics import check_scoring
from sklearn.model_selection import ParameterGrid, check_cv
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..checks.examples import Examples
from ..checks.names import hinted
from ..checks.values import shown
from ..population.result import Population
from ..train_many import train_many
from .ensemble import check_together, member_options
from .held_out import HeldOut
from .perceptron import Perceptron
from .solvers import is_full_batch
from .start import draw_seeds, initial_weights, next_word, sizes_and_activations

Array = NDArray[Any]

# Options that the candidates of one call of `train_many` have in common.
_SHARED = ("epochs", "max_seconds", "progress", "shuffle", "sample_weight", "validation")
# Parameters of the data or of the whole search, which a grid cannot have.
_FIXED = (
    "loss", "class_weight", "random_state", "max_iter", "shuffle", "early_stopping", "n_members",
    "validation_fraction", "time_limit", "device", "verbose", "max_fun",
)  # fmt: skip


class MLPSearchCV(MetaEstimatorMixin, BaseEstimator):
    """Try combinations of parameters of `MLPClassifier` or `MLPRegressor` by cross-validation.

    Each fold trains all candidates in one call of `train_many`, or one for each value of ``scale``,
    which scales by the fold's own examples. A candidate starts with the weights that its own `fit`
    would draw.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    param_grid : dict of lists, or list of such
        Values of hidden_layer_sizes, activation, alpha, solver, batch_size, learning_rate_init,
        momentum, beta_1, dropout, scale, tol, and so on, all combinations of which are tried.
    scoring : str, callable or None
        As for `GridSearchCV`: a scorer's name, as "roc_auc", or a function of an estimator, X and
        y. None is accuracy, or R².
    cv : int, splitter, iterable or None
        As for `GridSearchCV`; None is 5 folds.
    refit : bool
        Fit the best candidate on all the data.
    cluster : str, distributed.Client, Executor or None
        Where the candidates of a fold train, as for `train_many`. A name or an address can be
        cloned, an executor cannot.

    Attributes
    ----------
    cv_results_, best_params_, best_score_, best_index_, best_estimator_, n_splits_, refit_time_,
    scorer_
        As `GridSearchCV`'s. A candidate's time is its part of its fold's.
    oof_predict_ : ndarray, shape (n,) or (n, outputs)
        What the best candidate predicts for each example by a network that has not seen it; NaN, or
        an empty label, of examples that no fold holds out.

    Examples
    --------
    >>> from nnlib.estimators import MLPClassifier, MLPSearchCV
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier(solver="lbfgs", scale="standard", max_iter=1000, random_state=0)
    >>> search = MLPSearchCV(model, {"alpha": [1e-2, 1], "hidden_layer_sizes": [(4,), (8,)]})
    >>> search = search.fit(X, y)
    >>> search.best_score_ > 0.9, len(search.cv_results_["params"])
    (True, 4)
    """

    @hinted
    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        scoring: Any = None,
        cv: Any = None,
        refit: bool = True,
        cluster: Any = None,
    ) -> None:
        self.estimator = estimator
        self.param_grid = param_grid
        self.scoring = scoring
        self.cv = cv
        self.refit = refit
        self.cluster = cluster

    def fit(self, X: Any, y: ArrayLike, sample_weight: Any = None, groups: Any = None) -> Self:
        """Train all candidates in all folds, and the best one on all the data.

        Parameters
        ----------
        X, y, sample_weight
            As for the estimator. The weights count in training alone.
        groups : array-like, shape (n,), or None
            For a splitter that keeps groups together, as ``GroupKFold``.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            For an estimator of another class, and for parameters that no candidate has alone.
        """
        own, params = self._checked_estimator(), list(ParameterGrid(self.param_grid))
        self.scorer_ = self._checked_scorer(own)
        candidates = [clone(own).set_params(**one) for one in params]
        for candidate in candidates:
            candidate.check_parameters()
            check_together(candidate)
        given = own.given_examples(X, y, sample_weight, incremental=False, first=True)
        own.n_outputs_, own.out_activation_ = given.y.shape[1], own.output_kind().name
        answers = np.asarray(y)
        splitter = check_cv(self.cv, answers, classifier=is_classifier(own))
        folds = list(splitter.split(given.X, answers, groups))
        scoring = Scoring(None if self.scoring is None else self.scorer_, answers)
        search = _Search(own, candidates, given, len(folds), scoring, self.cluster)
        for number, (train, test) in enumerate(folds):
            search.run(number, train, test)
        self.n_splits_ = len(folds)
        self._keep(search, params)
        if self.refit:
            begin = time.perf_counter()
            self.best_estimator_ = clone(candidates[self.best_index_])
            self.best_estimator_.fit(X, y, sample_weight)
            self.refit_time_ = time.perf_counter() - begin
        return self

    def _checked_estimator(self) -> Any:
        if not isinstance(self.estimator, Perceptron):
            raise TypeError(
                "estimator must be an nnlib.MLPClassifier or MLPRegressor; got an object of type "
                f"{type(self.estimator).__name__}"
            )
        if not isinstance(self.refit, (bool, np.bool_)):
            raise TypeError(f"refit must be True or False; got {shown(self.refit)}")
        own = clone(self.estimator)
        own.check_parameters()
        if own.n_members is not None:
            raise ValueError("estimator has n_members, wanted a single network for each candidate")
        grids = self.param_grid if isinstance(self.param_grid, list) else [self.param_grid]
        for name in {name for grid in grids for name in grid}:
            if name in _FIXED:
                raise ValueError(
                    f"param_grid has {name!r}, which all candidates share: set it in the estimator"
                )
        return own

    def _checked_scorer(self, own: Any) -> Any:
        """The function of an estimator, X and y that gives a score."""
        given = self.scoring
        if not (given is None or isinstance(given, str) or callable(given)):
            raise TypeError(
                "scoring must be the name of one scorer, a function of an estimator, X and y, or "
                f"None; got {shown(given)}"
            )
        return check_scoring(own, given)

    def _keep(self, search: _Search, params: list[dict[str, Any]]) -> None:
        """The attributes, in GridSearchCV's form."""
        scores, mean = search.scores, search.scores.mean(axis=1)
        ranks = rankdata(-np.where(np.isnan(mean), -np.inf, mean), method="min").astype(np.int32)
        self.best_index_ = int(ranks.argmin())
        self.best_params_ = params[self.best_index_]
        self.best_score_ = float(mean[self.best_index_])
        names = sorted({*chain.from_iterable(params)})
        self.cv_results_: dict[str, Any] = {
            "params": params,
            **{f"param_{name}": _column(name, params) for name in names},
            **{f"split{fold}_test_score": column for fold, column in enumerate(scores.T)},
            "mean_test_score": mean,
            "std_test_score": scores.std(axis=1),
            "rank_test_score": ranks,
        }
        for name, seconds in (("fit", search.fit_seconds), ("score", search.score_seconds)):
            self.cv_results_[f"mean_{name}_time"] = seconds.mean(axis=1)
            self.cv_results_[f"std_{name}_time"] = seconds.std(axis=1)
        self.oof_predict_ = search.predictions(self.best_index_)

    def _best(self) -> Any:
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_

    def predict(self, X: Any) -> Array:
        """What the best estimator predicts."""
        predicted: Array = self._best().predict(X)
        return predicted

    @available_if(lambda own: hasattr(own.estimator, "predict_proba"))
    def predict_proba(self, X: Any) -> Array:
        """The best estimator's probabilities."""
        probabilities: Array = self._best().predict_proba(X)
        return probabilities

    @available_if(lambda own: hasattr(own.estimator, "predict_log_proba"))
    def predict_log_proba(self, X: Any) -> Array:
        """The logarithms of `predict_proba`."""
        logarithms: Array = self._best().predict_log_proba(X)
        return logarithms

    def score(self, X: Any, y: ArrayLike) -> float:
        """The best estimator's score, as `scoring` has it."""
        return float(self.scorer_(self._best(), X, y))

    @property
    def classes_(self) -> Array:
        """The best estimator's classes."""
        classes: Array = self._of_best("classes_")
        return classes

    @property
    def n_features_in_(self) -> int:
        """How many features the best estimator has seen."""
        return int(self._of_best("n_features_in_"))

    @property
    def feature_names_in_(self) -> Array:
        """Their names, where the data have some."""
        names: Array = self._of_best("feature_names_in_")
        return names

    def _of_best(self, name: str) -> Any:
        """The best estimator's attribute; `AttributeError` before a fit, as scikit-learn has it."""
        try:
            return getattr(self._best(), name)
        except NotFittedError as error:
            raise AttributeError(f"MLPSearchCV has no {name} before a fit") from error

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        own = self.estimator.__sklearn_tags__()
        tags.estimator_type, tags.input_tags = own.estimator_type, own.input_tags
        tags.classifier_tags, tags.regressor_tags = own.classifier_tags, own.regressor_tags
        return tags


class Scoring(NamedTuple):
    """How candidates are scored.

    scorer is a function of an estimator, X and y, or None for the estimator's own score; answers
    (n,) or (n, outputs) are y as the caller has given it.
    """

    scorer: Any
    answers: Array


class _Search:
    """Scores of candidates, and what they predict, fold by fold."""

    def __init__(
        self,
        own: Any,
        candidates: list[Any],
        given: Examples,
        folds: int,
        scoring: Scoring,
        cluster: Any,
    ) -> None:
        self._own, self._candidates, self._given, self._scoring = own, candidates, given, scoring
        self._cluster = cluster
        shape = len(candidates), folds
        self.scores = np.full(shape, np.nan)
        self.fit_seconds, self.score_seconds = np.zeros(shape), np.zeros(shape)
        self._seed = draw_seeds(next_word(check_random_state(own.random_state)), 1)
        self._answers: list[list[tuple[Array, Array]]] = [[] for _ in candidates]

    def run(self, fold: int, train: Array, test: Array) -> None:
        """Train all candidates on a part of the examples, and score them on the other."""
        groups: dict[Any, list[int]] = {}
        for number, candidate in enumerate(self._candidates):
            groups.setdefault((candidate.scale, is_full_batch(candidate)), []).append(number)
        for numbers in groups.values():
            own = copy.copy(self._own).set_params(**self._candidates[numbers[0]].get_params())
            self._run_group(own, numbers, fold, train, test)

    def _run_group(
        self, own: Any, numbers: list[int], fold: int, train: Array, test: Array
    ) -> None:
        begin = time.perf_counter()
        population = self._trained(own, numbers, train)
        trained = time.perf_counter()
        part = self._given.part(test)
        held_out = own.scaled_examples(Examples(part.X, part.y, part.weights[:0]))
        each = population.outputs_of_each(held_out.X)
        given = zip(numbers, each, population.diverged, strict=True)
        for number, outputs, failed in given:
            outputs = outputs.reshape(len(test), -1)
            self._answers[number].append((test, own.decoded(outputs)))
            if not failed:
                self.scores[number, fold] = self._score(own, outputs, held_out, test)
        scored = time.perf_counter()
        self.fit_seconds[numbers, fold] = (trained - begin) / len(numbers)
        self.score_seconds[numbers, fold] = (scored - trained) / len(numbers)

    def _score(self, own: Any, outputs: Array, held_out: Examples, test: Array) -> float:
        scorer, answers = self._scoring
        if scorer is None:
            return float(own.score_of(outputs, held_out.y, held_out.weights))
        return float(scorer(HeldOut(own, outputs), self._given.X[test], answers[test]))

    def _trained(self, own: Any, numbers: list[int], train: Array) -> Population:
        """The candidates of these numbers, in this order; own learns the scaling."""
        random = check_random_state(own.random_state)
        split = own.split_examples(self._given.part(train), None, random, incremental=False)
        own.fit_scaling(split.train)
        split = own.scaled_split(split)
        shape, output = (own.n_features_in_, own.n_outputs_), own.output_kind()
        grid = []
        for number in numbers:
            options = member_options(self._candidates[number], split)
            shared = {name: options.pop(name) for name in _SHARED if name in options}
            sizes, names = sizes_and_activations(self._candidates[number], shape, output)
            start = check_random_state(self._candidates[number].random_state)
            weights = initial_weights(sizes, names[:-1], self._given.X.dtype, start)
            options.update(sizes=sizes, activation=names, initializer=weights)
            grid.append({name: [value] for name, value in options.items()})
        return train_many(
            None, split.train.X, split.train.y, seeds=self._seed, grid=grid, loss=output.loss,
            dtype=self._given.X.dtype, device=own.device, cluster=self._cluster, **shared,
        )  # fmt: skip

    def predictions(self, candidate: int) -> Array:
        """What a candidate predicts for each example where that is held out."""
        answers = self._answers[candidate]
        first = answers[0][1]
        empty = np.nan if first.dtype.kind == "f" else np.zeros(1, first.dtype)[0]
        predicted = np.full((len(self._given.X), *first.shape[1:]), empty, first.dtype)
        for numbers, values in answers:
            predicted[numbers] = values
        return predicted


def _column(name: str, params: list[dict[str, Any]]) -> Any:
    """A parameter of all candidates, masked where one does not have it."""
    column = np.ma.MaskedArray(np.empty(len(params), object), mask=True)
    for number, one in enumerate(params):
        if name in one:
            column[number] = one[name]
    return column
