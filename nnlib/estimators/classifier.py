"""`MLPClassifier`: scikit-learn's, with nnlib's networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils import check_array, column_or_1d, compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target
from sklearn.utils.validation import validate_data

from ..checks.examples import Examples
from ..checks.names import hinted
from . import scores
from .constraints import OF_CLASSIFIERS, keep_parameters
from .inputs import DTYPES, FORMAT, refuse_sparse_targets
from .labels import found_classes, labels_of
from .perceptron import Perceptron
from .solvers import check_partial_fit
from .start import Output

Array = NDArray[Any]


class MLPClassifier(ClassifierMixin, Perceptron):
    """scikit-learn's multilayer perceptron for classes, trained by nnlib's kernels.

    Parameters, attributes and methods are those of `sklearn.neural_network.MLPClassifier`, with the
    same names, defaults and meanings; the same random_state gives the same initial weights and the
    same validation split. Mini-batches come in an order of nnlib's own.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, int, or list of layers
        Units of the hidden layers; or layers of `nnlib.layers`, which come between the inputs
        and the output layer.
    activation : str, activations.Custom, or list of these
        ``identity``, ``logistic``, ``tanh``, ``relu``, or another of `Network`, for all hidden
        layers or one for each.
    solver : str or Optimizer
        ``lbfgs``, ``sgd``, ``adam``, or another optimizer of nnlib, by name or as an object.
    alpha : float
        L2 penalty, divided by the examples of a batch.
    batch_size : int or "auto"
        "auto" is min(200, n).
    learning_rate : {"constant", "invscaling", "adaptive"} or Schedule
        The names are for ``sgd``; a schedule of `nnlib.schedules` is for every solver by epochs,
        in place of learning_rate_init. It is made for max_iter epochs: their end is no warning.
    learning_rate_init, power_t
        Learning rate at the start, and exponent of ``invscaling``.
    max_iter : int
        Most epochs, or iterations of ``lbfgs``.
    shuffle : bool
        Whether each epoch has its own order of examples.
    random_state : int, RandomState or None
        Of weights, validation split, and order.
    tol, n_iter_no_change
        After more than so many epochs without progress of at least tol the training ends.
    verbose : bool
        Print each epoch's loss.
    warm_start : bool
        Go on from the last fit.
    momentum, nesterovs_momentum
        Of ``sgd``.
    early_stopping, validation_fraction
        Whether progress is that of the score of so large a part of the examples, held out. The
        model then has the parameters of the best score.
    beta_1, beta_2, epsilon
        Of ``adam``.
    max_fun : int
        Most evaluations by ``lbfgs``.
    loss : {"log_loss"} or Loss
        An object of `nnlib.losses` for probabilities: for two classes or labels
        ``BinaryCrossEntropy`` or ``Focal``, for more ``SoftmaxCrossEntropy`` or ``SoftmaxFocal``.
    class_weight : dict, "balanced", list of dict, or None
        Multiplies the weights of the examples of each class.
    dropout : float, list of float or None
        Probability with which a hidden unit is dropped in training, for all layers or each.
    scale : {"standard", "robust"} or None
        Scale inputs by mean and standard deviation, or by median and interquartile range, of the
        examples to train with. coefs_ are then those of scaled inputs. Sparse inputs are divided
        and not centred.
    scoring : str, callable or None
        Score of early stopping: a name of scikit-learn's, such as ``neg_log_loss``, or a function
        of the estimator, X and y. None: accuracy, of a regression R².
    n_members : int or None
        Train so many networks at once, from initial weights of their own, and average what they
        predict. Early stopping is then by their losses. coefs_ are those of the first, members_
        has all.
    callbacks : list of callable, or None
        Each is called with a `Report` after every epoch; the training ends if one returns True.
    time_limit : float or None
        Seconds after which a fit ends, at an epoch's end.
    device : {"cpu", "cuda", "auto"}
        Where the network computes.

    Attributes
    ----------
    classes_, loss_, best_loss_, loss_curve_, validation_scores_, best_validation_score_, t_,
    coefs_, intercepts_, n_features_in_, feature_names_in_, n_iter_, n_layers_, n_outputs_,
    out_activation_
        As scikit-learn's.
    validation_curve_ : list of float
        The loss of eval_set after each epoch.

    Examples
    --------
    >>> import nnlib
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = nnlib.MLPClassifier((8,), solver="lbfgs", random_state=0, scale="standard")
    >>> model.fit(X, y).score(X, y) > 0.97
    True
    """

    _parameter_constraints = OF_CLASSIFIERS

    @hinted
    def __init__(
        self,
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
        loss: Any = "log_loss",
        class_weight: Any = None,
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
        y : array-like, shape (n,) or (n, labels)
            Classes, or 0 and 1 for each label.
        sample_weight : array-like, shape (n,), or None
        eval_set : (X, y) or None
            More examples, whose loss becomes `validation_curve_`. With early_stopping their score
            decides, and none are held out.

        Returns
        -------
        self
        """
        self._fit(X, y, sample_weight, eval_set)
        return self

    @available_if(check_partial_fit)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: ArrayLike, sample_weight: Any = None, classes: Any = None
    ) -> Self:
        """Go on for one epoch with this data.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array-like or None
            All classes that will ever come; needed in the first call.

        Returns
        -------
        self
        """
        refuse_sparse_targets(y)
        if _check_partial_fit_first_call(self, classes):
            several = type_of_target(y) == "multilabel-indicator"
            self._labels = labels_of(y if several else classes)
        self._fit(X, y, sample_weight, incremental=True)
        return self

    def predict(self, X: Any) -> Array:
        """The classes, shape (n,), or the labels, shape (n, labels)."""
        return self.decoded(self._probabilities(X))

    def decoded(self, outputs: Array) -> Array:
        """The classes or labels that outputs (n, outputs) mean."""
        if self.out_activation_ == "softmax":
            classes: Array = self.classes_.take(outputs.argmax(axis=1))
            return classes
        if self._labels.several:
            labels: Array = (outputs > 0.5).astype(int)
            return labels
        # Of a single class it is always that one.
        upper: Array = self.classes_[(outputs[:, 0] > 0.5) * (len(self.classes_) - 1)]
        return upper

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class or label, shape (n, classes)."""
        return self.probabilities_of(self._probabilities(X))

    def probabilities_of(self, outputs: Array) -> Array:
        """The probability of each class or label, from outputs (n, outputs)."""
        if outputs.shape[1] == 1:
            return np.hstack([1 - outputs, outputs])
        return outputs

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithms of `predict_proba`."""
        probabilities = self.predict_proba(X)
        logarithms: Array = np.log(probabilities, out=probabilities)
        return logarithms

    def _probabilities(self, X: Any) -> Array:
        """Probabilities (n, outputs), of an ensemble their mean."""
        if not self._is_ensemble():
            return self._outputs(X)
        mean: Array = np.mean(self._member_outputs(X), axis=0)
        return mean

    def _checked(self, X: Any, y: Any, incremental: bool, first: bool) -> tuple[Any, Any, Array]:
        X, y = validate_data(
            self, X, y, multi_output=True, dtype=DTYPES, accept_sparse=FORMAT, reset=first
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        self._take_classes(y, incremental)
        return X, y, self._labels.encode(y)

    def _take_classes(self, y: Array, incremental: bool) -> None:
        """The classes of a first fit; of any other the same ones."""
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._labels = labels_of(y)
            self.classes_ = self._labels.classes
            return
        classes = found_classes(y)
        if self.warm_start and set(classes) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {classes}"
            )
        if self._labels.several != (y.ndim == 2) or len(self._labels.unknown(y)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. "
                f"'y' has {classes}."
            )

    def _targets(self, y: Any, X: Array) -> Array:
        y = check_array(y, ensure_2d=False, dtype=None) if self._labels.several else column_or_1d(y)
        if len(y) != len(X):
            raise ValueError(f"y has {len(y)} examples and X {len(X)}, wanted as many")
        unknown = self._labels.unknown(y)
        if len(unknown):
            raise ValueError(f"y has classes {unknown} that the training data has not")
        return self._labels.encode(y)

    def _answers(self, targets: Array) -> Array:
        return self.decoded(targets)

    def _class_weights(self, y: Any, weights: Array, dtype: Any) -> Array:
        if self.class_weight is None:
            return weights
        factors = compute_sample_weight(self.class_weight, y).astype(dtype)
        combined: Array = factors * weights if weights.size else factors
        return combined

    def output_kind(self) -> Output:
        multiclass = self._labels.multiclass
        name, activation = ("softmax", "softmax") if multiclass else ("logistic", "sigmoid")
        loss = self.loss
        if isinstance(loss, str):
            loss = "softmax_cross_entropy" if multiclass else "binary_cross_entropy"
        return Output(name, activation, loss)

    def score_of(self, outputs: Array, targets: Array, weights: Array) -> float:
        if self.out_activation_ == "softmax":
            return scores.accuracy_of_classes(outputs, targets, weights)
        return scores.accuracy(outputs, targets, weights)

    def _loss(self, train: Examples) -> Callable[[float], float]:
        return float

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
