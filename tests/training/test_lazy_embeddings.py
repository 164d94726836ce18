"""Descents that step the rows of an embedding lazily go where those that step all rows go."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnlib
from nnlib import layers
from nnlib.training import lazy
from tests.machine.teams import force
from tests.machine.teams import short_slices as short_rounds
from tests.tolerances import assert_close
from tests.training.lazily import (
    assert_ctrl_c_leaves_the_last_epoch,
    assert_every_checkpoint_leads_to_the_same_bits,
    end_slices_within_epochs,
    note_descents,
)

pytestmark = pytest.mark.cpu("sparse")

ENTRIES, TIME, EXAMPLES = 40, 6, 60
# Rounding errors of so many steps' products, each of which the later steps carry along.
TERMS = 100_000


def numbers(seed=1, entries=ENTRIES):
    """Numbers, small ones often, and 0 behind some."""
    rng = np.random.default_rng(seed)
    X = np.minimum(rng.geometric(0.08, (EXAMPLES, TIME)), entries - 1)
    X[::5, 4:] = 0
    return X


def answers():
    return (np.random.default_rng(1).random((EXAMPLES, 1)) > 0.5) * 1.0


def network(width=3, mask_zero=False, entries=ENTRIES, units=4, **options):
    return nnlib.Network(
        [
            layers.Input(TIME), layers.Embedding(entries, width, mask_zero=mask_zero),
            layers.GRU(units), layers.Dense(1, "sigmoid"),
        ],
        loss="binary_cross_entropy", seed=1, **options,
    )  # fmt: skip


@pytest.fixture
def made(monkeypatch):
    """Which descents were lazy."""
    return note_descents(monkeypatch)


def descend(lazily, make=network, **options):
    """The network and the history of a descent that steps rows lazily, or all of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lazy, "NUMBERS_A_ROW", float("inf") if lazily else 0.0)
        net = make()
        history = net.descent(numbers(), answers(), **{"batch_size": 8, "epochs": 5, **options})
    return net, history


def assert_same(options, make=network, **tolerance):
    (net, history), (other, expected) = (descend(one, make, **options) for one in (True, False))
    assert_close(history.J, expected.J, TERMS, **tolerance)
    assert_close(net.parameters, other.parameters, TERMS, **tolerance)


@pytest.mark.parametrize("width", [1, 3, 16, 18])
@pytest.mark.parametrize(
    "optimizer", ["sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw"]
)
def test_every_optimizer(optimizer, width, made):
    assert_same({"optimizer": optimizer}, lambda: network(width))
    assert len(made) == 1, "the first is lazy, the other steps all rows"


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "momentum", "weight_decay": 0.03, "l1": 0.01},
        {"optimizer": "adam", "clip_norm": 0.05},
        {"optimizer": "adamw", "clip_value": 0.01, "validation": 0.3, "patience": 2},
        {"optimizer": "adam", "batch_size": None},
        {"optimizer": "adam", "batch_size": 1},
    ],
    ids=str,
)
def test_options(options, made):
    assert_same(options)
    assert len(made) == 1


@pytest.mark.parametrize(
    "options",
    [{"optimizer": "adam", "weight_decay": 0.03}, {"optimizer": "momentum", "max_norm": 0.5}],
    ids=str,
)
def test_all_rows_are_stepped_where_missed_steps_are_not_known(options, made):
    assert_same(options)
    assert not made


@given(
    optimizer=st.sampled_from(["momentum", "rmsprop", "adam", "adamw"]),
    batch_size=st.integers(1, EXAMPLES),
    shuffle=st.booleans(),
    reduction=st.sampled_from(["mean", "sum"]),
    width=st.integers(1, 20),
    mask_zero=st.booleans(),
)
def test_all_options(width, mask_zero, **options):
    assert_same({"epochs": 3, **options}, lambda: network(width, mask_zero))


def test_float32():
    assert_same({"optimizer": "adam"}, lambda: network(16, dtype="float32"), dtype="float32")


def test_two_embeddings_and_features_beside_them():
    def make():
        words, places, rest = layers.Input(4), layers.Input(1), layers.Input(1)
        h = layers.Concatenate()(
            [
                layers.Flatten()(layers.Embedding(ENTRIES, 3)(words)),
                layers.Flatten()(layers.Embedding(50, 2)(places)),
                rest,
            ]
        )
        return nnlib.Network(inputs=[words, places, rest], outputs=layers.Dense(1)(h), seed=1)

    def run(lazily):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lazy, "NUMBERS_A_ROW", float("inf") if lazily else 0.0)
            net, X = make(), numbers()
            X = [X[:, :4], X[:, 4:5], X[:, 5:] / 10]
            net.descent(X, answers(), optimizer="adam", batch_size=8, epochs=4)
        return net.parameters

    assert_close(run(True), run(False), TERMS)


def test_a_batch_of_few_numbers_is_stepped_lazily_by_itself(made):
    X, y = numbers(entries=1000), answers()
    for batch_size, expected in ((8, 1), (None, 1)):
        net = network(entries=700 if batch_size is None else 1000)
        net.descent(X % 700, y, optimizer="adam", batch_size=batch_size, epochs=1)
        assert len(made) == expected


@pytest.mark.parametrize(("batch_size", "blocks"), [(256, 1), (2048, 8)])
def test_any_number_of_threads(batch_size, blocks, monkeypatch):
    """Also where a chunk has several blocks, each of which adds to its rows."""
    rng = np.random.default_rng(2)
    X, y = rng.integers(0, 30_000, (2100, TIME)), rng.random((2100, 1)) > 0.5
    parts = []
    own = lazy.LazyDescent._allocate

    def noted(self, *arguments):
        own(self, *arguments)
        settings = self._settings
        parts.append(self._model.parts.reshape(-1, 6)[:, 0].tolist().count(0))
        assert settings.chunks > 1, "one chunk tests nothing"
        assert self._data.chunk_blocks == blocks

    monkeypatch.setattr(lazy.LazyDescent, "_allocate", noted)
    monkeypatch.setattr(lazy, "NUMBERS_A_ROW", float("inf"))

    def run():
        net = network(entries=30_000, width=6, units=16)
        net.descent(X, y, optimizer="adam", batch_size=batch_size, epochs=2)
        return net.parameters

    force(monkeypatch, 1)
    expected = run()
    assert parts[0] > 1, "one part tests nothing"
    for members in ((2,), (3,), (4, 1, 2)):
        with monkeypatch.context() as patch:
            force(patch, *members)
            short_rounds(patch)
            np.testing.assert_array_equal(run(), expected)


@pytest.fixture
def short_slices(monkeypatch):
    """Slices end within epochs."""
    end_slices_within_epochs(monkeypatch)


@pytest.mark.parametrize("shuffle", [False, True])
def test_every_checkpoint_leads_to_the_same_bits(shuffle, tmp_path, monkeypatch, short_slices):
    options = {"optimizer": "adam", "epochs": 4, "shuffle": shuffle, "validation": 0.2}
    assert_every_checkpoint_leads_to_the_same_bits(
        partial(descend, True, **options), tmp_path / "descent", monkeypatch
    )


def test_ctrl_c_leaves_the_last_epoch(monkeypatch, short_slices):
    monkeypatch.setattr(lazy, "NUMBERS_A_ROW", float("inf"))

    def train(net, **options):
        net.descent(numbers(), answers(), optimizer="adam", batch_size=8, shuffle=False, **options)

    assert_ctrl_c_leaves_the_last_epoch(network, train, monkeypatch)
