"""Names of other libraries and typing errors: the message names what was meant."""

from __future__ import annotations

import copy
import inspect
import pickle
import re

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.checks import names
from nnlib.kernels.formulas import activations
from nnlib.layers.formulas import LOSS_NAMES
from nnlib.machine.device import DEVICES
from nnlib.model import metrics
from nnlib.model.initializers import INITIALIZERS
from nnlib.optimizers import OPTIMIZERS
from nnlib.population import sweep
from nnlib.training import options

pytestmark = pytest.mark.cpu("host")

X, Y = np.arange(4.0), np.arange(4.0) / 4


def network():
    """The exercise's."""
    return nnlib.Network([1, 2, 1])


def hint_of(error, call):
    """What the message of a call says at its end."""
    with pytest.raises(error) as caught:
        call()
    return re.sub(r".*; ", "", str(caught.value))


@pytest.mark.parametrize(
    ("argument", "given", "meant"),
    [
        ("activation", "linear", "'identity'"),
        ("activation", "logistic", "'sigmoid'"),
        ("activation", "LogSoftmax", "'softmax'"),
        ("activation", "swish", "'silu'"),
        ("activation", "LeakyReLU", "'leaky_relu'"),
        ("activation", "step", "'heaviside'"),
        ("activation", "soft_max", "'softmax'"),
        ("activation", "sigmoïd", "'sigmoid'"),
        ("activation", ["tanh", "linear"], "'identity'"),
        ("loss", "mse", "'half_squared_error'"),
        ("loss", "mean_squared_error", "'half_squared_error'"),
        ("loss", "mae", "'absolute_error'"),
        ("loss", "l2", "'half_squared_error'"),
        ("loss", "cross_entropy", "'softmax_cross_entropy' or 'binary_cross_entropy'"),
        ("loss", "CrossEntropyLoss", "'softmax_cross_entropy'"),
        ("loss", "nll", "'softmax_cross_entropy'"),
        ("loss", "bce", "'binary_cross_entropy'"),
        ("initializer", "xavier", "'glorot_uniform' or 'glorot_normal'"),
        ("initializer", "kaiming_normal", "'he_normal'"),
        ("device", "gpu", "'cuda'"),
        ("device", "CUDA", "'cuda'"),
    ],
)
def test_names_of_a_network(argument, given, meant):
    hint = hint_of(ValueError, lambda: nnlib.Network([1, 2, 1], **{argument: given}))
    assert hint == f"did you mean {meant}?"


@pytest.mark.parametrize(
    ("argument", "given", "meant"),
    [
        ("optimizer", "gd", "'sgd'"),
        ("optimizer", "Adma", "'adam'"),
        ("optimizer", "bfgs", "'lbfgs'"),
        ("optimizer", "LM", "'levenberg_marquardt'"),
        ("reduction", "average", "'mean'"),
        ("precision", "bfloat16", "'bf16'"),
    ],
)
def test_names_of_a_descent(argument, given, meant):
    hint = hint_of(ValueError, lambda: network().descent(X, Y, **{argument: given}))
    assert hint == f"did you mean {meant}?"


def test_a_name_like_nothing_has_no_hint():
    with pytest.raises(ValueError, match=r"'qqq', wanted one of identity, [a-z_, ]*softmax$"):
        nnlib.Network([1, 2, 1], "qqq")


DESCENT = {
    "lr": "'learning_rate'", "n_epochs": "'epochs'", "max_iter": "'epochs'", "epoch": "'epochs'",
    "alpha": "'weight_decay' or 'learning_rate'", "l2": "'weight_decay'",
    "random_state": "'seed'", "validation_data": "'validation'", "validation_split": "'validation'",
    "verbose": "'progress'", "early_stopping": "'patience'", "callbacks": "'callback'",
    "solver": "'optimizer'", "clipnorm": "'clip_norm'", "weight_decy": "'weight_decay'",
    "batchsize": "'batch_size'",
}  # fmt: skip


