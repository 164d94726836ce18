"""What a scorer of scikit-learn asks of an estimator, answered from outputs that are known."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.metaestimators import available_if

Array = NDArray[Any]


class HeldOut(BaseEstimator):
    """An estimator for the examples of one fold, whose outputs a population has computed together.

    A scorer calls its methods with the X of that fold, which they need not look at.

    Parameters
    ----------
    own : MLPClassifier or MLPRegressor
        That knows the classes and the scaling of the targets.
    outputs : ndarray, shape (n, outputs)
        Of a candidate's network for the n examples of the fold.

    Examples
    --------
    >>> from nnlib.estimators import MLPClassifier
    >>> model = MLPClassifier((2,), solver="lbfgs").fit([[0.0], [1.0]], ["no", "yes"])
    >>> HeldOut(model, np.array([[0.2], [0.9]])).predict(None).tolist()
    ['no', 'yes']
    """

    def __init__(self, own: Any, outputs: Array) -> None:
        self.own = own
        self.outputs = outputs

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Nothing: scikit-learn takes what has no `fit` for no estimator."""
        return self

    @property
    def classes_(self) -> Array:
        """The classes of a classifier."""
        classes: Array = self.own.classes_
        return classes

    def predict(self, X: Any) -> Array:
        """The classes, or the values, of the fold."""
        predicted: Array = self.own.decoded(self.outputs)
        return predicted

    @available_if(lambda held_out: hasattr(held_out.own, "probabilities_of"))
    def predict_proba(self, X: Any) -> Array:
        """The probability of each class of the fold's examples."""
        probabilities: Array = self.own.probabilities_of(self.outputs)
        return probabilities

    @available_if(lambda held_out: hasattr(held_out.own, "probabilities_of"))
    def predict_log_proba(self, X: Any) -> Array:
        """The logarithms of `predict_proba`."""
        logarithms: Array = np.log(self.predict_proba(X))
        return logarithms

    def __sklearn_tags__(self) -> Any:
        return self.own.__sklearn_tags__()
