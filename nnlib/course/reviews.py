"""Text: is a film review positive? Ten words and a neuron; thousands of words and a network.

The lecture's data are the 50 000 reviews of the IMDB archive (A. Maas et al., "Learning word
vectors for sentiment analysis", ACL 2011). `read_reviews` takes them from its folder, or from the
archive itself; `invented_reviews` makes some of the same kind where there is none.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..checks.values import file_path, known_name, seed_number, whole_number
from ..network import Network
from ..text import Vocabulary
from .system import System

TEN_WORDS = Vocabulary(
    ["film", "bon", "mauvais", "voir", "éviter", "très", "bien", "mal", "moyen", "super"]
)

# Written for this example; the lecture's own reviews are the 50 000 of IMDB.
_POSITIVE = [
    "Un très bon film !",
    "Super, à voir.",
    "Un film super, très bien joué.",
    "À voir : c'est très bien fait.",
    "Bon moment, bon film.",
]
_NEGATIVE = [
    "Un très mauvais film.",
    "À éviter.",
    "Mal joué, très moyen.",
    "Un film moyen, à éviter.",
    "Mauvais film, mal filmé.",
]


def film_reviews() -> System:
    """A sigmoid neuron that tells positive film reviews from negative ones by ten words.

    F(x) = σ(w·x + b), with x ∈ {0, 1}^10 the words of `TEN_WORDS` that the review contains;
    positive (1) if and only if F(x) > 1/2. Ten short reviews, written for this example, are the
    data: X is (10, 10), y is (10,).

    Examples
    --------
    >>> from nnlib import course
    >>> review = "bon film à voir absolument"
    >>> course.TEN_WORDS.indices(review)
    [2, 1, 4]
    >>> course.TEN_WORDS.encode(review)
    array([[1., 1., 0., 1., 0., 0., 0., 0., 0., 0.]])
    >>> system = course.film_reviews()
    >>> history = system.run()
    >>> system.network.F(course.TEN_WORDS.encode([review, "mal fait, à éviter"]))[:, 0] > 1 / 2
    array([ True, False])
    """
    return System(
        description="positive (1) or negative (0) film review from ten words",
        network=Network([len(TEN_WORDS), 1], activation="sigmoid", initializer="zeros"),
        X=TEN_WORDS.encode(_POSITIVE + _NEGATIVE),
        y=np.repeat([1.0, 0.0], [len(_POSITIVE), len(_NEGATIVE)]),
        settings={"learning_rate": 1.0, "epochs": 1000, "reduction": "mean"},
    )


# Of the lecture's kind, in French: what the neuron of `film_reviews` says of them is to be seen.
LECTURE_REVIEWS = (
    "bon film à voir absolument",
    "mauvais film, mal joué : à éviter",
    "un film moyen, mais à voir pour la fin, très bien",
)

PARTS, KINDS = ("train", "test"), ("pos", "neg")
# What invented reviews are made of: words for both kinds, and for one.
_NEUTRAL = [
    "the",
    "a",
    "film",
    "story",
    "actor",
    "scene",
    "plot",
    "music",
    "camera",
    "it",
    "was",
    "and",
    "with",
    "of",
    "in",
    "end",
]
_FOR = ["wonderful", "superb", "moving", "brilliant", "perfect", "funny"]
_AGAINST = ["boring", "awful", "waste", "worst", "dull", "terrible"]


class Reviews(NamedTuple):
    """Film reviews, and which of them are positive.

    texts are n strings, positive is (n,), 1 or 0.

    >>> Reviews(["Superb.", "A bore."], np.array([1.0, 0.0])).texts[1]
    'A bore.'
    """

    texts: list[str]
    positive: NDArray[np.float64]


def read_reviews(path: str | os.PathLike[str], part: str = "train") -> Reviews:
    """The reviews of one part of the archive, the positive ones first.

    Parameters
    ----------
    path : str or PathLike
        The folder ``aclImdb``, one that holds it, or the archive as it was downloaded
        (``aclImdb_v1.tar.gz``, or packed otherwise).
    part : {"train", "test"}

    Raises
    ------
    FileNotFoundError
        If nothing is there, or no review.
    ValueError
        If part is neither, the file is no archive, or a review no text in UTF-8.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     for kind, text in {"pos": "Superb.", "neg": "A bore."}.items():
    ...         path = Path(folder, "aclImdb", "train", kind)
    ...         path.mkdir(parents=True)
    ...         _ = (path / "0.txt").write_text(text)
    ...     read_reviews(folder)
    Reviews(texts=['Superb.', 'A bore.'], positive=array([1., 0.]))
    """
    (found,) = _read(path, [known_name("part", part, PARTS)])
    return found


def read_all_reviews(path: str | os.PathLike[str]) -> tuple[Reviews, Reviews]:
    """The training and the test reviews; an archive is unpacked once for both.

    Parameters
    ----------
    path : str or PathLike
        As for `read_reviews`.

    Raises
    ------
    FileNotFoundError, ValueError
        As `read_reviews`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     for part, text in {"train": "Superb.", "test": "Fine."}.items():
    ...         path = Path(folder, "aclImdb", part, "pos")
    ...         path.mkdir(parents=True)
    ...         _ = (path / "0.txt").write_text(text)
    ...     [part.texts for part in read_all_reviews(folder)]
    [['Superb.'], ['Fine.']]
    """
    train, test = _read(path, PARTS)
    return train, test


def _read(path: str | os.PathLike[str], parts: Sequence[str]) -> list[Reviews]:
    """The reviews of these parts."""
    root = Path(os.fspath(file_path("path", path)))
    found: dict[str, list[tuple[str, str, str]]] = {part: [] for part in parts}
    for part, kind, name, text in _in_archive(root) if root.is_file() else _in_folder(root, parts):
        if part in found:
            found[part].append((kind, name, text))
    return [_reviews(root, part, found[part]) for part in parts]


def _reviews(root: Path, part: str, found: list[tuple[str, str, str]]) -> Reviews:
    """The reviews of which these are kinds, file names and texts, the positive ones first."""
    if not found:
        raise FileNotFoundError(
            f"{root} holds no reviews aclImdb/{part}/pos/*.txt and …/neg/*.txt: the archive is at "
            "https://ai.stanford.edu/~amaas/data/sentiment"
        )
    found = sorted(found, reverse=True)  # pos before neg
    positive = np.array([kind == "pos" for kind, _, _ in found], dtype=np.float64)
    return Reviews([text for _, _, text in found], positive)


def _in_folder(root: Path, parts: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    """Part, kind, file name and text of every review of these parts in a folder."""
    for part in parts:
        for kind in KINDS:
            for own in (root, root / "aclImdb"):
                for file in (own / part / kind).glob("*.txt"):
                    yield part, kind, file.name, _text(file.read_bytes(), file)


def _in_archive(root: Path) -> Iterator[tuple[str, str, str, str]]:
    """The same of all parts in an archive, which is read once."""
    for path, content in _unpacked(root):
        *_, part, kind, name = ("", "", *path.split("/"))
        if part in PARTS and kind in KINDS and name.endswith(".txt"):
            yield part, kind, name, _text(content, path)


def _unpacked(root: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file in an archive."""
    with root.open("rb") as file:
        try:
            with tarfile.open(fileobj=file, mode="r|*") as archive:
                for member in archive:
                    content = archive.extractfile(member)
                    if content is not None:
                        yield member.name, content.read()
        except Exception as error:  # damaged archives end in errors of many kinds, TypeErrors too
            raise ValueError(f"{root} is no archive of reviews: {error}") from None