@pytest.mark.parametrize(
    "kind",
    ["Conv1D", "Conv2D", "MaxPooling1D", "AveragePooling2D", "GlobalMaxPooling1D"],
)
def test_the_users_class_is_named_not_the_one_that_it_inherits_from(kind):
    wanted = rf"^{kind}\.__init__\(\) got an unexpected .* 'nam'; .* 'name'"
    with pytest.raises(TypeError, match=wanted):
        getattr(layers, kind)(nam="first")


@pytest.mark.parametrize("given", DESCENT)
@pytest.mark.parametrize("function", ["Network.descent", "train_many"])
def test_arguments_of_a_descent(function, given):
    net = network()
    before = net.parameters.copy()
    call = net.descent if function == "Network.descent" else nnlib.train_many
    first = () if function == "Network.descent" else ([1, 2, 1],)
    wanted = rf"^{function}\(\) got an unexpected keyword argument '{given}'; did you mean "
    with pytest.raises(TypeError, match=wanted + re.escape(DESCENT[given])):
        call(*first, X, Y, **{given: 1})
    np.testing.assert_array_equal(net.parameters, before)


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        (lambda: nnlib.Network([1, 1], activations="tanh"), "did you mean 'activation'?"),
        (lambda: nnlib.Network([1, 1], random_state=1), "did you mean 'seed'?"),
        (lambda: nnlib.Network(hidden_layer_sizes=[1, 1]), "did you mean 'sizes'?"),
        (lambda: network().J(X, Y, sample_weights=Y), "did you mean 'sample_weight'?"),
        (lambda: network().derJ(X, targets=Y), "did you mean 'y'?"),
        (lambda: nnlib.train_many([1, 1], X, Y, cv=3), "did you mean 'folds'?"),
        (lambda: nnlib.train_many([1, 1], X, Y, param_grid={}), "did you mean 'grid'?"),
        (
            lambda: network().descent(X, Y, num_threads=2),
            "nnlib.set_threads(…) says how many threads compute",
        ),
        (
            lambda: network().descent(X, Y, momentum=0.9),
            "it is a setting of optimizer=nnlib.optimizers.Momentum(…)",
        ),
    ],
)
def test_arguments_of_the_others(call, meant):
    assert hint_of(TypeError, call) == meant


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("fit", "descent"), ("predictt", "predict"), ("forward", "F"), ("cost", "J"),
        ("backward", "derJ"), ("coefs_", "weights"), ("state_dict", "parameters"),
        ("wieghts", "weights"), ("predictproba", "predict_proba"), ("accuracy", "score"),
        ("labels", "classes"),
    ],
)  # fmt: skip
def test_attributes_of_a_network(name, meant):
    net = network()
    assert not hasattr(net, name)
    with pytest.raises(AttributeError, match=f"^'Network' object has no attribute '{name}'; did"):
        getattr(net, name)
    assert hint_of(AttributeError, lambda: getattr(net, name)) == f"did you mean {meant!r}?"


def test_attributes_of_a_history_and_a_population():
    history = network().descent(X, Y, epochs=1)
    assert hint_of(AttributeError, lambda: history.val_loss) == "did you mean 'validation_J'?"
    population = nnlib.train_many([1, 2, 1], X, Y, n=2, epochs=1)
    assert hint_of(AttributeError, lambda: population.best_estimator_) == "did you mean 'best'?"


def test_attributes_that_protocols_ask_for_get_no_hint():
    with pytest.raises(AttributeError, match=r"has no attribute '__array__'$"):
        network().__array__  # noqa: B018


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_networks_can_still_be_copied(duplicate):
    net = network()
    net.descent(X, Y, epochs=2)
    np.testing.assert_array_equal(duplicate(net).parameters, net.parameters)


