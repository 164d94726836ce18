"""Bad input: an error before any work that names the argument, what came and what was wanted."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

import nnlib

X = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
Y = np.array([1.0, 0.0, 1.0])
METHODS = ["J", "derJ", "descent"]


def network(**settings):
    """A network of two inputs and one output."""
    return nnlib.Network([2, 3, 1], activation="tanh", seed=2, **settings)


def with_value(array, index, value):
    """A copy with one element changed."""
    changed = array.copy()
    changed[index] = value
    return changed


def assert_refused(error, words, call, *arguments, **settings):
    """Assert that a call on a new network raises, with all these words, and changes nothing."""
    net = network()
    before = net.parameters.copy()
    with pytest.raises(error) as caught:
        getattr(net, call)(*arguments, **settings)
    missing = [word for word in words if not re.search(word, str(caught.value))]
    assert not missing, f"{missing} not in: {caught.value}"
    np.testing.assert_array_equal(net.parameters, before)


# Data: the error, words of the message (argument, what came, what was wanted), X and y.
BAD_DATA = {
    "X too narrow": (ValueError, ["^X", r"\(3, 1\)", r"\(n, 2\)"], X[:, :1], Y),
    "X too wide": (ValueError, ["^X", r"\(3, 3\)", r"\(n, 2\)"], np.ones((3, 3)), Y),
    "X transposed": (ValueError, ["^X", r"\(2, 3\)", r"\(n, 2\)"], X.T, Y),
    "X with three dimensions": (ValueError, ["^X", r"\(3, 2, 1\)"], X[:, :, None], Y),
    "X one-dimensional": (ValueError, ["^X", r"\(3,\)", r"\(n, 2\)"], X[:, 0], Y),
    "y too wide": (ValueError, ["^y", r"\(3, 2\)", r"\(n, 1\)"], X, X),
    "y a row": (ValueError, ["^y", r"\(1, 3\)", r"\(n, 1\)"], X, Y[None]),
    "different lengths": (ValueError, ["X has 3", "y has 2", "equally many"], X, Y[:2]),
    "X ragged": (ValueError, ["^X", "ragged", "rectangular"], [[0, 1], [2], [4, 5]], Y),
    "y ragged": (ValueError, ["^y", "ragged", "rectangular"], X, [[0], [1, 2], [3]]),
    "X empty": (ValueError, ["^X", "empty", "at least one"], X[:0], Y[:0]),
    "y empty": (ValueError, ["^y", "empty", "at least one"], X, Y[:0]),
    "NaN in X": (
        ValueError,
        ["^X", "nan", r"\(1, 0\)", "finite"],
        with_value(X, (1, 0), np.nan),
        Y,
    ),
    "inf in X": (ValueError, ["^X", "-inf", r"\(2, 1\)"], with_value(X, (2, 1), -np.inf), Y),
    "NaN in y": (ValueError, ["^y", "nan", "1", "finite"], X, with_value(Y, 1, np.nan)),
    "inf in y": (ValueError, ["^y", "inf", "2", "finite"], X, with_value(Y, 2, np.inf)),
    "X of objects": (TypeError, ["^X", "objects", "real"], X.astype(object), Y),
    "None in y": (TypeError, ["^y", "objects", "real"], X, [1, None, 0]),
    "X complex": (TypeError, ["^X", "complex128", "real"], X.astype(complex), Y),
    "y complex": (TypeError, ["^y", "complex128", "real"], X, Y * 1j),
    "X of strings": (TypeError, ["^X", "real"], X.astype(str), Y),
    "y of dates": (TypeError, ["^y", "datetime", "real"], X, Y.astype("datetime64[s]")),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", BAD_DATA)
def test_data(method, case):
    error, words, bad_X, bad_y = BAD_DATA[case]
    assert_refused(error, words, method, bad_X, bad_y)


@pytest.mark.parametrize("case", [case for case in BAD_DATA if BAD_DATA[case][1][0] == "^X"])
def test_data_of_F(case):
    error, words, bad_X, _ = BAD_DATA[case]
    assert_refused(error, words, "F", bad_X)


def test_a_number_for_two_inputs():
    assert_refused(ValueError, ["^X", r"\(\)", r"\(n, 2\)"], "F", 1.0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("dataset", "error", "words"),
    [
        ([], ValueError, ["data set", "empty", "pairs"]),
        ([(0, 1, 2)], ValueError, ["element 0", "3", "pairs"]),
        ([((0, 1), 1), ((2, 3),)], ValueError, ["element 1", "1", "pairs"]),
        ([((0, 1), 1), ((2,), 0)], ValueError, ["^X", "ragged"]),
        ([((0, 1), 1), ((2, np.nan), 0)], ValueError, ["^X", "nan", r"\(1, 1\)"]),
        (5, TypeError, ["y is missing", "int", "pairs"]),
        ([1, 2], TypeError, ["y is missing", "pairs"]),
    ],
    ids=["empty", "triples", "one without y", "ragged", "NaN", "a number", "numbers"],
)
def test_data_set_of_pairs(method, dataset, error, words):
    assert_refused(error, words, method, dataset)


@pytest.mark.parametrize("method", ["F", *METHODS])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_parameters_that_are_not_finite(method, value):
    net = network()
    net.weights[1][0, 2] = value
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=rf"parameters holds {value} at index 11, wanted finite"):
        getattr(net, method)(*([X] if method == "F" else [X, Y]))
    np.testing.assert_array_equal(net.parameters, before)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"reduction": "meen"}, ValueError, ["reduction", "'meen'", "mean, sum", "did you mean"]),
        ({"reduction": None}, TypeError, ["reduction", "None", "mean, sum"]),
        ({"weight_decay": -1}, ValueError, ["weight_decay", "-1", "at least 0"]),
        ({"weight_decay": np.nan}, ValueError, ["weight_decay", "nan", "finite"]),
        ({"weight_decay": "0.1"}, TypeError, ["weight_decay", "'0.1'", "number"]),
    ],
    ids=str,
)  # fmt: skip
def test_settings_of_the_cost(method, settings, error, words):
    assert_refused(error, words, method, X, Y, **settings)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"learning_rate": 0}, ValueError, ["learning_rate", r"0\.0", "greater than 0"]),
        ({"learning_rate": -0.1}, ValueError, ["learning_rate", r"-0\.1", "greater than 0"]),
        ({"learning_rate": np.nan}, ValueError, ["learning_rate", "nan", "finite"]),
        ({"learning_rate": np.inf}, ValueError, ["learning_rate", "inf", "finite"]),
        ({"learning_rate": 1j}, TypeError, ["learning_rate", "1j", "number"]),
        ({"optimizer": "adma"}, ValueError, ["optimizer", "'adma'", "did you mean 'adam'"]),
        ({"optimizer": 3}, TypeError, ["optimizer", "3", "sgd, momentum"]),
        ({"l1": -1}, ValueError, ["l1", "-1", "at least 0"]),
        ({"clip_norm": 0}, ValueError, ["clip_norm", "0", "greater than 0"]),
        ({"clip_value": math.nan}, ValueError, ["clip_value", "nan"]),
        ({"max_norm": "big"}, TypeError, ["max_norm", "'big'"]),
        ({"max_seconds": -2}, ValueError, ["max_seconds", "-2"]),
        ({"patience": 0}, ValueError, ["patience", "0", "at least 1"]),
        ({"tolerance": 1e-3}, ValueError, ["tolerance", "patience is None"]),
        ({"target_cost": math.inf}, ValueError, ["target_cost", "inf"]),
        ({"callback": 3}, TypeError, ["callback", "3", "callable"]),
        ({"callback_epochs": 3}, ValueError, ["callback_epochs", "without a callback"]),
        ({"partial": 1}, TypeError, ["partial", "1", "True or False"]),
        ({"validation": 1.0}, ValueError, ["validation", "1", "fraction"]),
        ({"validation": "some"}, TypeError, ["validation", "'some'"]),
        ({"optimizer": "lbfgs", "batch_size": 2}, ValueError, ["'lbfgs'", "batch_size=2"]),
        ({"optimizer": "lbfgs", "learning_rate": 1.0}, ValueError, ["'lbfgs'", "learning_rate"]),
        (
            {"optimizer": "levenberg_marquardt", "l1": 0.1},
            ValueError,
            ["'levenberg_marquardt'", "l1=0.1"],
        ),
        ({"optimizer": "rprop", "batch_size": 2}, ValueError, ["'rprop'", "batch_size"]),
        ({"epochs": -1}, ValueError, ["epochs", "-1", "at least 0"]),
        ({"epochs": 1.5}, TypeError, ["epochs", r"1\.5", "whole number"]),
        ({"epochs": True}, TypeError, ["epochs", "True", "whole number"]),
        ({"batch_size": 4}, ValueError, ["batch_size", "4", "at most 3"]),
        ({"batch_size": 0}, ValueError, ["batch_size", "0", "at least 1"]),
        ({"batch_size": 2.0}, TypeError, ["batch_size", r"2\.0", "whole number"]),
        ({"seed": -1}, ValueError, ["seed", "-1", "at least 0"]),
        ({"precision": "tf23"}, ValueError, ["precision", "'tf23'", "did you mean 'tf32'"]),
        ({"precision": 32}, TypeError, ["precision", "32", "tf32, bf16"]),
        ({"precision": "tf32"}, ValueError, ["precision='tf32'", "leave precision out"]),
        ({"seed": "one"}, TypeError, ["seed", "'one'", "whole number"]),
        ({"shuffle": "yes"}, TypeError, ["shuffle", "'yes'", "True or False"]),
        ({"progress": 1}, TypeError, ["progress", "1", "True, False or None"]),
    ],
    ids=str,
)
def test_settings_of_the_descent(settings, error, words):
    assert_refused(error, words, "descent", X, Y, **settings)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"sizes": [3]}, ValueError, ["sizes", r"\[3\]", "at least two"]),
        ({"sizes": []}, ValueError, ["sizes", r"\[\]", "at least two"]),
        ({"sizes": [2, 0, 1]}, ValueError, [r"sizes\[1\]", "0", "at least 1"]),
        ({"sizes": [2, -3, 1]}, ValueError, [r"sizes\[1\]", "-3", "at least 1"]),
        ({"sizes": [2, 1.5]}, TypeError, [r"sizes\[1\]", r"1\.5", "whole number"]),
        ({"sizes": 3}, TypeError, ["sizes", "3", "list"]),
        ({"sizes": "21"}, TypeError, ["sizes", "'21'", "list"]),
        ({"activation": "sigmoyd"}, ValueError, ["activation", "'sigmoyd'", "mean 'sigmoid'"]),
        ({"activation": "ReLU"}, ValueError, ["activation", "'ReLU'", "mean 'relu'"]),
        ({"activation": ["tanh", "tahn"]}, ValueError,
         [r"activation\[1\]", "'tahn'", "mean 'tanh'"]),
        ({"activation": "qqq"}, ValueError, ["activation", "'qqq'", "identity.*heaviside"]),
        ({"activation": ["tanh"]}, ValueError, ["activation", "1 name", "2"]),
        ({"activation": 5}, TypeError, ["activation", "5", "one of"]),
        ({"loss": "half_square_error"}, ValueError,
         ["loss", "'half_square_error'", "mean 'half_squared_error'"]),
        ({"dtype": "float16"}, ValueError, ["dtype", "'float16'", "'float32' or 'float64'"]),
        ({"dtype": "complex128"}, ValueError, ["dtype", "'complex128'", "'float32'"]),
        ({"dtype": "flota64"}, TypeError, ["dtype", "'flota64'", "'float64'"]),
        ({"seed": -1}, ValueError, ["seed", "-1", "at least 0"]),
        ({"seed": 0.5}, TypeError, ["seed", r"0\.5", "whole number"]),
        ({"initializer": "glorot"}, ValueError, ["initializer", "'glorot'", "mean 'glorot_"]),
        ({"initializer": 0}, TypeError, ["initializer", "0", "a name"]),
        ({"initializer": [(np.zeros((3, 2)), np.zeros(3))]}, ValueError,
         ["initializer", "1", "2 pairs"]),
        ({"initializer": [(np.zeros((2, 3)), np.zeros(3)), (np.zeros((1, 3)), np.zeros(1))]},
         ValueError, [r"initializer\[0\] \(W\)", r"\(2, 3\)", r"\(3, 2\)"]),
        ({"initializer": [(np.zeros((3, 2)), np.zeros(3)), (np.zeros((1, 3)), np.zeros(2))]},
         ValueError, [r"initializer\[1\] \(b\)", r"\(2,\)", r"\(1,\)"]),
        ({"initializer": [(np.zeros((3, 2)), np.zeros(3)), (np.full((1, 3), np.nan), np.zeros(1))]},
         ValueError, [r"initializer\[1\] \(W\)", "nan", "finite"]),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, dict) else None,
)  # fmt: skip
def test_constructor(arguments, error, words):
    with pytest.raises(error) as caught:
        nnlib.Network(**{"sizes": [2, 3, 1], **arguments})
    missing = [word for word in words if not re.search(word, str(caught.value))]
    assert not missing, f"{missing} not in: {caught.value}"


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        (np.zeros(12), ValueError, ["^parameters", r"\(12,\)", r"\(13,\)"]),
        (np.zeros((13, 1)), ValueError, ["^parameters", r"\(13, 1\)", r"\(13,\)"]),
        (0.0, ValueError, ["^parameters", r"\(\)", r"\(13,\)"]),
        (with_value(np.zeros(13), 4, np.nan), ValueError, ["^parameters", "nan", "4", "finite"]),
        (with_value(np.zeros(13), 4, np.inf), ValueError, ["^parameters", "inf", "4", "finite"]),
        (np.zeros(13, complex), TypeError, ["^parameters", "complex128", "real"]),
        (np.zeros(13, object), TypeError, ["^parameters", "objects", "real"]),
        ([[1], [2, 3]], ValueError, ["^parameters", "ragged"]),
    ],
    ids=["short", "column", "number", "NaN", "inf", "complex", "objects", "ragged"],
)
def test_assigned_parameters(values, error, words):
    assert_refused(error, words, "__setattr__", "parameters", values)


@pytest.mark.parametrize("name", ["weights", "biases", "sizes", "dtype"])
def test_attributes_that_cannot_be_assigned(name):
    with pytest.raises(AttributeError):
        setattr(network(), name, 0)


def test_numbers_too_large_for_float32_count_as_infinite():
    net = network(dtype="float32")
    with pytest.raises(ValueError, match=r"^X holds inf at index \(0, 1\).*float32"):
        net.F([[0.0, 1e300]])
    with pytest.raises(ValueError, match=r"^y holds inf.*float32"):
        net.J(X, [0, 1, 1e39])


def test_arguments_of_the_wrong_dtype_are_converted():
    """What can be converted without loss of meaning is not refused."""
    net = network(dtype="float32")
    net.descent(X.astype(np.int8), Y.astype(bool), epochs=np.int64(2), learning_rate=np.float32(1))
    assert net.parameters.dtype == np.float32


HUGE = 10**30
POPULATION = {"n": 2, "epochs": 2}


def many(**settings):
    """A population on the test's data."""
    return nnlib.train_many([2, 3, 1], X, Y, **{**POPULATION, **settings})


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nnlib.Network([2, 1], seed=2**64), ["^seed is 18446744073709551616", "most"]),
        (lambda: network().descent(X, Y, seed=2**64), ["^seed is", "most 18446744073709551615"]),
        (lambda: many(seeds=[1, 2**64], n=None), [r"^seeds\[1\] is 18446744073709551616"]),
        (lambda: many(seed=2**64, folds=2), ["^seed is 18446744073709551616"]),
        (lambda: network().descent(X, Y, learning_rate=10**400), ["^learning_rate", "range"]),
        (lambda: network().descent(X, Y, weight_decay=10**400), ["^weight_decay", "range"]),
        (lambda: network().descent(X, Y, patience=HUGE), ["^patience", "most 9223372036854775807"]),
        (
            lambda: network().descent(X, Y, callback=print, callback_epochs=HUGE),
            ["^callback_epochs", "at most"],
        ),
        (lambda: network().descent(X, Y, epochs=HUGE), ["^epochs", "at most"]),
        (lambda: network().descent(X, Y, epochs=10**5000), ["^epochs", "at most"]),
        (
            lambda: network().descent(X, Y, epochs=10**9, max_seconds=0.1),
            ["^epochs is 1000000000, wanted at most 100000000", "24 GB", "call descent again"],
        ),
        (lambda: many(epochs=10**9, max_seconds=0.1), ["^epochs is 1000000000", "24 GB"]),
        (
            lambda: nnlib.Network([2**62, 4]),
            [r"^sizes is \[4611686018427387904, 4\]", "18446744073709551620", "137438953472 GiB"],
        ),
        (lambda: nnlib.Network([HUGE, 4]), [r"^sizes\[0\] is 1000", "at most"]),
        (lambda: many(halving=1.00001, n=8), ["^halving is 1.00001", "1000 rungs"]),
        (lambda: many(n=10**15), ["^n is 1000000000000000", "GiB of memory"]),
        (lambda: many(n=None, seeds=range(10**15)), ["^1000000000000000 seeds", "GiB of memory"]),
        (
            lambda: many(grid={name: range(10**5) for name in ("l1", "weight_decay", "tolerance")}),
            ["^grid has 1000000000000000 combinations", "GiB of memory"],
        ),
        (lambda: network().descent(X, Y, dropout=1 - 1e-12), ["^dropout", "below 1"]),
        (lambda: network().descent(X, Y, validation=1e308), ["^validation is 1e.308", "fraction"]),
        (lambda: nnlib.optimizers.LBFGS(memory=HUGE), ["^memory", "at most 10000"]),
        (lambda: nnlib.set_threads(HUGE), ["^threads", "at most"]),
        (lambda: network().F(range(10**15)), ["^X has 1000000000000000 elements", "GiB"]),
        (lambda: network().J(range(10**15)), ["^the data set has 1000000000000000 pairs", "GiB"]),
        (lambda: many(folds=[0, 1, math.nan]), ["^folds holds nan", "finite"]),
        (lambda: many(folds=[0, 1, 1e300]), ["^folds must number"]),
        (lambda: nnlib.Network([2, 1], initializer=""), ["^initializer is ''", "glorot_uniform"]),
    ],
)  # fmt: skip
def test_values_beyond_measure(call, words):
    """What no machine can hold, or compiled code count, is a ValueError before any work."""
    with pytest.raises(ValueError, match=r"wanted|must") as caught:
        call()
    missing = [word for word in words if not re.search(word, str(caught.value))]
    assert not missing, f"{missing} not in: {caught.value}"


