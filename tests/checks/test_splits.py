"""Which examples are split off for validation."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib.checks.examples import Examples
from nnlib.checks.splits import is_drawn, is_split_off, split_off

pytestmark = pytest.mark.cpu("host")


def numbered(n=10, d_out=1):
    """Examples whose only input is their number."""
    return Examples(np.arange(float(n))[:, None], np.zeros((n, d_out)), np.empty(0))


def sides(validation, n=10, shuffle=True, classes=None):
    """The numbers on either side."""
    parts = split_off(numbered(n), validation, 0, shuffle, classes)
    return [part.X[:, 0].astype(int).tolist() for part in parts]


class Splitter:
    """Gives what it was made with."""

    def __init__(self, *splits):
        self.splits = splits

    def split(self, X, y):
        return iter(self.splits)


@pytest.mark.parametrize(
    ("text", "count"), [("last 20%", 2), ("last 5.1 %", 1), (" last  50%", 5), ("last 99%", None)]
)
def test_the_last_are_taken_whatever_shuffle_says(text, count):
    if count is None:
        with pytest.raises(ValueError, match="at least one of 10 examples on either side"):
            sides(text)
        return
    for shuffle in (True, False):
        assert sides(text, shuffle=shuffle)[1] == list(range(10 - count, 10))


@pytest.mark.parametrize("text", ["20%", "last", "last 20", "first 20%", "last -3%", ""])
def test_other_texts_are_refused(text):
    with pytest.raises(TypeError, match="a fraction, 'last 20%' or a splitter"):
        sides(text)


def test_of_a_splitter_the_last_split():
    assert sides(Splitter(([0], [1]), ([4, 2, 3], [9, 7]))) == [[2, 3, 4], [7, 9]]


def test_splitters_of_scikit_learn():
    selection = pytest.importorskip("sklearn.model_selection")
    assert sides(selection.TimeSeriesSplit(4)) == [[*range(8)], [8, 9]]
    classes = np.repeat([0, 1], [8, 2])
    held_out = sides(selection.StratifiedKFold(2), classes=classes)[1]
    assert classes[held_out].sum() == 1
    with pytest.raises(ValueError, match=r"GroupKFold\.split cannot split the examples: The"):
        sides(selection.GroupKFold(2))


@pytest.mark.parametrize(
    ("splits", "words"),
    [
        ([], "cannot split the examples"),
        ([([0, 1], [])], r"gave array\(\[\].*from 0 to 9"),
        ([([0, 1], [10])], "from 0 to 9"),
        ([([-1, 1], [3])], "from 0 to 9"),
        ([([1, 1], [3])], "different numbers"),
        ([([1.0, 2.0], [3])], "different numbers"),
        ([([1, 2], [2])], "on both sides"),
        ([3], "cannot split the examples"),
    ],
)
def test_splits_that_are_none(splits, words):
    with pytest.raises(ValueError, match=f"validation: Splitter.split .*{words}"):
        sides(Splitter(*splits))


def test_what_is_drawn():
    assert is_drawn(0.2)
    assert not any(map(is_drawn, ["last 20%", Splitter(), (1, 2)]))
    assert is_split_off(Splitter())
    assert not is_split_off(([0], [1]))


def test_a_descent_and_a_population_split_alike(rng):
    selection = pytest.importorskip("sklearn.model_selection")
    X = rng.normal(size=(30, 1))
    y = np.where(X[:, 0] > 1, "rare", "often")
    net = nnlib.Network([1, 1], "sigmoid", "binary_cross_entropy")
    for validation in ("last 20%", selection.StratifiedKFold(3)):
        population = nnlib.train_many(net, X, y, n=2, epochs=3, validation=validation)
        other = nnlib.Network([1, 1], "sigmoid", "binary_cross_entropy")
        history = other.descent(X, y, epochs=3, validation=validation)
        assert population.validation_cost[0] == pytest.approx(history.validation_J.min())
    assert history.best_epoch is not None


def test_a_checkpoint_needs_no_seed_for_the_last(tmp_path):
    X = np.arange(10.0)
    net = nnlib.Network([1, 1], "identity", seed=None)
    net.descent(X, X, epochs=2, validation="last 20%", checkpoint=tmp_path / "file")
    with pytest.raises(ValueError, match="needs a seed"):
        net.descent(X, X, epochs=2, validation=0.2, checkpoint=tmp_path / "other")
