"""Labels at every step: classes are learnt from those that count, and predicted at each step."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.layers import Input

pytestmark = pytest.mark.cpu("graphs")

N, TIME = 6, 4
LENGTHS = np.array([4, 2, 1, 3, 4, 2])
COUNTED = np.arange(TIME) < LENGTHS[:, None]
NAMES = np.array(["adjective", "noun", "verb"])
FORMS = {
    "text": NAMES,
    "objects": np.array(["noun", 7, ("a", 1)], object),
    "whole numbers": np.array([1, 2, 3]),
    "negative numbers": np.array([-1, 1, 2]),
}


def tagger(classes=3, time=None, loss="softmax_cross_entropy"):
    activation = "softmax" if classes > 1 else "sigmoid" if loss != "hinge" else "identity"
    return nnlib.Network(
        [Input((time, 2)), layers.SimpleRNN(4, return_sequences=True),
         layers.TimeDistributed(layers.Dense(classes, activation))],
        loss=loss, seed=1,
    )  # fmt: skip


@pytest.fixture
def examples(rng):
    numbers = rng.integers(0, 3, size=(N, TIME))
    numbers[0, :3] = 0, 1, 2  # steps that count
    return rng.normal(size=(N, TIME, 2)), numbers


def labels_of(classes, numbers):
    made = np.empty(numbers.shape, classes.dtype)
    for place in np.ndindex(numbers.shape):
        made[place] = classes[numbers[place]]
    return made


OPTIONS = {"optimizer": "adam", "epochs": 3, "batch_size": 4, "seed": 0}


@pytest.mark.parametrize("time", [None, TIME])
@pytest.mark.parametrize("form", FORMS)
def test_labels_train_as_their_numbers_do(examples, form, time):
    (X, numbers), classes = examples, FORMS[form]
    y = labels_of(classes, numbers)
    known, net = tagger(time=time), tagger(time=time)
    told = {"lengths": LENGTHS, **OPTIONS, "metrics": ["accuracy"], "validation": (X, numbers)}
    first = known.descent(X, numbers, **told)
    if form == "objects":  # which have no order
        net.classes = list(classes)
    second = net.descent(X, y, **{**told, "validation": (X, y)})
    assert net.classes.tolist() == list(classes)
    np.testing.assert_array_equal(net.parameters, known.parameters)
    np.testing.assert_array_equal(second.validation_J, first.validation_J)
    np.testing.assert_array_equal(second.metrics["accuracy"], first.metrics["accuracy"])
    found, expected = net.predict(X), labels_of(classes, known.predict(X))
    assert found.shape == (N, TIME)
    assert found.tolist() == expected.tolist()
    for name in ("J", "score"):
        ours, theirs = getattr(net, name), getattr(known, name)
        assert ours(X, y, lengths=LENGTHS) == theirs(X, numbers, lengths=LENGTHS)


@pytest.mark.parametrize("padding", ["", None, "unknown", np.nan, ["a list"]], ids=str)
def test_what_stands_at_steps_that_do_not_count_is_no_label(examples, padding):
    X, numbers = examples
    y = NAMES[numbers].astype(object)
    for place in np.argwhere(~COUNTED):
        y[tuple(place)] = padding
    net, known = tagger(), tagger()
    net.descent(X, y, lengths=LENGTHS, **OPTIONS)
    known.descent(X, numbers, lengths=LENGTHS, **OPTIONS)
    np.testing.assert_array_equal(net.parameters, known.parameters)
    assert net.classes.tolist() == list(NAMES)
    with pytest.raises((TypeError, ValueError), match=r"y holds .* at index \[1, 2\]"):
        net.J(X, y)


def test_0_behind_the_sequences_is_padding_and_not_a_class_number(examples):
    X, numbers = examples
    y = np.where(COUNTED, numbers + 1, 0)
    net = tagger()
    net.descent(X, y, lengths=LENGTHS, **OPTIONS)
    assert net.classes.tolist() == [1, 2, 3]


def test_whole_numbers_that_the_loss_takes_are_class_numbers(examples):
    X, numbers = examples
    net = tagger()
    net.descent(X, np.maximum(numbers, 1), **OPTIONS)  # 1 and 2: two of three class numbers
    assert net.classes is None
    probabilities = np.eye(3)[numbers]
    for y in (probabilities, probabilities.reshape(N, -1), numbers.astype(float)):
        net.descent(X, y, **OPTIONS)
        assert net.classes is None


def test_probabilities_are_taken_by_a_network_that_knows_labels(examples):
    X, numbers = examples
    net = tagger()
    net.classes = NAMES
    expected = net.J(X, NAMES[numbers], lengths=LENGTHS)
    probabilities = np.eye(3)[numbers]
    for y in (probabilities, probabilities.reshape(N, -1)):
        assert net.J(X, y, lengths=LENGTHS) == expected


def test_numbers_are_labels_where_labels_are_numbers(examples):
    X, numbers = examples
    net, known = tagger(), tagger()
    net.classes = [3, 0, 1]
    y = net.classes[numbers]
    assert net.J(X, y) == known.J(X, numbers)
    with pytest.raises(ValueError, match=r"y holds 2 at index \[0, 2\], .* classes 3, 0, 1"):
        net.J(X, numbers)


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "hinge"])
def test_two_classes_by_one_output(examples, loss):
    X, numbers = examples
    numbers = np.minimum(numbers, 1)
    net, known = tagger(1, loss=loss), tagger(1, loss=loss)
    y = np.array(["no", "yes"])[numbers]
    net.descent(X, y, lengths=LENGTHS, **OPTIONS)
    known.descent(X, 2 * numbers - 1 if loss == "hinge" else numbers, lengths=LENGTHS, **OPTIONS)
    np.testing.assert_array_equal(net.parameters, known.parameters)
    assert set(net.predict(X).ravel()) <= {"no", "yes"}


@pytest.mark.parametrize("labels", [NAMES, np.arange(3), np.array([1, 2, 3])], ids=str)
def test_lists_of_different_lengths_are_padded_as_the_sequences_are(examples, labels):
    X, numbers = examples
    y = labels[numbers]
    net, known = tagger(), tagger()
    ragged = [x[:count] for x, count in zip(X, LENGTHS, strict=True)]
    named = [list(row[:count]) for row, count in zip(y, LENGTHS, strict=True)]
    net.descent(ragged, named, **OPTIONS)
    known.descent(X, numbers, lengths=LENGTHS, **OPTIONS)
    np.testing.assert_array_equal(net.parameters, known.parameters)
    assert net.score(ragged, named) == known.score(X, numbers, lengths=LENGTHS)
    named[0].pop()
    with pytest.raises((TypeError, ValueError), match=r"y (holds (None|nan) at|has shape)"):
        net.J(ragged, named)


def test_wrong_labels_are_named_with_their_place(examples):
    X, numbers = examples
    net, y = tagger(), NAMES[numbers]
    net.descent(X, y, **OPTIONS)
    other = y.copy()
    other[2, 1] = "nuon"
    with pytest.raises(ValueError, match=r"y holds 'nuon' at index \[2, 1\], .* 'adjective'"):
        net.J(X, other)
    with pytest.raises(ValueError, match=r"y holds 4 different labels, .* wanted 3"):
        tagger().descent(X, other, **OPTIONS)
    with pytest.raises(ValueError, match=r"y has shape \(6,\), wanted \(6, 4\) with a label"):
        net.J(X, y[:, 0])
    missing = y.astype(object)
    missing[3, 0] = None
    with pytest.raises(ValueError, match=r"y at index \[3, 0\] holds None"):
        tagger().descent(X, missing, **OPTIONS)


def test_a_population_learns_them_too(examples):
    X, numbers = examples
    population = nnlib.train_many(
        tagger(), nnlib.sequences.Padded(X, LENGTHS), NAMES[numbers], seeds=[0, 1], epochs=2
    )
    assert population.best.classes.tolist() == list(NAMES)
