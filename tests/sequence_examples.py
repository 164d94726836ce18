"""Sequences of different lengths for tests, and networks that take them."""

from __future__ import annotations

import numpy as np

import nnlib
from nnlib import layers
from nnlib.sequences import pad

FEATURES = 3
LENGTHS = (5, 2, 7, 1, 4, 3, 7)


def sequences(lengths=LENGTHS, seed=0):
    """Sequences (time_i, features) of numbers."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(time, FEATURES)) for time in lengths]


def words(lengths=LENGTHS, seed=0):
    """Sequences (time_i,) of whole numbers from 1 to 8."""
    rng = np.random.default_rng(seed)
    return [rng.integers(1, 9, time) for time in lengths]


def targets(count=7, width=2, seed=1):
    """Targets (n, width)."""
    return np.random.default_rng(seed).normal(size=(count, width))


def spoiled(given, length, value=np.nan):
    """X of so many steps whose padding holds `value`, and the lengths."""
    X, lengths = pad(given, length)
    X = X.astype(float)
    X[np.arange(length) >= lengths[:, None]] = value
    return X, lengths


# What stands between an Input of any length and the last dense layer, by name.
MIDDLES = {
    "recurrent": lambda: [
        layers.SimpleRNN(4, return_sequences=True), layers.GRU(3, return_sequences=True),
        layers.LSTM(4),
    ],
    "backwards": lambda: [layers.GRU(4, go_backwards=True)],
    "dropout": lambda: [
        layers.LSTM(4, return_sequences=True), layers.Dropout(0.3),
        layers.GRU(3, dropout=0.2, recurrent_dropout=0.2),
    ],
    "both directions": lambda: [
        layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
        layers.TimeDistributed(layers.Dense(4, "tanh")), layers.Bidirectional(layers.GRU(2), "sum"),
    ],
    "mean": lambda: [layers.Conv1D(4, 1, activation="tanh"), layers.GlobalAveragePooling1D()],
    "maximum": lambda: [layers.LayerNormalization(), layers.GlobalMaxPooling1D()],
}  # fmt: skip


def network(middle="recurrent", time=None, dtype="float64", seed=3):
    """A network with these layers in its middle, for sequences of any length or of one."""
    parts = [layers.Input((time, FEATURES)), *MIDDLES[middle](), layers.Dense(2, "tanh")]
    return nnlib.Network(parts, dtype=dtype, seed=seed)


def word_network(mask_zero=True, time=None):
    """A network that reads words."""
    parts = [layers.Input((time,)), layers.Embedding(9, 4, mask_zero), layers.LSTM(3)]
    return nnlib.Network([*parts, layers.Dense(2)], seed=3)
