"""What each parameter of an estimator may be, in the form that scikit-learn checks."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer_names
from sklearn.utils._param_validation import Interval, Options, StrOptions

from ..activations import Custom
from ..losses import Loss
from ..optimizers import OPTIMIZERS, Optimizer
from ..schedules import Schedule

_ACTIVATIONS = {
    "identity", "logistic", "tanh", "relu", "sigmoid", "leaky_relu", "elu", "gelu", "silu",
    "softplus",
}  # fmt: skip
_SCALES = {"standard", "robust"}

CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions(_ACTIVATIONS), Custom, list, tuple],
    "solver": [StrOptions(set(OPTIMIZERS)), Optimizer],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"}), Schedule],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [
        Interval(Integral, 1, None, closed="left"),
        Options(Real, {np.inf}),
    ],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "dropout": [Interval(Real, 0, 1, closed="left"), list, tuple, None],
    "scale": [StrOptions(_SCALES), None],
    "scoring": [StrOptions(set(get_scorer_names())), callable, None],
    "n_members": [Interval(Integral, 2, None, closed="left"), None],
    "callbacks": [list, tuple, None],
    "time_limit": [Interval(Real, 0, None, closed="neither"), None],
    "device": [StrOptions({"cpu", "cuda", "auto"})],
}
OF_CLASSIFIERS: dict[str, list[Any]] = {
    **CONSTRAINTS,
    "loss": [StrOptions({"log_loss"}), Loss],
    "class_weight": [StrOptions({"balanced"}), dict, list, None],
}
OF_REGRESSORS: dict[str, list[Any]] = {
    **CONSTRAINTS,
    "loss": [
        StrOptions({"squared_error", "poisson", "absolute_error", "huber", "log_cosh", "quantile"}),
        Loss,
    ],
}


def keep_parameters(estimator: Any, arguments: Mapping[str, Any]) -> None:
    """Set the arguments of a constructor, as they came, as attributes of the same names.

    Parameters
    ----------
    estimator : object
    arguments : mapping from str to object
        What `locals` gives at the constructor's start.

    Examples
    --------
    >>> class Named:
    ...     def __init__(self, name):
    ...         keep_parameters(self, locals())
    >>> Named("Iris").name
    'Iris'
    """
    for name, value in arguments.items():
        if name not in ("self", "__class__"):
            setattr(estimator, name, value)