@pytest.mark.parametrize(
    "value",
    [True, np.True_, "3", b"3", bytearray(b"3"), memoryview(b"3"), [0.5], np.array([0.5]), 0.5j,
     np.datetime64("2020-01-01"), np.timedelta64(3, "s"), np.str_("3"), None, object, {}],
    ids=repr,
)  # fmt: skip
def test_what_float_would_read_but_is_no_number(value):
    with pytest.raises(TypeError, match=r"^l1 must be a finite number"):
        network().descent(X, Y, l1=value)


def test_long_values_are_cut_in_messages():
    with pytest.raises(ValueError, match="activation is") as caught:
        nnlib.Network([1, 1], "a" * 10**6)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("seed", [2**63 - 1, 2**63, 2**64 - 1])
def test_the_largest_seeds_train(seed):
    """With dropout the seed reaches compiled code; a population takes seeds from both ends."""
    net = nnlib.Network([2, 3, 1], "tanh", seed=seed)
    net.descent(X, Y, epochs=2, seed=seed, dropout=0.5)
    population = nnlib.train_many([2, 3, 1], X, Y, activation="tanh", seeds=[1, seed], epochs=0)
    assert population.seed.tolist() == [1, seed]
    expected = nnlib.Network([2, 3, 1], "tanh", seed=seed).parameters
    np.testing.assert_array_equal(population.parameters[1], expected)


def test_validation_examples_as_pairs():
    pairs = list(zip(X[:2], Y[:2], strict=True))
    expected = network().descent(X, Y, epochs=3, validation=(X[:2], Y[:2])).validation_J
    for validation in (pairs, tuple(pairs * 2)):
        history = network().descent(X, Y, epochs=3, validation=validation)
        np.testing.assert_allclose(history.validation_J, expected, rtol=1e-14)
    population = many(validation=pairs, trace=3, epochs=3)
    assert population.validation_J.shape == (2, 3)
    assert_refused(ValueError, ["^validation: ", "pairs"], "descent", X, Y, validation=[])
    assert_refused(ValueError, ["^validation: ", "parts"], "descent", X, Y, validation=[(1, 2, 3)])
    assert_refused(TypeError, ["^validation"], "descent", X, Y, validation="some")
