"""Networks of any length, lengths and masks: no bit depends on what the padding is."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.sequences import Masked, pad
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
from tests.tolerances import assert_close

pytestmark = pytest.mark.cpu("graphs")

MASK = np.arange(max(LENGTHS)) < np.array(LENGTHS)[:, None]
FORMS = {
    "lengths": lambda: {"X": spoiled(sequences(), 7)[0], "lengths": LENGTHS},
    "a mask": lambda: {"X": spoiled(sequences(), 7)[0], "mask": MASK},
    "numbers as a mask": lambda: {"X": spoiled(sequences(), 7)[0], "mask": -0.5 * MASK},
    "Padded": lambda: {"X": pad(sequences())},
    "Masked": lambda: {"X": Masked(pad(sequences()).X, MASK)},
    "longer": lambda: {"X": spoiled(sequences(), 19)[0], "lengths": LENGTHS},
    "rubbish": lambda: {"X": spoiled(sequences(), 9, 1e30)[0], "lengths": LENGTHS},
}


def everything(net, X, y, **told):
    """All that a network computes of examples."""
    return [
        net.F(X, **told), net.predict(X, **told), net.J(X, y, **told),
        net.derJ(X, y, flat=True, **told), net.score(X, y, **told),
    ]  # fmt: skip


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("middle", ["recurrent", "mean"])
def test_how_lengths_are_told_changes_no_bit(middle, form, dtype):
    net, y, told = network(middle, dtype=dtype), targets(), form()
    expected = everything(net, sequences(), y)
    for one, other in zip(everything(net, y=y, **told), expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("middle", ["recurrent", "mean"])
def test_padding_before_the_sequences(middle):
    net, y = network(middle), targets()
    found, longer = (everything(net, pad(sequences(), n, side="left"), y) for n in (7, 12))
    for one, other in zip(found, longer, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(found, everything(net, sequences(), y), strict=True):
        assert_close(one, other, 300, depth=20)


@pytest.mark.parametrize("middle", MIDDLES)
def test_every_sequence_counts_as_it_does_alone(middle):
    net, given, y = network(middle), sequences(), targets()
    alone = np.concatenate([net.F(one[None]) for one in given])
    assert_close(net.F(given), alone, 40, depth=20)
    gradients = [net.derJ(x[None], t[None], flat=True) for x, t in zip(given, y, strict=True)]
    assert_close(net.derJ(given, y, flat=True), np.mean(gradients, axis=0), 300, depth=20)


@pytest.mark.parametrize("middle", MIDDLES)
def test_a_fixed_length_takes_lengths_too(middle):
    net, other = network(middle), network(middle, time=9)
    other.parameters = net.parameters
    X, lengths = spoiled(sequences(), 9)
    assert_close(other.F(X, lengths=lengths), net.F(sequences()), 40, depth=20)
    np.testing.assert_array_equal(other.F(sequences()), other.F(X, lengths=lengths))
    clean = np.nan_to_num(X, nan=1.0)
    assert abs(other.F(clean) - other.F(X, lengths=lengths)).max() > 1e-3
    assert_close(other.F(clean, lengths=[9] * 7), other.F(clean), 40, depth=20)


@pytest.mark.parametrize("side", ["right", "left"])
def test_holes_and_examples_without_a_step(side):
    net, X = network(), np.random.default_rng(2).normal(size=(4, 6, FEATURES))
    mask = np.array([[0, 0, 1, 0, 1, 0], [0] * 6, [1] * 6, [0, 1, 1, 0, 0, 0]])
    if side == "left":
        mask = mask[:, ::-1]
    found = net.F(X, mask=mask)
    for row, x, own in zip(found, X, mask, strict=True):
        if own.any():
            assert_close(row, net.F(x[None, own != 0])[0], 40, depth=20)
    # Without any step the dense layer reads the initial state, 0.
    np.testing.assert_array_equal(found[1], np.tanh(net.biases[-1]))


def test_all_examples_without_a_step():
    net = network()
    found = net.F(np.full((3, 5, FEATURES), np.nan), mask=np.zeros((3, 5)))
    np.testing.assert_array_equal(found, np.tanh(net.biases[-1])[None].repeat(3, axis=0))


def test_words_that_are_padding():
    net, given = word_network(), words()
    expected = net.F(given)
    padded = pad(given, 15).X
    np.testing.assert_array_equal(net.F(padded), expected)
    padded[np.arange(15) >= np.array(LENGTHS)[:, None]] = -7
    np.testing.assert_array_equal(net.F(padded, lengths=LENGTHS), expected)
    with pytest.raises(ValueError, match=r"X holds -7 at index \(0, 5\)"):
        net.F(padded)
    other = word_network(mask_zero=False)
    np.testing.assert_array_equal(other.F(given), expected)
    assert abs(other.F(pad(given).X) - expected).max() > 1e-3


def test_words_of_a_fixed_length():
    net, other = word_network(time=9), word_network()
    for given in (words(), pad(words(), 9), pad(words(), 9).X):
        assert_close(net.F(given), other.F(words()), 40, depth=20)
    np.testing.assert_array_equal(net.predict(words()), net.F(words()))


def test_sequences_from_one_to_the_next():
    x = layers.Input((None, FEATURES))
    states = layers.LSTM(4, return_sequences=True)(x)
    net = nnlib.Network(inputs=x, outputs=layers.Conv1D(2, 1)(states))
    X, lengths = spoiled(sequences(), 9)
    found = net.F(X, lengths=lengths)
    assert found.shape == (7, 9, 2)
    for row, one in zip(found, sequences(), strict=True):
        assert_close(row[: len(one)], net.F(one[None])[0], 40, depth=20)


def test_several_inputs_of_one_length():
    x, more = layers.Input((None, FEATURES), "x"), layers.Input((None, 1), "more")
    still = layers.Input(2, "still")
    last = layers.LSTM(4)(layers.Concatenate()([x, more]))
    outputs = layers.Dense(2)(layers.Concatenate()([last, still]))
    net = nnlib.Network(inputs=[x, more, still], outputs=outputs)
    X, lengths = pad(sequences())
    given = {"x": X, "more": X[:, :, :1], "still": np.ones((7, 2))}
    expected = net.F(given, lengths=lengths)
    later = {
        **given,
        "x": np.pad(X, ((0, 0), (0, 4), (0, 0))),
        "more": spoiled(sequences(), 11)[0][..., 0],
    }
    np.testing.assert_array_equal(net.F(later, lengths=lengths), expected)
    parts = net.gradient(given, lengths=lengths)
    assert [part.shape for part in parts] == [(7, 2, 7, FEATURES), (7, 2, 7, 1), (7, 2, 2)]
    with pytest.raises(ValueError, match=r"X\['x'\] has 11 steps and X\['more'\] has 7 steps"):
        net.F({**given, "x": later["x"]})


def test_convolutions_take_any_length():
    parts = [layers.Conv1D(4, 3, activation="relu"), layers.MaxPooling1D(2)]
    net = nnlib.Network(
        [layers.Input((None, 2)), *parts, layers.GlobalAveragePooling1D(), layers.Dense(1)]
    )
    for time in (4, 9, 30):
        X = np.random.default_rng(time).normal(size=(5, time, 2))
        other = nnlib.Network(
            [
                layers.Input((time, 2)),
                *parts_again(),
                layers.GlobalAveragePooling1D(),
                layers.Dense(1),
            ]
        )
        other.parameters = net.parameters
        np.testing.assert_array_equal(net.F(X), other.F(X))
    with pytest.raises(ValueError, match=r"value of shape \(2, 2\), which is smaller than its win"):
        net.F(np.zeros((1, 2, 2)))


def parts_again():
    return [layers.Conv1D(4, 3, activation="relu"), layers.MaxPooling1D(2)]


def test_what_a_network_shows_of_itself():
    net = network()
    assert net.architecture.shown_shapes[0] == (None, 4)
    text = net.summary()
    assert "(None, 3)" in text
    assert "a step" in text
    assert "4096" not in text
    assert "(None, 4)" in net._repr_html_()
    outputs = net.layer_outputs(sequences())
    assert next(iter(outputs.values())).shape == (7, 7, 4)
    assert net.gradient(sequences()).shape == (7, 2, 7, FEATURES)


def test_files_and_copies(tmp_path):
    net = network()
    net.save(tmp_path / "net.safetensors")
    expected = net.F(sequences())
    for other in (nnlib.load(tmp_path / "net.safetensors"), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(other.F(sequences()), expected)
        assert other.architecture == net.architecture


def test_a_network_like_another():
    net = network()
    other = nnlib.Network(**net.architecture.arguments())
    other.parameters = net.parameters
    np.testing.assert_array_equal(other.F(sequences()), net.F(sequences()))


DRAWN = {
    "Flatten": (
        lambda x: layers.Dense(2)(layers.Flatten()(x)),
        "Dense(2, 'identity') has an array 'weight' whose shape depends on the length",
    ),
    "Scale": (lambda x: layers.Scale()(x), "Scale(False) has an array"),
    "Reshape": (lambda x: layers.Reshape((4, 3))(x), "it reads (None, 3) from Input((None, 3))"),
    "a Custom layer": (
        lambda x: layers.Custom(_copy, _copy_back)(x), "needs to know the length of its input"
    ),
}  # fmt: skip


def _copy(layer):
    for i in range(layer.a_out.size):
        layer.a_out[i] = layer.a_in[i]


def _copy_back(layer):
    for i in range(layer.delta_in.size):
        layer.delta_in[i] = layer.delta_out[i]


@pytest.mark.parametrize(("draw", "message"), DRAWN.values(), ids=DRAWN)
def test_layers_that_need_a_length(draw, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        draw(layers.Input((None, FEATURES)))


X7, LENGTHS7 = pad(sequences())
PLAIN = nnlib.Network([1, 2, 1])
WRONG = {
    "beyond": ({"lengths": [5, 2, 8, 1, 4, 3, 7]}, ValueError, "lengths holds 8 at index 2"),
    "0": ({"lengths": [5, 0, 7, 1, 4, 3, 7]}, ValueError, "lengths holds 0 at index 1, wanted"),
    "negative": ({"lengths": [5, -2, 7, 1, 4, 3, 7]}, ValueError, "lengths holds -2 at index 1"),
    "floats": ({"lengths": [5.0] * 7}, TypeError, "lengths has dtype float64, wanted whole"),
    "truth": ({"lengths": [True] * 7}, TypeError, "lengths has dtype bool, wanted whole"),
    "too few": ({"lengths": [5, 2]}, ValueError, r"lengths has shape \(2,\), wanted \(7,\)"),
    "a mask's": ({"mask": MASK[:, 1:]}, ValueError, r"mask has shape \(7, 6\), wanted \(7, 7\)"),
    "lengths as a mask": ({"mask": LENGTHS}, ValueError, "lengths=, not mask=, takes a number"),
    "text": ({"mask": [["a"]]}, TypeError, "mask has dtype"),
    "NaN": ({"mask": np.where(MASK, 1, np.nan)}, ValueError, "mask holds nan at index"),
    "both": ({"mask": MASK, "lengths": LENGTHS}, ValueError, "both given, wanted one of them"),
}  # fmt: skip


@pytest.mark.parametrize(("told", "error", "message"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("method", ["F", "J", "derJ", "descent", "predict", "score"])
def test_wrong_lengths(method, told, error, message):
    net = network()
    before = net.parameters.copy()
    y = () if method in ("F", "predict") else (targets(),)
    with pytest.raises(error, match=message):
        getattr(net, method)(X7, *y, **told)
    np.testing.assert_array_equal(net.parameters, before)


OTHERS = {
    "told twice": (lambda: network().F(pad(sequences()), lengths=LENGTHS), "X is a Padded, which"),
    "a list and lengths": (
        lambda: network().F(sequences(), lengths=LENGTHS), "X is a list of different lengths, which"
    ),
    "a plain network": (lambda: PLAIN.F([[1.0]], lengths=[1]), "lengths is given, and no layer of"),
    "no reader": (
        lambda: nnlib.Network([layers.Input((7, 3)), layers.Flatten(), layers.Dense(1)]).J(
            X7, np.ones(7), mask=MASK
        ),
        "mask is given, and no layer of this network reads masks: recurrent layers",
    ),
    "behind windows": (
        lambda: nnlib.Network(
            [layers.Input((None, 3)), layers.Conv1D(4, 2), layers.LSTM(2)]
        ).F(sequences()),
        "X is a list of sequences of different lengths, and no layer of this network reads masks",
    ),
    "two lengths": (
        lambda: nnlib.Network(
            inputs=[a := layers.Input((7, 3)), b := layers.Input((5, 3))],
            outputs=layers.LSTM(2)(a) + layers.LSTM(2)(b),
        ).F([X7, X7[:, :5]], lengths=LENGTHS),
        "sequences of 5 and 7 steps, and lengths or a mask are for sequences of one length",
    ),
    "too long": (lambda: network(time=6).F(sequences()), "7 steps, wanted at most the length 6"),
    "no axis": (lambda: network().F(X7[0]), r"X has shape \(7, 3\), wanted \(n, time, 3\)"),
    "features": (lambda: network().F(X7[:, :, :2]), r"X has shape \(7, 7, 2\), wanted \(n, 7, 3\)"),
    "no steps": (lambda: network().F(X7[:, :0]), "X has sequences of 0 steps"),
    "no examples": (lambda: network().F(X7[:0]), "X is empty, wanted at least one example"),
    "NaN that counts": (lambda: network().F(spoiled(sequences(), 7)[0]), "X holds nan at index"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "message"), OTHERS.values(), ids=OTHERS)
def test_what_has_no_lengths(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_near_names():
    with pytest.raises(TypeError, match="did you mean 'lengths'"):
        network().J(X7, targets(), length=LENGTHS)
