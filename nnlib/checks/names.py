"""Near names: what a name that nnlib does not know was probably meant to be.

Other libraries' names come first, since they look like nothing here (``lr``) or like the wrong
thing (``linear``); typing errors come second, by likeness.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

# By the argument that the name was given for; in lower case, without "_", "-" and " ". Several
# meanings stand side by side.
SYNONYMS: dict[str, dict[str, str]] = {
    "activation": {
        "linear": "identity", "none": "identity", "logistic": "sigmoid",
        "expit": "sigmoid", "logsigmoid": "sigmoid", "logsoftmax": "softmax",
        "swish": "silu", "step": "heaviside", "threshold": "heaviside",
        "binarystep": "heaviside", "hardlimit": "heaviside", "rectifier": "relu",
        "prelu": "leaky_relu", "lrelu": "leaky_relu",
    },
    "loss": {
        "mse": "half_squared_error", "mseloss": "half_squared_error",
        "meansquarederror": "half_squared_error", "squarederror": "half_squared_error",
        "l2": "half_squared_error", "mae": "absolute_error",
        "meanabsoluteerror": "absolute_error", "l1": "absolute_error",
        "l1loss": "absolute_error", "smoothl1": "huber", "logcosh": "log_cosh",
        "crossentropy": "softmax_cross_entropy binary_cross_entropy",
        "crossentropyloss": "softmax_cross_entropy",
        "categoricalcrossentropy": "softmax_cross_entropy",
        "sparsecategoricalcrossentropy": "softmax_cross_entropy",
        "nll": "softmax_cross_entropy", "nllloss": "softmax_cross_entropy",
        "logloss": "binary_cross_entropy softmax_cross_entropy",
        "binarycrossentropy": "binary_cross_entropy", "bce": "binary_cross_entropy",
        "bceloss": "binary_cross_entropy", "bcewithlogits": "binary_cross_entropy",
        "pinball": "quantile", "pinballloss": "quantile", "quantileloss": "quantile",
        "focalloss": "focal", "binaryfocalcrossentropy": "focal",
        "categoricalfocalcrossentropy": "softmax_focal", "hingeloss": "hinge",
        "kld": "kl_divergence", "kldivloss": "kl_divergence",
        "kullbackleibler": "kl_divergence",
    },
    "optimizer": {
        "gd": "sgd", "gradientdescent": "sgd", "nag": "nesterov",
        "lm": "levenberg_marquardt", "bfgs": "lbfgs", "irprop": "rprop",
    },
    "initializer": {
        "xavier": "glorot_uniform glorot_normal", "xavieruniform": "glorot_uniform",
        "xaviernormal": "glorot_normal", "kaiming": "he_uniform he_normal",
        "kaiminguniform": "he_uniform", "kaimingnormal": "he_normal", "zero": "zeros",
        "uniform": "glorot_uniform he_uniform", "normal": "glorot_normal he_normal",
    },
    "device": {"gpu": "cuda", "nvidia": "cuda", "cuda:0": "cuda", "processor": "cpu"},
    "metrics": {
        "acc": "accuracy", "mae": "mean_absolute_error", "rmse": "root_mean_squared_error",
        "mse": "root_mean_squared_error neg_mean_squared_error", "crossentropy": "log_loss",
        "auc": "roc_auc", "rsquared": "r2", "r2score": "r2", "accuracyscore": "accuracy",
    },
    "reduction": {"average": "mean", "avg": "mean", "total": "sum"},
    "precision": {"tensorfloat32": "tf32", "bfloat16": "bf16", "half": "bf16"},
    "argument": {
        "lr": "learning_rate_init learning_rate", "learningrateinit": "learning_rate",
        "eta": "learning_rate", "eta0": "learning_rate", "stepsize": "learning_rate",
        "rate": "learning_rate", "scheduler": "learning_rate",
        "schedule": "learning_rate",
        "nepochs": "epochs", "numepochs": "epochs", "nbepoch": "epochs",
        "maxepochs": "epochs", "maxiter": "epochs", "niter": "epochs",
        "iterations": "epochs", "steps": "epochs",
        "alpha": "weight_decay learning_rate", "l2": "weight_decay",
        "decay": "weight_decay", "lambda": "weight_decay",
        "bs": "batch_size", "solver": "optimizer", "optim": "optimizer solver",
        "randomstate": "seed", "randomseed": "seed", "rng": "seed",
        "validationdata": "validation", "validationsplit": "validation",
        "validationfraction": "validation", "evalset": "validation",
        "earlystopping": "patience", "scoring": "metrics", "metric": "metrics",
        "niternochange": "patience", "tol": "tolerance",
        "mindelta": "tolerance", "callbacks": "callback", "warmstart": "partial",
        "verbose": "progress", "clipnorm": "clip_norm", "maxgradnorm": "clip_norm",
        "gradientclip": "clip_norm", "clipvalue": "clip_value",
        "dropoutrate": "dropout", "timeout": "max_seconds", "maxtime": "max_seconds",
        "weights": "sample_weight initializer", "classweights": "class_weight",
        "hiddenlayersizes": "sizes", "layers": "sizes", "hidden": "sizes",
        "units": "sizes", "architecture": "sizes",
        "criterion": "loss", "cost": "loss", "init": "initializer",
        "kernelinitializer": "initializer", "nonlinearity": "activation",
        "groupby": "groups", "by": "groups", "key": "groups", "minsamples": "min_rows",
        "cv": "folds", "kfold": "folds", "paramgrid": "grid", "restarts": "n",
        "nmodels": "n n_members", "nestimators": "n n_members", "amp": "precision",
        "seqlen": "lengths", "seqlens": "lengths", "seqlengths": "lengths",
        "sequencelength": "lengths", "sequencelengths": "lengths", "paddingmask": "mask",
        "attentionmask": "mask", "masks": "mask", "maxlen": "length", "maxlength": "length",
        "buffersize": "shuffle_buffer", "shufflebuffersize": "shuffle_buffer",
        "shufflesize": "shuffle_buffer", "bufsize": "shuffle_buffer",
        "padding": "side", "paddingside": "side", "paddingvalue": "value",
        "target": "y", "targets": "y", "labels": "y", "inputs": "X", "data": "X",
        # What the estimators call in scikit-learn's way.
        "optimizer": "solver", "epochs": "max_iter", "weightdecay": "alpha",
        "seed": "random_state", "patience": "n_iter_no_change", "tolerance": "tol",
        "sizes": "hidden_layer_sizes", "progress": "verbose", "partial": "warm_start",
        "maxseconds": "time_limit", "metrics": "scoring", "monitor": "scoring",
        "grid": "param_grid", "folds": "cv",
    },
    "layer": {
        "linear": "Dense", "fullyconnected": "Dense", "rnn": "SimpleRNN",
        "convolution1d": "Conv1D", "convolution2d": "Conv2D",
        "maxpool1d": "MaxPooling1D", "maxpool2d": "MaxPooling2D",
        "avgpool1d": "AveragePooling1D", "avgpool2d": "AveragePooling2D",
        "globalmaxpool1d": "GlobalMaxPooling1D", "globalmaxpool2d": "GlobalMaxPooling2D",
        "globalavgpool1d": "GlobalAveragePooling1D",
        "globalavgpool2d": "GlobalAveragePooling2D",
        "batchnorm": "BatchNormalization", "batchnorm1d": "BatchNormalization",
        "batchnorm2d": "BatchNormalization", "layernorm": "LayerNormalization",
        "dropout1d": "SpatialDropout1D", "upsample": "UpSampling2D",
        "inputlayer": "Input", "concat": "Concatenate", "cat": "Concatenate",
        "randomtranslation": "RandomShift", "relu": "Activation", "softmax": "Activation",
    },
    "attribute": {
        "fit": "descent", "train": "descent", "partialfit": "descent",
        "optimize": "descent", "forward": "F", "labels": "classes",
        "call": "F", "apply": "F", "transform": "F", "evaluate": "J score",
        "cost": "J", "accuracy": "score", "r2": "score", "backward": "derJ", "grad": "derJ",
        "gradient": "derJ", "coefs": "weights", "coef": "weights", "w": "weights",
        "intercepts": "biases", "b": "biases", "params": "parameters",
        "statedict": "parameters", "getweights": "weights", "layers": "sizes",
        "plot": "show", "cuda": "to", "dump": "save",
        "history": "J", "valloss": "validation_J", "todataframe": "to_frame",
        "df": "to_frame", "bestestimator": "best", "lr": "learning_rate",
    },
}  # fmt: skip
# What is no argument here but can be done.
_INSTEAD = {
    "numthreads": "nnlib.set_threads(…) says how many threads compute",
    "nthreads": "nnlib.set_threads(…) says how many threads compute",
    "threads": "nnlib.set_threads(…) says how many threads compute",
    "njobs": "nnlib.set_threads(…) says how many threads compute",
    "momentum": "it is a setting of optimizer=nnlib.optimizers.Momentum(…)",
    "nesterov": "it is the optimizer 'nesterov'",
    "beta1": "it is a setting of optimizer=nnlib.optimizers.Adam(…)",
    "beta2": "it is a setting of optimizer=nnlib.optimizers.Adam(…)",
    "betas": "beta1 and beta2 are settings of optimizer=nnlib.optimizers.Adam(…)",
    "epsilon": "it is a setting of optimizer=nnlib.optimizers.Adam(…)",
    "eps": "epsilon is a setting of optimizer=nnlib.optimizers.Adam(…)",
}


def hint(kind: str, value: str, names: Iterable[str]) -> str:
    """The end of a message: the name that `value` stands for, or looks like, or nothing.

    Parameters
    ----------
    kind : str
        The argument that the name was given for, "argument" or "attribute"; of ``activation[1]``
        the part before the bracket.
    value : str
    names : iterable of str
        The names that are known.

    Examples
    --------
    >>> hint("activation", "linear", ["identity", "leaky_relu"])
    "; did you mean 'identity'?"
    >>> hint("activation", "ReLU", ["identity", "relu"])
    "; did you mean 'relu'?"
    >>> hint("activation", "qqq", ["identity", "relu"])
    ''
    """
    names = list(names)
    plain = _plain(value)
    meant = SYNONYMS.get(kind.partition("[")[0], {}).get(plain, "")
    near = [name for name in meant.split() if name in names]
    near = near or [name for name in names if _plain(name) == plain][:1]
    begun = any(_plain(name).startswith(plain) for name in names)  # eps is some layers' epsilon
    if not near and not begun and kind == "argument" and plain in _INSTEAD:
        return f"; {_INSTEAD[plain]}"
    near = near or difflib.get_close_matches(value.lower(), names, n=1, cutoff=0.6)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def unknown_argument(function: str, name: str, names: Iterable[str]) -> TypeError:
    """The error of a keyword argument that a function does not have.

    >>> unknown_argument("descent", "lr", ["learning_rate"])
    TypeError("descent() got an unexpected keyword argument 'lr'; did you mean 'learning_rate'?")
    """
    return TypeError(
        f"{function}() got an unexpected keyword argument {name!r}{hint('argument', name, names)}"
    )


def unknown_attribute(owner: object, name: str) -> AttributeError:
    """The error of an attribute that an object does not have.

    >>> import nnlib
    >>> unknown_attribute(nnlib.Network([1, 1]), "forward")
    AttributeError("'Network' object has no attribute 'forward'; did you mean 'F'?")
    """
    names = [known for known in dir(owner) if not known.startswith("_")]
    near = "" if name.startswith("_") else hint("attribute", name, names)
    text = f"{type(owner).__name__!r} object has no attribute {name!r}{near}"
    # A name that is set keeps Python from adding its own guess to ours.
    return AttributeError(text, name=None)


class NearNames:
    """A class whose objects answer for an attribute that they do not have with the near name.

    >>> class Door(NearNames):
    ...     handle = 1
    >>> Door().handel
    Traceback (most recent call last):
    ...
    AttributeError: 'Door' object has no attribute 'handel'; did you mean 'handle'?
    """

    if not TYPE_CHECKING:  # else every name would count as known

        def __getattr__(self, name: str) -> Any:
            raise unknown_attribute(self, name)


def hinted(function: Callable[P, R]) -> Callable[P, R]:
    """The same function; a keyword argument that it does not have is refused with the near name.

    >>> @hinted
    ... def train(X, *, learning_rate=0.1):
    ...     return learning_rate
    >>> train(1, learning_rate=0.3)
    0.3
    >>> train(1, lr=0.3)
    Traceback (most recent call last):
    ...
    TypeError: train() got an unexpected keyword argument 'lr'; did you mean 'learning_rate'?
    """
    parameters: Mapping[str, object] = inspect.signature(function).parameters

    @functools.wraps(function)
    def checked(*arguments: P.args, **named: P.kwargs) -> R:
        if not named.keys() <= parameters.keys():
            name = next(name for name in named if name not in parameters)
            raise unknown_argument(
                _called(function, arguments),
                name,
                [known for known in parameters if known != "self"],
            )
        try:
            return function(*arguments, **named)
        except TypeError as error:
            frame = error.__traceback__
            if frame is None or frame.tb_next is not None:
                raise  # by the function, not by the call of it
            text = str(error).replace(function.__qualname__, _called(function, arguments), 1)
            raise TypeError(text) from None

    return checked


def _called(function: Callable[..., object], arguments: Sequence[object]) -> str:
    """What a user called: a method of the object's own class, not of the one that it inherits."""
    owner = function.__qualname__.rpartition(".")[0]
    own = type(arguments[0]) if arguments else object
    if owner in (base.__qualname__ for base in own.__mro__):
        return f"{own.__qualname__}.{function.__name__}"
    return function.__qualname__


def _plain(name: str) -> str:
    """A name without what people write in different ways."""
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")
