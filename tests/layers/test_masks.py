"""Masks travel from value to value; global poolings leave out the steps that do not count."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.layers.rebuilt import layer_like
from tests.tolerances import assert_close

pytestmark = pytest.mark.cpu("graphs")

TIME, CHANNELS = 5, 3


def masked(shape=(TIME, CHANNELS)):
    """A sequence with a mask."""
    x = layers.Input(shape)
    x.mask = layers.Input(shape[0])
    return x


KEEP = {
    "Activation": lambda x: layers.Activation("relu")(x),
    "Dropout": lambda x: layers.Dropout(0.5)(x),
    "SpatialDropout1D": lambda x: layers.SpatialDropout1D(0.5)(x),
    "LayerNormalization": lambda x: layers.LayerNormalization()(x),
    "BatchNormalization": lambda x: layers.BatchNormalization()(x),
    "Rescaling": lambda x: layers.Rescaling(2.0)(x),
    "Conv1D of one step": lambda x: layers.Conv1D(4, 1)(x),
    "Add": lambda x: x + x,
    "a product with a number": lambda x: 2 * x,
    "Multiply": lambda x: x * layers.Conv1D(CHANNELS, 1)(x),
    "a join with a value without a mask": lambda x: x + layers.Input((TIME, CHANNELS)),
    "Concatenate of features": lambda x: layers.Concatenate()([x, x]),
    "softmax": lambda x: layers.Activation("softmax")(x),
    "LSTM": lambda x: layers.LSTM(2, return_sequences=True)(x),
    "aligned": lambda x: layers.GRU(2, return_sequences=True, go_backwards=True, aligned=True)(x),
}
END = {
    "Conv1D": lambda x: layers.Conv1D(4, 2, padding="same")(x),
    "strides": lambda x: layers.Conv1D(4, 1, strides=2)(x),
    "MaxPooling1D": lambda x: layers.MaxPooling1D(1)(x),
    "Flatten": lambda x: layers.Flatten()(x),
    "Reshape": lambda x: layers.Reshape((TIME, CHANNELS))(x),
    "Concatenate of steps": lambda x: layers.Concatenate(1)([x, x]),
    "the last state": lambda x: layers.LSTM(2)(x),
    "states backwards": lambda x: layers.GRU(2, return_sequences=True, go_backwards=True)(x),
    "a mean": lambda x: layers.GlobalAveragePooling1D()(x),
    "a mean of one step": lambda x: layers.GlobalAveragePooling1D(keepdims=True)(x),
}


@pytest.mark.parametrize("layer", KEEP.values(), ids=KEEP)
def test_layers_that_keep_the_mask(layer):
    x = masked()
    assert layer(x).mask is x.mask


@pytest.mark.parametrize("layer", END.values(), ids=END)
def test_layers_that_end_it(layer):
    assert layer(masked()).mask is None


def test_layers_that_read_it_have_it_as_a_source():
    x = masked()
    for layer in (layers.LSTM(2), layers.GlobalMaxPooling1D(), layers.GlobalAveragePooling1D()):
        assert layer(x).sources == (x, x.mask)
    assert layers.Conv1D(2, 1)(x).sources == (x,)


def test_an_embedding_whose_0_is_padding_makes_a_mask():
    x = layers.Input(TIME)
    assert layers.Embedding(5, 2)(x).mask is None
    assert layers.Embedding(5, 2, mask_zero=True)(x).mask is x
    x.mask = layers.Input(TIME)
    assert layers.Embedding(5, 2)(x).mask is x.mask


def test_an_embedding_is_made_again_with_its_mask():
    layer = layers.Embedding(5, 2, mask_zero=True)
    layer(layers.Input(TIME))
    assert layer_like(layer.called, "again").mask_zero
    assert repr(layer) == "Embedding(5, 2, True)"


def test_different_masks_are_no_mask():
    with pytest.raises(ValueError, match=r"Add\(\) joins values with different masks, .* reads"):
        masked() + masked()


def pooled(kind):
    x, mask = layers.Input((TIME, CHANNELS)), layers.Input(TIME)
    x.mask = mask
    return nnlib.Network(inputs=[x, mask], outputs=getattr(layers, kind)()(x))


def examples(n=37):
    rng = np.random.default_rng(4)
    X, mask = rng.normal(size=(n, TIME, CHANNELS)), rng.random((n, TIME)) < 0.5
    mask[:2] = [[False], [True]]
    return X, mask


@pytest.mark.parametrize("n", [1, 2, 37])
def test_pooling_by_numpy(n):
    X, mask = examples()
    X, mask = X[-n:] if n < 37 else X, mask[-n:] if n < 37 else mask
    given = np.where(mask[:, :, None], X, np.nan)
    with np.errstate(all="ignore"):
        mean = np.nan_to_num(np.nansum(given, axis=1) / mask.sum(axis=1)[:, None])
    largest = np.where(mask[:, :, None], X, -np.inf).max(axis=1)
    largest[~mask.any(axis=1)] = 0
    assert_close(pooled("GlobalAveragePooling1D").F([X, mask]), mean, TIME)
    np.testing.assert_array_equal(pooled("GlobalMaxPooling1D").F([X, mask]), largest)


@pytest.mark.parametrize("kind", ["GlobalAveragePooling1D", "GlobalMaxPooling1D"])
def test_pooling_derivatives(kind):
    X, mask = examples()
    X[3, 2] = X[3, 3] = 9  # the first of equal maxima
    mask[3] = True
    by_step = pooled(kind).gradient([X, mask])[0]
    expected = np.zeros((len(X), CHANNELS, TIME, CHANNELS))
    for s, c in np.ndindex(len(X), CHANNELS):
        steps = np.flatnonzero(mask[s])
        if kind == "GlobalAveragePooling1D":
            expected[s, c, steps, c] = 1 / max(len(steps), 1)
        elif len(steps):
            expected[s, c, steps[X[s, steps, c].argmax()], c] = 1
    assert_close(by_step, expected, 1)


def test_a_maximum_that_is_no_number():
    X, mask = examples(2)
    mask[:] = True
    mask[1, 0] = False
    x = layers.Input((TIME, CHANNELS))
    x.mask = layers.Input(TIME)
    infinite = layers.Activation("softplus")(layers.Rescaling(1e308)(x))
    net = nnlib.Network(
        inputs=[x, x.mask], outputs=layers.GlobalMaxPooling1D()(infinite - infinite)
    )
    X[:] = 0
    X[:, 0] = 1e3  # ∞ − ∞ at a step that counts in the first example alone
    found = net.F([X, mask])
    assert np.isnan(found[0]).all()
    assert not found[1].any()
