"""Masked arrays, sparse matrices and data frames: read for what they mean, or refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from tests.checks.test_values import X, Y, assert_refused, network


def test_masked_arrays():
    inputs = np.ma.masked_greater(X, 4)
    words = ["^X is a masked array with 1 element masked", r"X\.filled"]
    assert_refused(TypeError, words, "F", inputs)
    assert_refused(TypeError, words, "descent", inputs, Y)
    assert_refused(TypeError, ["masked", "validation"], "descent", X, Y, validation=(inputs, Y))
    assert_refused(TypeError, ["masked"], "J", list(zip(inputs, Y, strict=True)))
    np.testing.assert_array_equal(network().F(np.ma.masked_greater(X, 9)), network().F(X))


def test_sparse_matrices():
    sparse = pytest.importorskip("scipy.sparse")
    for kind in (sparse.csr_matrix, sparse.coo_array):
        words = ["^X is a sparse matrix", kind.__name__, r"X\.toarray\(\)"]
        assert_refused(TypeError, words, "gradient", kind(X))
        assert_refused(TypeError, ["^y is a sparse matrix", *words[1:-1]], "descent", X, kind(X))


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([True, False, True], ["column 'b' of X holds bool", r"astype\(float\)"]),
        (["u", "v", "u"], ["column 'b' of X"]),
        ([1, None, "u"], ["column 'b' of X", "object"]),
    ],
    ids=["bool", "text", "objects"],
)
def test_columns_of_a_frame(column, words):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": X[:, 0], "b": column})
    assert_refused(TypeError, words, "F", frame)
    assert_refused(TypeError, words, "descent", frame, Y)


def test_categories_of_a_frame():
    pandas = pytest.importorskip("pandas")
    words = ["holds categories", "get_dummies"]
    for values in (["u", "v", "u"], [1, 2, 1]):
        frame = pandas.DataFrame({"a": X[:, 0], "b": pandas.Categorical(values)})
        assert_refused(TypeError, ["column 'b' of X", *words], "F", frame)
        assert_refused(TypeError, ["^y", *words], "J", X, frame["b"])


def test_frames_of_numbers():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": X[:, 0], "b": pandas.array([1, 3, 5], dtype="Int64")})
    np.testing.assert_array_equal(network().F(frame), network().F(X))
    flags = pandas.DataFrame({"a": [True, False], "b": [False, True]})
    np.testing.assert_array_equal(network().F(flags), network().F([[1, 0], [0, 1]]))
    frame.loc[1, "b"] = None
    assert_refused(ValueError, [r"^X holds nan at index \(1, 1\)"], "F", frame)
