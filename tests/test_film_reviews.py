"""The archive of film reviews, as a folder and packed; invented ones; which words decide."""

from __future__ import annotations

import tarfile

import numpy as np
import pytest

import nnlib
from nnlib import course
from nnlib.text import Vocabulary

pytestmark = pytest.mark.cpu("sparse")


@pytest.fixture
def folder(tmp_path):
    """An archive of six reviews."""
    for part in ("train", "test"):
        for kind, texts in {"pos": ["Superb é.", "Fine."], "neg": ["A bore."]}.items():
            own = tmp_path / "aclImdb" / part / kind
            own.mkdir(parents=True)
            for number, text in enumerate(texts):
                (own / f"{number}.txt").write_text(f"{text} {part}", encoding="utf-8")
            (own / "notes.md").write_text("no review")
    return tmp_path


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("form", ["parent", "folder", "gz", "xz"])
def test_reviews_of_a_folder_and_of_an_archive(folder, part, form):
    path = {"parent": folder, "folder": folder / "aclImdb"}.get(form)
    if path is None:
        path = folder / f"reviews.tar.{form}"
        with tarfile.open(path, f"w:{form}") as archive:
            archive.add(folder / "aclImdb", "aclImdb")
    found = course.read_reviews(path, part)
    assert sorted(found.texts[:2]) == [f"Fine. {part}", f"Superb é. {part}"]
    assert found.texts[2:] == [f"A bore. {part}"]
    np.testing.assert_array_equal(found.positive, [1, 1, 0])


@pytest.mark.parametrize("packed", [False, True])
def test_both_parts_at_once(folder, packed):
    path = folder
    if packed:
        path = folder / "reviews.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            archive.add(folder / "aclImdb", "aclImdb")
    for part, found in zip(("train", "test"), course.read_all_reviews(path), strict=True):
        expected = course.read_reviews(path, part)
        assert found.texts == expected.texts
        np.testing.assert_array_equal(found.positive, expected.positive)


@pytest.mark.parametrize("form", ["gz", "bz2", "xz"])
def test_a_damaged_archive_says_so_whatever_is_wrong(folder, form):
    path = folder / f"reviews.tar.{form}"
    with tarfile.open(path, f"w:{form}") as archive:
        archive.add(folder / "aclImdb", "aclImdb")
    whole = path.read_bytes()
    for length in range(1, 40):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="is no archive of reviews"):
            course.read_reviews(path)


def test_what_is_no_archive(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no reviews .*: the archive is at https"):
        course.read_reviews(tmp_path)
    with pytest.raises(FileNotFoundError, match="holds no reviews"):
        course.read_reviews(tmp_path / "nothing")
    (tmp_path / "text").write_text("no archive")
    with pytest.raises(ValueError, match="is no archive of reviews"):
        course.read_reviews(tmp_path / "text")
    with pytest.raises(ValueError, match="did you mean 'train'"):
        course.read_reviews(tmp_path, "trian")


def test_a_network_learns_invented_reviews_and_their_words():
    train, test = course.invented_reviews(400, seed=1), course.invented_reviews(200, seed=2)
    vocabulary = Vocabulary.most_frequent(train.texts, 100)
    net = nnlib.Network([len(vocabulary), 4, 1], loss="binary_cross_entropy", seed=0)
    X = vocabulary.encode(train.texts, sparse=True)
    net.descent(X, train.positive, optimizer="adam", learning_rate=0.05, batch_size=32, epochs=20)
    right = (net.F(vocabulary.encode(test.texts, sparse=True))[:, 0] > 0.5) == test.positive
    assert right.mean() > 0.9
    effects = course.word_effects(net, vocabulary)
    assert [one.effect for one in effects] == sorted((one.effect for one in effects), reverse=True)
    assert effects[0].word in ["wonderful", "superb", "moving", "brilliant", "perfect", "funny"]
    assert effects[-1].word in ["boring", "awful", "waste", "worst", "dull", "terrible"]


def test_invented_reviews_are_those_of_the_seed():
    assert course.invented_reviews(10, seed=3).texts == course.invented_reviews(10, seed=3).texts
    with pytest.raises(ValueError, match="n is 3, wanted an even number"):
        course.invented_reviews(3)


def test_effects_of_pairs_of_words_are_their_own():
    vocabulary = Vocabulary(["pas", "bon", "pas bon"], ngram_range=(1, 2))
    net = nnlib.Network([3, 1], initializer=[([[1.0, 1.0, -5.0]], [0.0])])
    found = {one.word: one.effect for one in course.word_effects(net, vocabulary)}
    assert found["pas bon"] == pytest.approx(1 / (1 + np.exp(5.0)) - 0.5)
    assert found["bon"] == pytest.approx(1 / (1 + np.exp(-1.0)) - 0.5)


def test_a_review_that_is_no_text_is_named(folder):
    (folder / "aclImdb" / "train" / "neg" / "7.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"7\.txt is no text in UTF-8"):
        course.read_reviews(folder)


def test_words_need_a_network_of_their_number():
    with pytest.raises(ValueError, match="wanted \\(n, 3\\)"):
        course.word_effects(nnlib.Network([3, 1]), Vocabulary(["a", "b"]))
    with pytest.raises(ValueError, match="network has 2 outputs, wanted one"):
        course.word_effects(nnlib.Network([2, 2]), Vocabulary(["a", "b"]))


@pytest.mark.parametrize("text", course.LECTURE_REVIEWS)
def test_the_lecture_judges_its_reviews(text):
    system = course.film_reviews()
    system.run()
    F = system.network.F(course.TEN_WORDS.encode(text)).item()
    assert (F > 0.5) == ("éviter" not in text)
