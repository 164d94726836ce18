"""What the two estimators share: how a fit goes, and what a network gives."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import chain
from operator import is_
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ..checks.examples import Examples
from ..network import Network
from .ensemble import check_ensemble, train_members
from .inputs import (
    DTYPES,
    FORMAT,
    as_given,
    as_rows,
    refuse_masked,
    refuse_sparse_targets,
    with_dtype,
)
from .scaling import Scaling, fitted_scaling
from .solvers import Stochastic, fit_full_batch, is_full_batch
from .splits import Split, split_examples
from .start import Output, hidden_layers, new_network
from .watch import Watched

Array = NDArray[Any]

# Attributes that are views of the network's parameters.
_VIEWS = ("coefs_", "intercepts_", "_views")


class Perceptron(BaseEstimator):
    """What `MLPClassifier` and `MLPRegressor` have in common."""

    # What a fit finds if the coefficients were set by hand.
    optimizer_: Any = None
    _scaling: Scaling | None = None
    _target_scaling: Scaling | None = None
    no_improvement_count_ = 0

    @property
    def _no_improvement_count(self) -> int:
        """By scikit-learn's own name, which its tests read."""
        return int(self.no_improvement_count_)

    @_no_improvement_count.setter
    def _no_improvement_count(self, value: int) -> None:
        self.no_improvement_count_ = value

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, eval_set: Any = None, incremental: bool = False
    ) -> Any:
        """All of `fit`, or of `partial_fit` if incremental."""
        hidden_layers(self.hidden_layer_sizes)
        check_ensemble(self, eval_set)
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        given = self.given_examples(X, y, sample_weight, incremental, first)
        random = check_random_state(self.random_state)
        self._start(given, random, first)
        split = self.split_examples(given, eval_set, random, incremental)
        if first:
            self.fit_scaling(split.train)
        self._train(split, self._scaled(eval_set), incremental)
        if not all(np.isfinite(array).all() for array in chain(self.coefs_, self.intercepts_)):
            raise ValueError("Solver produced non-finite parameter weights.")
        return self

    def check_parameters(self) -> None:
        """Refuse parameters that are not of their form, by scikit-learn's errors."""
        self._validate_params()

    def given_examples(
        self, X: Any, y: Any, sample_weight: Any, incremental: bool, first: bool
    ) -> Examples:
        """Checked examples; y (n, outputs) as the split wants it."""
        refuse_masked(X=X, y=y)
        refuse_sparse_targets(y)
        X, y, targets = self._checked(X, y, incremental, first)
        X = as_rows(X)
        weights = np.empty(0, X.dtype)
        if sample_weight is not None:
            weights = _check_sample_weight(
                sample_weight, X, dtype=X.dtype, ensure_non_negative=True
            )
        return Examples(X, targets, self._class_weights(y, weights, X.dtype))

    def _start(self, given: Examples, random: Any, first: bool) -> None:
        """The network, and the record of its training."""
        outputs = given.y.shape[1]
        output = self.output_kind()
        if first or not hasattr(self, "_network"):
            shape = self.n_features_in_, outputs
            self._network = new_network(self, shape, output, given.X.dtype, random)
            self._views: list[Array] = []
            self.members_ = [self._network]
        self.n_outputs_ = outputs
        if not first:
            self._current_network()
            self._start_record(again=True)
            return
        self._link()
        self.n_iter_, self.t_ = 0, 0
        self.n_layers_ = len(self.coefs_) + 1
        self.out_activation_ = output.name
        self.optimizer_ = None
        self._start_record()

    def _start_record(self, again: bool = False) -> None:
        """The record of epochs; again: unless there is one of this kind to go on with."""
        kept = hasattr(self, "loss_curve_") and self.early_stopping == (
            getattr(self, "validation_scores_", None) is not None
        )
        if is_full_batch(self) or (again and kept):
            return
        self.loss_curve_: list[float] = []
        self.no_improvement_count_ = 0
        early = self.early_stopping
        self.best_parameters_ = self._network.parameters.copy()
        self.best_loss_: float | None = None if early else np.inf
        self.validation_scores_: list[float] | None = [] if early else None
        self.best_validation_score_ = -np.inf if early else None

    def split_examples(
        self, given: Examples, eval_set: Any, random: Any, incremental: bool
    ) -> Split:
        """The examples to train with, and those of early stopping; their y are numbers."""
        dtype = given.X.dtype
        full_batch = is_full_batch(self)
        if eval_set is not None and full_batch:
            raise ValueError(f"eval_set needs a solver by epochs, and solver={self.solver!r}")
        if not self.early_stopping or full_batch:
            return Split(with_dtype(given, dtype), None)
        if incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        if eval_set is not None:
            return Split(with_dtype(given, dtype), self._evaluation(eval_set))
        stratify = given.y.dtype == bool and given.y.shape[1] == 1
        split = split_examples(given, self.validation_fraction, random, stratify)
        held_out = split.validation
        assert held_out is not None
        return Split(with_dtype(split.train, dtype), with_dtype(held_out, dtype))

    def _evaluation(self, eval_set: Any) -> Examples:
        """The examples of eval_set."""
        if not isinstance(eval_set, tuple) or len(eval_set) != 2:
            raise ValueError(
                f"eval_set must be a pair (X, y); got an object of type {type(eval_set).__name__}"
            )
        refuse_masked(**dict(zip(("X", "y"), eval_set, strict=True)))
        refuse_sparse_targets(eval_set[1])
        X = self._rows(eval_set[0])
        targets = self._targets(eval_set[1], X)
        given = Examples(X, targets, np.empty(0, X.dtype))
        return with_dtype(given, self._network.dtype)

    def fit_scaling(self, train: Examples) -> None:
        """Scaling of inputs, and of a regression's targets, from the examples to train with."""
        self._scaling = self._target_scaling = None
        if self.scale is None:
            return
        self._scaling = fitted_scaling(self.scale, train.X, train.weights)
        if self._scales_targets():
            self._target_scaling = fitted_scaling(self.scale, train.y, train.weights)

    def _scaled(self, eval_set: Any) -> Examples | None:
        return None if eval_set is None else self.scaled_examples(self._evaluation(eval_set))

    def scaled_split(self, split: Split) -> Split:
        held_out = split.validation
        return Split(
            self.scaled_examples(split.train),
            None if held_out is None else self.scaled_examples(held_out),
        )

    def scaled_examples(self, given: Examples) -> Examples:
        X = given.X if self._scaling is None else self._scaling.apply(given.X)
        y = given.y if self._target_scaling is None else self._target_scaling.apply(given.y)
        return Examples(X, y, given.weights)

    def _train(self, split: Split, evaluation: Examples | None, incremental: bool) -> None:
        """The descents of one call."""
        given, split = split, self.scaled_split(split)
        score = self._validation_score(given.validation, split.validation)
        watched = Watched(score, evaluation, self._loss(split.train))
        if self.n_members is not None:
            self.members_ = train_members(self, self._network, split, watched)
            self._network = self.members_[0]
            self._link()
            return
        if is_full_batch(self):
            fit_full_batch(self, self._network, split.train, watched)
            return
        if evaluation is not None and not (self.warm_start and hasattr(self, "validation_curve_")):
            self.validation_curve_: list[float] = []
        training = Stochastic(self, self._network, split, watched)
        if incremental:
            training.fit_epoch()
        else:
            training.fit()

    def _validation_score(
        self, given: Examples | None, scaled: Examples | None
    ) -> Callable[[], float]:
        """What gives the score of the validation examples, which are given and scaled."""
        if given is None or scaled is None:
            return lambda: np.nan
        if self.scoring is None:
            rows, y, weights = scaled.X, scaled.y, scaled.weights
            return lambda: self.score_of(self._network.F(rows), y, weights)
        scorer, answers = check_scoring(self, self.scoring), self._answers(given.y)
        X = as_given(given.X)

        def score() -> float:
            with warnings.catch_warnings():
                # The examples that were held out have no names any more.
                warnings.filterwarnings("ignore", "X does not have valid feature names")
                return float(scorer(self, X, answers))

        return score

    def is_adaptive(self) -> bool:
        """Whether the learning rate falls where there is no progress."""
        return (
            self.solver == "sgd"
            and isinstance(self.learning_rate, str)
            and (self.learning_rate == "adaptive")
        )

    def _link(self) -> None:
        """Make coefs_ and intercepts_ views of the network's parameters."""
        self.coefs_ = [weight.T for weight in self._network.weights]
        self.intercepts_ = list(self._network.biases)
        self._views = [*self.coefs_, *self.intercepts_]

    def _current_network(self) -> Network:
        """The network, with what stands in coefs_ and intercepts_.

        They are no views of it where a caller has put in other arrays.
        """
        arrays, views = [*self.coefs_, *self.intercepts_], self._views
        if len(arrays) != len(views) or not all(map(is_, arrays, views)):
            self._link()
            for own, given in zip(self._views, arrays, strict=True):
                own[...] = given
        return self._network

    def _is_ensemble(self) -> bool:
        """Whether there are several networks, after a check that there is one."""
        try:
            return len(self.members_) > 1
        except AttributeError:
            check_is_fitted(self)
            raise

    def _outputs(self, X: Any) -> Array:
        """Outputs of the network for X, shape (n, outputs)."""
        network = self._current_network()
        if self._is_checked(X, network):
            try:
                return self._evaluated(network, X)
            except ValueError:
                pass  # what scikit-learn says of X is said below
        return self._evaluated(network, self._valid(X))

    def _member_outputs(self, X: Any) -> list[Array]:
        """Outputs of each member of an ensemble for X."""
        self._current_network()
        X = self._valid(X)
        return [self._evaluated(member, X) for member in self.members_]

    def _valid(self, X: Any) -> Array:
        refuse_masked(X=X)
        return self._rows(X)

    def _rows(self, X: Any) -> Array:
        """The rows of X, which has to have the features of the training."""
        return as_rows(validate_data(self, X, dtype=DTYPES, accept_sparse=FORMAT, reset=False))

    def _is_checked(self, X: Any, network: Network) -> bool:
        """Whether X needs no other check than for finite numbers: that of one row takes long."""
        return (
            type(X) is np.ndarray
            and X.ndim == 2
            and X.dtype == network.dtype
            and X.shape[1] == self.n_features_in_
            and len(X) > 0
            and "feature_names_in_" not in vars(self)
        )

    def _evaluated(self, network: Network, X: Array) -> Array:
        if self._scaling is not None:
            X = self._scaling.apply(X)
        outputs: Array = network.F(X)
        return outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __getstate__(self) -> Any:
        """All but the views of the network's parameters, which would be copies in the copy."""
        if hasattr(self, "_network"):
            self._current_network()
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name not in _VIEWS}

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state)
        if hasattr(self, "_network"):
            self._link()

    # What the classes below say.

    def _checked(self, X: Any, y: Any, incremental: bool, first: bool) -> tuple[Any, Any, Array]:
        """X, y, and the targets (n, outputs)."""
        raise NotImplementedError

    def _targets(self, y: ArrayLike, X: Array) -> Array:
        """The targets (n, outputs) of more examples."""
        raise NotImplementedError

    def _class_weights(self, y: Any, weights: Array, dtype: Any) -> Array:
        """The weights of the examples, with those of their classes."""
        return weights

    def output_kind(self) -> Output:
        """How the network ends."""
        raise NotImplementedError

    def decoded(self, outputs: Array) -> Array:
        """What outputs (n, outputs) predict."""
        raise NotImplementedError

    def _answers(self, targets: Array) -> Array:
        """y as a caller gives it, from targets (n, outputs)."""
        raise NotImplementedError

    def score_of(self, outputs: Array, targets: Array, weights: Array) -> float:
        """The score of validation examples."""
        raise NotImplementedError

    def _loss(self, train: Examples) -> Any:
        """From J to the loss as scikit-learn has it."""
        raise NotImplementedError

    def _scales_targets(self) -> bool:
        """Whether `scale` is for targets too."""
        return False
