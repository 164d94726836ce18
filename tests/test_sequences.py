"""Sequences of different lengths become one array."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib.sequences import Masked, Padded, is_ragged, pad
from tests.sequence_examples import LENGTHS, sequences


@pytest.mark.parametrize("length", [None, 7, 9])
def test_padding_behind(length):
    given = sequences()
    padded = pad(given, length, value=-1)
    assert isinstance(padded, Padded)
    X, lengths = padded
    assert X.shape == (len(given), length or max(LENGTHS), 3)
    np.testing.assert_array_equal(lengths, LENGTHS)
    for row, one in zip(X, given, strict=True):
        np.testing.assert_array_equal(row[: len(one)], one)
        assert (row[len(one) :] == -1).all()


def test_padding_before():
    given = sequences()
    padded = pad(given, 9, side="left")
    assert isinstance(padded, Masked)
    for row, counted, one in zip(*padded, given, strict=True):
        np.testing.assert_array_equal(row[counted], one)
        assert counted[-len(one) :].all()
        assert not row[: -len(one)].any()


@pytest.mark.parametrize(
    ("given", "value", "dtype"),
    [
        ([[1, 2], [3]], 0, np.int64),
        ([np.float32([1, 2]), np.float32([3])], 0, np.float32),
        ([[1, 2], [3]], 0.5, np.float64),
        ([[1], [2.5]], 0, np.float64),
        ([np.float32([1, 2]), np.float32([3])], 0.5, np.float32),
        ([np.uint8([1, 2]), np.uint8([3])], -1, np.int16),
    ],
)
def test_the_dtype_holds_sequences_and_padding(given, value, dtype):
    X, _ = pad(given, 3, value)
    assert X.dtype == dtype
    assert X[0, -1] == value


def test_what_is_ragged():
    assert is_ragged(sequences())
    assert is_ragged(tuple(sequences()))
    for other in (np.zeros((2, 3)), [1, 2], [[1], [2]], "ab", None, Padded([[1], [2, 3]], [1, 2])):
        assert not is_ragged(other)


WRONG = {
    "no list": (lambda: pad(3), TypeError, "sequences must be a list of arrays; got 3"),
    "a text": (lambda: pad("ab"), TypeError, "sequences must be a list of arrays; got 'ab'"),
    "nothing": (lambda: pad([]), ValueError, "sequences is empty, wanted at least one"),
    "a number": (lambda: pad([[1], 2]), ValueError, r"sequences\[1\] has shape \(\), wanted"),
    "no steps": (lambda: pad([[1], []]), ValueError, r"sequences\[1\] has shape \(0,\), wanted"),
    "text": (lambda: pad([["a"]]), TypeError, r"sequences\[0\] has dtype <U1, wanted real numbers"),
    "features": (
        lambda: pad([[[1, 2]], [[1]]]), ValueError,
        r"sequences\[1\] has shape \(1, 1\) and sequences\[0\] \(1, 2\), wanted shapes that are",
    ),
    "too long": (
        lambda: pad([[1], [1, 2, 3]], 2), ValueError,
        r"sequences\[1\] has 3 steps, wanted at most the length 2",
    ),
    "length": (lambda: pad([[1]], 0), ValueError, "length is 0, wanted a whole number of at least"),
    "length 2.0": (lambda: pad([[1]], 2.0), TypeError, "length must be a whole number"),
    "value": (lambda: pad([[1]], value=np.nan), ValueError, "value is nan, wanted a finite number"),
    "side": (lambda: pad([[1]], side="rigth"), ValueError, "side is 'rigth', .*mean 'right'"),
    "a typo": (lambda: pad([[1]], lenght=3), TypeError, "did you mean 'length'"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_padded(call, error, message):
    with pytest.raises(error, match=message):
        call()
