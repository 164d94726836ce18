"""Text to 0/1 vectors: the lecture's ten-word example, any other vocabulary, bad input."""

import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnlib.text import Vocabulary

pytestmark = pytest.mark.cpu("host")

TEN_WORDS = ["film", "bon", "mauvais", "voir", "éviter", "très", "bien", "mal", "moyen", "super"]
REVIEW = "bon film à voir absolument"


@pytest.fixture
def vocabulary():
    return Vocabulary(TEN_WORDS)


def test_lecture_review_becomes_indices(vocabulary):
    assert vocabulary.indices(REVIEW) == [2, 1, 4]


def test_lecture_review_becomes_vector(vocabulary):
    vector = vocabulary.encode(REVIEW)
    assert vector.dtype == np.float64
    np.testing.assert_array_equal(vector, [[1, 1, 0, 1, 0, 0, 0, 0, 0, 0]])


def test_one_row_per_text(vocabulary):
    texts = [REVIEW, "rien", "À ÉVITER, très très mal !"]
    expected = np.zeros((3, 10))
    expected[0, [0, 1, 3]] = 1
    expected[2, [4, 5, 7]] = 1
    np.testing.assert_array_equal(vocabulary.encode(texts), expected)
    np.testing.assert_array_equal(vocabulary.encode(text for text in texts), expected)


def test_no_text_gives_no_row(vocabulary):
    assert vocabulary.encode([]).shape == (0, 10)


def test_repeated_word_is_listed_twice_and_counts_once(vocabulary):
    assert vocabulary.indices("super super film") == [10, 10, 1]
    assert vocabulary.encode("super super film").sum() == 2


def test_accents_distinguish_words():
    vocabulary = Vocabulary(["éviter", "eviter"])
    assert vocabulary.indices("eviter éviter ÉVITER") == [2, 1, 1]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_composed_or_not_are_the_same_word(form):
    vocabulary = Vocabulary([unicodedata.normalize("NFD", "éviter")])
    assert vocabulary.words == ("éviter",)
    assert vocabulary.indices(unicodedata.normalize(form, "à Éviter")) == [1]


def test_letter_composed_in_lower_case_only():
    assert Vocabulary(["\u1e96al"]).indices("H\u0331AL") == [1]


def test_punctuation_separates_words(vocabulary):
    assert vocabulary.indices("(bon)film,\n«voir»") == [2, 1, 4]


def test_parts_of_words_do_not_count(vocabulary):
    assert vocabulary.indices("bonne filmographie, malgré tout") == []


def test_vocabulary_as_a_collection(vocabulary):
    assert len(vocabulary) == 10
    assert list(vocabulary) == TEN_WORDS
    assert "Super" in vocabulary
    assert "absolument" not in vocabulary
    assert 1 not in vocabulary
    assert vocabulary == Vocabulary(word.upper() for word in TEN_WORDS)
    assert vocabulary != Vocabulary(TEN_WORDS[::-1])
    assert len({vocabulary, Vocabulary(TEN_WORDS)}) == 1


def test_repr_shows_ten_words():
    assert repr(Vocabulary(["bon", "film"])) == "Vocabulary(['bon', 'film'])"
    assert repr(Vocabulary(f"w{i}" for i in range(12))).endswith("'w9', …], 12 words)")


def test_most_frequent_orders_by_count_then_first_seen():
    texts = ["le film est bon", "Bon film", "film moyen"]
    assert Vocabulary.most_frequent(texts, 4).words == ("film", "bon", "le", "est")


def test_most_frequent_of_one_text():
    assert Vocabulary.most_frequent("bon bon film", 1).words == ("bon",)


def test_most_frequent_keeps_all_words_when_there_are_few():
    assert Vocabulary.most_frequent(["bon film"], np.int64(1000)).words == ("bon", "film")


@given(st.lists(st.text()))
def test_vector_marks_exactly_the_indices(texts):
    vocabulary = Vocabulary.most_frequent([*texts, "mot"], 20)
    for text, x in zip(texts, vocabulary.encode(texts), strict=True):
        assert set(np.flatnonzero(x) + 1) == set(vocabulary.indices(text))


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ([], ValueError, "words is empty"),
        (["bon", "film", "Bon"], ValueError, "words[2] repeats words[0], 'bon'"),
        (["bon", "très bien"], ValueError, "words[1] is 'très bien', wanted one word"),
        ([""], ValueError, "words[0] is ''"),
        (["bien!"], ValueError, "words[0] is 'bien!'"),
        ("bon film", TypeError, "words is 'bon film' (str), wanted a list of strings"),
        (["bon", 3], TypeError, "words[1] is 3 (int), wanted a string"),
        (None, TypeError, "words is None (NoneType)"),
    ],
)
def test_bad_vocabulary(words, error, message):
    with pytest.raises(error, match=re.escape(message)):
        Vocabulary(words)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["bon", 5.0], "texts[1] is 5.0 (float), wanted a string"),
        (b"bon film", "texts is b'bon film' (bytes), wanted a list of strings"),
        (7, "texts is 7 (int)"),
    ],
)
def test_bad_texts(vocabulary, texts, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        vocabulary.encode(texts)
    with pytest.raises(TypeError, match=re.escape(message)):
        Vocabulary.most_frequent(texts, 3)


def test_indices_of_what_is_not_a_text(vocabulary):
    with pytest.raises(TypeError, match=re.escape("text is ['bon'] (list), wanted a string")):
        vocabulary.indices(["bon"])


@pytest.mark.parametrize(
    ("size", "error"), [(0, ValueError), (-2, ValueError), (2.0, TypeError), (True, TypeError)]
)
def test_bad_size(size, error):
    with pytest.raises(error, match=rf"size .*{size}"):
        Vocabulary.most_frequent(["bon film"], size)


def test_texts_without_a_word():
    with pytest.raises(ValueError, match="texts contains no word"):
        Vocabulary.most_frequent(["", "…"], 3)