def test_signatures_stay():
    """For help(), for completion and for whoever calls with `functools.partial`."""
    assert list(inspect.signature(nnlib.Network.descent).parameters)[:4] == [
        "self", "X", "y", "optimizer",
    ]  # fmt: skip
    assert inspect.signature(nnlib.Network).parameters["seed"].default == 0
    assert nnlib.Network.descent.__doc__.startswith("Gradient descent")
    assert nnlib.Network.J.__qualname__.endswith("J")


@pytest.mark.parametrize(
    ("name", "meant"),
    [("Lstm", "LSTM"), ("BatchNorm", "BatchNormalization"), ("MaxPool2D", "MaxPooling2D"),
     ("Linear", "Dense"), ("Convd2D", "Conv2D")],
)  # fmt: skip
def test_a_layer_that_there_is_not_is_answered_with_the_near_one(name, meant):
    text = f"^module 'nnlib.layers' has no attribute '{name}'; did you mean '{meant}'"
    with pytest.raises(AttributeError, match=text):
        getattr(nnlib.layers, name)
    with pytest.raises(AttributeError, match=r"has no attribute '__wrapped__'$"):
        nnlib.layers.__wrapped__  # noqa: B018


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nnlib.layers.Conv2D(), r"^Conv2D.__init__\(\) missing 2 required"),
        (lambda: nnlib.layers.Conv1D(3, 3, filters=3), r"^Conv1D.__init__\(\) got multiple values"),
        (lambda: nnlib.Network([1, 1]).J(), r"^Network.J\(\) missing 1 required .* 'X'"),
        (lambda: nnlib.Network([1, 1]).score(Z=1), r"^Network.score\(\) got an unexpected"),
        (lambda: nnlib.Network([1, 1]).predict([0.0], lenghts=[1]), "^Network.* 'lengths'"),
        (lambda: nnlib.layers.Dense("a"), r"^units must be a whole number"),
    ],
    ids=["missing", "twice", "a method", "unknown", "near", "by the function"],
)
def test_a_wrong_call_names_what_the_user_called(call, message):
    """Not the class that has the method; what the function itself says stays as it is."""
    with pytest.raises(TypeError, match=message):
        call()


def test_a_name_that_begins_an_argument_is_meant_before_what_can_be_done_instead():
    with pytest.raises(TypeError, match="'eps'; did you mean 'epsilon'"):
        nnlib.layers.BatchNormalization(eps=1e-3)
    with pytest.raises(TypeError, match=r"'eps'; epsilon is a setting of optimizer="):
        nnlib.Network([1, 1]).descent([0.0], [0.0], eps=1e-3)


def test_synonyms_lead_to_names_that_there_are():
    pytest.importorskip("sklearn")
    known = {
        "activation": activations.CODES,
        "loss": LOSS_NAMES,
        "optimizer": OPTIMIZERS,
        "initializer": INITIALIZERS,
        "device": DEVICES,
        "reduction": options.REDUCTIONS,
        "precision": options.PRECISIONS,
        "metrics": {*metrics.NAMES, "roc_auc", "neg_mean_squared_error"},
        "argument": {
            *inspect.signature(nnlib.Network).parameters,
            *inspect.signature(nnlib.Network.descent).parameters,
            *inspect.signature(nnlib.train_many).parameters,
            *inspect.signature(nnlib.sequences.pad).parameters,
            *inspect.signature(nnlib.MLPClassifier).parameters,
            *inspect.signature(nnlib.MLPSearchCV).parameters,
        },
        "layer": nnlib.layers.__all__,
        "attribute": {
            *dir(nnlib.Network),
            *dir(nnlib.Population),
            *nnlib.History.__dataclass_fields__,
        },
    }
    assert known.keys() == names.SYNONYMS.keys()
    for kind, table in names.SYNONYMS.items():
        for given, meant in table.items():
            assert given == names._plain(given)
            assert set(meant.split()) <= set(known[kind]), given


def test_the_arguments_of_train_many_are_all_known_to_its_check():
    parameters = inspect.signature(nnlib.train_many).parameters
    assert set(parameters) - {"net", "X", "y", "options"} == set(sweep._OWN)