def _text(content: bytes, where: object) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{where} is no text in UTF-8: {error}") from None


def invented_reviews(n: int, seed: int = 0) -> Reviews:
    """Reviews of random words, n / 2 of them positive: to try a program without the archive.

    Parameters
    ----------
    n : int
        How many; even.
    seed : int
        Of the random words.

    Raises
    ------
    TypeError, ValueError
        If n or seed is no whole number, or n is odd.

    Examples
    --------
    >>> invented_reviews(2).positive
    array([1., 0.])
    """
    n = whole_number("n", n, 2)
    if n % 2:
        raise ValueError(f"n is {n}, wanted an even number")
    rng = np.random.default_rng(seed_number("seed", seed))
    positive = np.repeat([1.0, 0.0], n // 2)
    texts = []
    for kind in positive:
        words = list(rng.choice(_NEUTRAL, rng.integers(10, 40)))
        for own, other in [(_FOR, _AGAINST) if kind else (_AGAINST, _FOR)]:
            words += [*rng.choice(own, rng.integers(1, 4)), *rng.choice(other, rng.integers(0, 2))]
        texts.append(" ".join(map(str, rng.permutation(words))))
    return Reviews(texts, positive)


class WordEffect(NamedTuple):
    """By how much a word changes the probability that a review is positive.

    >>> WordEffect("superb", 0.07).word
    'superb'
    """

    word: str
    effect: float


def word_effects(network: Network, vocabulary: Vocabulary) -> list[WordEffect]:
    """Words and their effects, from those that speak most for a film to those against it.

    The effect of word i is F(e_i) − F(0): the output for a review of this word alone, less that for
    one without any known word.

    Parameters
    ----------
    network : Network
        From 0/1 vectors of the vocabulary to one output.
    vocabulary : Vocabulary

    Raises
    ------
    ValueError
        If their sizes do not fit.
    ImportError
        If SciPy is missing.

    Examples
    --------
    >>> network = Network([2, 1], initializer=[([[1.0, -1.0]], [0.0])])
    >>> [effect.word for effect in word_effects(network, Vocabulary(["good", "bad"]))]
    ['good', 'bad']
    """
    from scipy.sparse import csr_array

    words = len(vocabulary)
    ends = np.maximum(np.arange(words + 2) - 1, 0)  # nothing, then one word after the other
    alone = csr_array((np.ones(words), np.arange(words), ends), shape=(words + 1, words))
    outputs: NDArray[Any] = network.F(alone)
    if outputs.shape[1] != 1:
        raise ValueError(f"network has {outputs.shape[1]} outputs, wanted one")
    effects = (outputs[1:, 0] - outputs[0, 0]).astype(float)
    order = np.argsort(-effects, kind="stable")
    return [WordEffect(vocabulary.words[i], float(effects[i])) for i in order]
