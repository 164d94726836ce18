"""scikit-learn's MLPRegressor and MLPClassifier, from given weights."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..problems.problem import Problem
from ..problems.workload import Array, Result, Run, UnavailableError

_ACTIVATIONS = {"sigmoid": "logistic", "tanh": "tanh", "relu": "relu", "identity": "identity"}


def descent(problem: Problem, dtype: str) -> Run:
    """`fit` with the solver sgd, adam or lbfgs."""
    X, y = problem.X.astype(dtype), targets(problem, dtype)
    model = _started(problem, X, y)
    start = [(W.astype(dtype), b.astype(dtype)) for W, b in problem.start]

    def run(epochs: int) -> Result:
        _load(model, start)
        with unchecked():
            _fit(model.set_params(max_iter=epochs), X, y)
        return Result(_parameters(model), float(model.loss_))

    return run


def prediction(problem: Problem, dtype: str) -> Run:
    """`predict_proba` of all examples at once, again and again."""
    X = problem.X.astype(dtype)
    classes = np.arange(problem.sizes[-1])
    # It learns which classes there are from the data of its first epoch.
    model = _model(problem).set_params(solver="adam", batch_size=len(classes))
    _fit(model, np.resize(X, (len(classes), X.shape[1])), classes)
    _load(model, [(W.astype(dtype), b.astype(dtype)) for W, b in problem.start])

    def run(calls: int) -> Result:
        outputs = X
        with unchecked():
            for _ in range(calls):
                outputs = model.predict_proba(X)
        return Result(outputs.ravel())

    return run


def unchecked() -> Any:
    """While it is open, scikit-learn leaves out the checks that its users may switch off."""
    try:
        import sklearn
    except ImportError:
        raise UnavailableError("scikit-learn is not installed") from None
    return sklearn.config_context(assume_finite=True, skip_parameter_validation=True)


def cost(problem: Problem, parameters: Array) -> float:
    """scikit-learn's own loss at the given parameters: that of the first step's full batch."""
    X, y = problem.X, targets(problem, "float64")
    model = _model(problem).set_params(solver="adam", batch_size=len(X))
    _fit(model, X, y)
    _load(model, problem.layers(parameters))
    model.loss_curve_.clear()
    _fit(model, X, y)
    return float(model.loss_curve_[0])


def targets(problem: Problem, dtype: str) -> Array:
    """Numbers (n,) for a regression, class numbers (n,) for a classification."""
    if problem.loss == "half_squared_error":
        return problem.y[:, 0].astype(dtype)
    return problem.y.argmax(axis=1) if problem.y.shape[1] > 1 else problem.y[:, 0].astype(int)


def _started(problem: Problem, X: Array, y: Array) -> Any:
    """A model that one epoch has given the attributes that a warm start needs."""
    model = _model(problem)
    _fit(model, X, y)
    return model


def _model(problem: Problem) -> Any:
    """No penalty, no momentum, no shuffling, no stopping of its own: the epochs alone decide."""
    try:
        from sklearn.neural_network import MLPClassifier, MLPRegressor
    except ImportError:
        raise UnavailableError("scikit-learn is not installed") from None
    kind = MLPRegressor if problem.loss == "half_squared_error" else MLPClassifier
    return kind(
        hidden_layer_sizes=problem.sizes[1:-1],
        activation=_ACTIVATIONS[problem.activations[0]],
        solver=problem.optimizer,
        learning_rate_init=problem.learning_rate or 0.001,
        momentum=0.0,
        batch_size=problem.batch_size or len(problem.X),
        alpha=0.0,
        shuffle=False,
        tol=0.0,
        n_iter_no_change=10**9,
        max_fun=10**9,
        max_iter=1,
        warm_start=True,
        random_state=0,
    )


def _load(model: Any, layers: Any) -> None:
    """scikit-learn's weights are (d_in, d_out)."""
    model.coefs_ = [weight.T.copy() for weight, _ in layers]
    model.intercepts_ = [bias.copy() for _, bias in layers]


def _parameters(model: Any) -> Array:
    pairs = zip(model.coefs_, model.intercepts_, strict=True)
    return np.concatenate([part.ravel() for weight, bias in pairs for part in (weight.T, bias)])


def _fit(model: Any, X: Array, y: Array) -> None:
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # It warns whenever max_iter ends a fit, as it does here every time.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
