"""Sparse vectors, counts and n-grams of texts, beside scikit-learn's, and networks of them."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnlib
from nnlib.text import Vocabulary

pytestmark = pytest.mark.cpu("sparse")

TEXTS = ["Bon film, très bon film !", "Pas bon du tout.", "", "L'été : un film d'été", "film"]
a_text = st.lists(st.sampled_from(["bon", "film", "pas", "très", "x"]), max_size=8).map(" ".join)


@given(st.lists(a_text, min_size=1, max_size=6), st.booleans(), st.sampled_from([(1, 1), (1, 2)]))
def test_sparse_vectors_are_the_dense_ones(texts, binary, ngram_range):
    words = ["bon", "film", "très bon", "pas bon"][: None if ngram_range[1] > 1 else 2]
    vocabulary = Vocabulary(words, ngram_range=ngram_range, binary=binary)
    found = vocabulary.encode(texts, sparse=True)
    np.testing.assert_array_equal(found.toarray(), vocabulary.encode(texts))
    assert (np.diff(found.indptr) >= 0).all()
    assert found.nnz == np.count_nonzero(found.toarray())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ngram_range": (1, 2)},
        {"ngram_range": (2, 3)},
        {"min_df": 2},
        {"min_df": 0.3, "max_df": 0.7},
        {"max_df": 2, "ngram_range": (1, 2)},
    ],
)
@pytest.mark.parametrize("binary", [True, False])
def test_words_and_counts_are_those_of_scikit_learn(options, binary):
    text = pytest.importorskip("sklearn.feature_extraction.text")
    theirs = text.CountVectorizer(token_pattern=r"(?u)\b\w+\b", binary=binary, **options)
    counts = theirs.fit_transform(TEXTS).toarray()
    vocabulary = Vocabulary.most_frequent(TEXTS, None, binary=binary, **options)
    assert set(vocabulary) == set(theirs.get_feature_names_out())
    order = [theirs.vocabulary_[word] for word in vocabulary]
    np.testing.assert_array_equal(vocabulary.encode(TEXTS), counts[:, order])


def test_texts_are_read_once():
    given = iter(TEXTS)
    assert len(Vocabulary.most_frequent(given, 3)) == 3
    assert Vocabulary(["film"]).encode(iter(TEXTS), sparse=True).shape == (5, 1)


@pytest.mark.parametrize("vectors", ["ours", "CountVectorizer", "TfidfVectorizer"])
def test_networks_take_vectors_as_they_are(vectors):
    if vectors == "ours":
        X = Vocabulary.most_frequent(TEXTS, None).encode(TEXTS, sparse=True)
    else:
        text = pytest.importorskip("sklearn.feature_extraction.text")
        X = getattr(text, vectors)().fit_transform(TEXTS)
    outcomes = []
    for examples in (X, X.toarray()):
        net = nnlib.Network([X.shape[1], 3, 1], "tanh", seed=0)
        net.descent(examples, [0, 1, 0, 1, 1], epochs=5, optimizer="adam", batch_size=2)
        outcomes.append(net.parameters)
    np.testing.assert_allclose(*outcomes, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"ngram_range": 2}, TypeError, "ngram_range must be two numbers of words"),
        ({"ngram_range": (2, 1)}, ValueError, r"ngram_range\[1\] is 1"),
        ({"min_df": -1}, ValueError, "min_df is -1"),
        ({"max_df": 1.5}, ValueError, "max_df is 1.5, wanted a part of the texts"),
        ({"min_df": 9}, ValueError, "min_df=9 and max_df=1.0 leave none of 10 words over"),
        ({"binary": 1}, TypeError, "binary"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        Vocabulary.most_frequent(TEXTS, 3, **arguments)


def test_n_grams_are_words_of_the_range():
    with pytest.raises(ValueError, match=r"words\[0\] is 'très bon', wanted one word"):
        Vocabulary(["très bon"])
    with pytest.raises(ValueError, match="wanted 2 to 2 words"):
        Vocabulary(["bon"], ngram_range=(2, 2))


def test_dense_vectors_beyond_the_memory_say_what_to_do():
    vocabulary = Vocabulary(f"w{i}" for i in range(100_000))
    with pytest.raises(ValueError, match="which sparse=True would avoid"):
        vocabulary.encode(["w1"] * 100_000)


@given(
    st.lists(a_text, min_size=1, max_size=6), st.booleans(), st.sampled_from([(1, 1), (1, 2)]),
    st.sampled_from([None, 1, 3]),
)  # fmt: skip
def test_one_reading_gives_what_two_give(texts, binary, ngram_range, size):
    options = {"ngram_range": ngram_range, "binary": binary}
    texts = [*texts, "film film"]
    vocabulary, X = Vocabulary.fit_encode(iter(texts), size, **options)
    assert vocabulary == Vocabulary.most_frequent(texts, size, **options)
    expected = vocabulary.encode(texts, sparse=True)
    assert X.has_canonical_format
    for found, wanted in ((X.indptr, expected.indptr), (X.indices, expected.indices)):
        np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(X.data, expected.data)


def test_one_reading_without_scipy_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    with pytest.raises(ImportError, match="fit_encode need SciPy"):
        Vocabulary.fit_encode(TEXTS, 3)
