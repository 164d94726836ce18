"""Descents on sequences of different lengths: every option, and no bit from the padding."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.sequences import Masked, pad
from nnlib.training import buffers
from tests.machine.teams import force
from tests.sequence_examples import (
    FEATURES,
    LENGTHS,
    MIDDLES,
    network,
    sequences,
    spoiled,
    targets,
    word_network,
    words,
)

pytestmark = pytest.mark.cpu("graphs")

OPTIONS = {
    "all at once": {"epochs": 4},
    "one by one": {"batch_size": 1, "epochs": 2},
    "Adam": {"batch_size": 3, "epochs": 3, "optimizer": "adam"},
    "in order": {"batch_size": 3, "epochs": 3, "shuffle": False, "clip_norm": 0.1},
    "split": {"batch_size": 2, "epochs": 3, "validation": 0.3, "patience": 2},
    "metrics": {"epochs": 2, "metrics": ["r2"], "validation": "last 30%"},
    "weights": {"epochs": 3, "sample_weight": [1, 0, 2, 1, 0, 3, 1], "weight_decay": 0.1},
    "lbfgs": {"epochs": 3, "optimizer": "lbfgs"},
}


def trained(net, X, y, **options):
    """The parameters after a descent, and its costs."""
    history = net.descent(X, y, **options)
    validation = [] if history.validation_J is None else history.validation_J
    return [net.parameters.copy(), history.J, validation]


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


CASES = [(middle, name) for middle in ("recurrent", "dropout") for name in OPTIONS]
CASES.remove(("dropout", "lbfgs"))  # which cannot draw anew for every step


@pytest.mark.parametrize(("middle", "name"), CASES)
def test_the_padding_changes_no_bit(middle, name):
    options = OPTIONS[name]
    X, lengths = spoiled(sequences(), 11)
    expected = trained(network(middle), sequences(), targets(), **options)
    assert_same(trained(network(middle), X, targets(), lengths=lengths, **options), expected)
    assert np.isfinite(expected[0]).all()
    assert (expected[0] != network(middle).parameters).any()


@pytest.mark.parametrize("middle", MIDDLES)
def test_same_bits_for_any_number_of_threads(middle, monkeypatch):
    many = [one for k in range(12) for one in sequences(seed=k)]
    # A plain descent in one chunk is the leader's alone.
    y, options = targets(len(many)), {"epochs": 2, "batch_size": 40, "optimizer": "momentum"}
    monkeypatch.setattr(buffers, "chunk_count", lambda *work: 3)
    expected = trained(network(middle), many, y, **options)
    force(monkeypatch, 2, 3)
    assert_same(trained(network(middle), many, y, **options), expected)


VALIDATION = {
    "a list": lambda given, y: (given, y),
    "lengths": lambda given, y: (*pad(given)[:1], y, pad(given)[1]),
    "a mask": lambda given, y: (pad(given).X, y, pad(given, side="left").mask[:, ::-1]),
    "Padded": lambda given, y: (pad(given, 13), y),
    "Masked": lambda given, y: (Masked(pad(given).X, pad(given, side="left").mask[:, ::-1]), y),
}


@pytest.mark.parametrize("lengths", [(2, 1, 2), (9, 1, 12)], ids=["shorter", "longer"])
@pytest.mark.parametrize("form", VALIDATION.values(), ids=VALIDATION)
def test_validation_examples_of_another_length(form, lengths):
    given, y = sequences(lengths, seed=5), targets(3, seed=6)
    expected = trained(network(), sequences(), targets(), epochs=3, validation=(given, y))
    found = trained(network(), sequences(), targets(), epochs=3, validation=form(given, y))
    assert_same(found, expected)
    net = network()
    history = net.descent(sequences(), targets(), epochs=3, validation=(given, y))
    assert np.isclose(history.validation_J.min(), net.J(given, y), rtol=1e-12)


def test_validation_with_a_mask_and_training_without():
    net, other = network(time=9), network(time=9)
    X = np.random.default_rng(1).normal(size=(5, 9, FEATURES))
    validation = (*pad(sequences(), 9)[:1], targets(), LENGTHS)
    found = trained(net, X, targets(5), epochs=3, validation=validation)
    assert_same(
        trained(other, X, targets(5), epochs=3, validation=validation, lengths=[9] * 5), found
    )


def test_validation_that_cannot_be_made_as_long():
    x = layers.Input((None, FEATURES))
    net = nnlib.Network(
        inputs=x, outputs=layers.Conv1D(2, 1)(layers.LSTM(4, return_sequences=True)(x))
    )
    X, y = np.zeros((4, 5, FEATURES)), np.zeros((4, 5, 2))
    with pytest.raises(ValueError, match="its sequences have 3 steps and the training examples' 5"):
        net.descent(X, y, validation=(X[:, :3], y[:, :3]), epochs=1)
    with pytest.raises(ValueError, match="validation: lengths holds 9 at index 0"):
        net.descent(X, y, validation=(X, y, [9, 1, 1, 1]), epochs=1)


def test_words():
    options = {"epochs": 3, "batch_size": 2, "optimizer": "adam"}
    expected = trained(word_network(), words(), targets(), **options)
    assert_same(trained(word_network(), pad(words(), 20).X, targets(), **options), expected)
    assert_same(trained(word_network(time=9), pad(words(), 9), targets(), **options)[1:2],
                trained(word_network(time=9), words(), targets(), **options)[1:2])  # fmt: skip


def test_a_callback_and_a_checkpoint(tmp_path):
    path, options = tmp_path / "descent.safetensors", {"batch_size": 3, "optimizer": "adam"}
    expected = trained(network(), sequences(), targets(), epochs=6, **options)
    X, lengths = pad(sequences(), 10)
    seen = []

    def stop(report):
        seen.append(network().F(sequences()).shape)
        return report.epoch >= 3

    net = network()
    net.descent(
        X, targets(), lengths=lengths, epochs=6, checkpoint=path, callback=stop,
        callback_epochs=1, **options,
    )  # fmt: skip
    assert seen[0] == (7, 2)
    other = network()
    history = other.descent(
        sequences(), targets(), epochs=6, checkpoint=path, resume=True, **options
    )
    assert_same([other.parameters, history.J], expected[:2])


def test_a_population():
    X, lengths = spoiled(sequences(), 12)
    options = {"epochs": 3, "batch_size": 3, "seeds": [4, 5]}
    population = nnlib.train_many(network(), X, targets(), lengths=lengths, **options)
    for seed, parameters in zip((4, 5), population.parameters, strict=True):
        net = network(seed=seed)
        net.descent(sequences(), targets(), epochs=3, batch_size=3)
        np.testing.assert_array_equal(parameters, net.parameters)
    other = nnlib.train_many(network(), sequences(), targets(), metrics=["r2"], folds=2, epochs=2)
    assert np.isfinite(other.validation_cost).all()


def test_a_population_in_a_file(tmp_path):
    population = nnlib.train_many(network(), sequences(), targets(), n=2, epochs=2)
    population.save(tmp_path / "population.safetensors")
    other = nnlib.Population.load(tmp_path / "population.safetensors")
    np.testing.assert_array_equal(other.best.F(sequences()), population.best.F(sequences()))
