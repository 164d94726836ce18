"""Film reviews as sparse rows of words: 50 000 of IMDB, or ones drawn by Zipf's law.

The archive ``aclImdb.tar.xz`` or ``aclImdb_v1.tar.gz`` in the folder that ``NNLIB_DATA`` names has
the reviews of A. Maas et al., ACL 2011: half to train with, half to test.
"""

from __future__ import annotations

import functools
import os
import tarfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .workload import Array, UnavailableError

REVIEWS, BATCH, RATE = 25_000, 512, 0.001
HIDDEN = (16, 16)
ARCHIVES = ("aclImdb.tar.xz", "aclImdb_v1.tar.gz")
# Of the reviews that are drawn: words that each writes, and how many more if there are rare ones.
WRITTEN, WRITTEN_RARE, COMMON = 260, 60, 10_000


class Reviews(NamedTuple):
    """Reviews and whether they are positive, 0 or 1.

    X is of float32, by rows whose columns rise, its entries all 1. X and X_test are sparse
    (n, words), y and y_test (n,); without test reviews these are empty.
    """

    name: str
    X: Any
    y: Array
    X_test: Any
    y_test: Array


class Texts(NamedTuple):
    """Texts, and whether they are positive."""

    texts: list[str]
    positive: list[bool]


def reviews(words: int, pairs: bool = False, n: int = REVIEWS) -> Reviews:
    """The most frequent words of the reviews, and pairs of words too if asked for.

    Raises
    ------
    UnavailableError
        If scikit-learn is missing.
    """
    try:
        from sklearn.feature_extraction.text import CountVectorizer
    except ImportError:
        raise UnavailableError("scikit-learn is not installed") from None
    archive = _archive()
    if archive is None:
        return drawn(words, n)
    train, test = _texts(archive)
    # The archive has one class behind the other, and all programs take the reviews in this order.
    mixed = np.random.default_rng(0).permutation(len(train.texts))
    vectorizer = CountVectorizer(
        binary=True, max_features=words, ngram_range=(1, 1 + pairs), dtype=np.float32
    )
    X = vectorizer.fit_transform(train.texts)
    X = X[mixed].sorted_indices()
    y, y_test = np.array(train.positive, float), np.array(test.positive, float)
    return Reviews("IMDB", X, y[mixed], vectorizer.transform(test.texts), y_test)


def drawn(words: int, n: int = REVIEWS) -> Reviews:
    """Reviews whose words are drawn by Zipf's law, rare ones beside the common ones.

    Whether a review is positive is a sum of weights of its words.

    Examples
    --------
    >>> drawn(50, 4).X.shape
    (4, 50)
    """
    rng = np.random.default_rng(0)
    common = min(words, COMMON)
    columns = [_ranks(rng, common, 1.0, (n, WRITTEN))]
    if words > common:
        columns.append(common + _ranks(rng, words - common, 0.7, (n, WRITTEN_RARE)))
    X = _binary(np.concatenate(columns, axis=1), words)
    scores = X @ rng.normal(size=words)
    return Reviews("drawn", X, (scores > np.median(scores)).astype(float), X[:0], np.empty(0))


def _ranks(rng: np.random.Generator, words: int, power: float, shape: tuple[int, int]) -> Array:
    """Numbers of words, the k-th as probable as 1/k^power."""
    chances = 1 / np.arange(1, words + 1) ** power
    return rng.choice(words, shape, p=chances / chances.sum())


def _binary(columns: Array, words: int) -> Any:
    """A matrix with a 1 wherever a row names a column."""
    from scipy import sparse

    n, written = columns.shape
    starts = np.arange(n + 1) * written
    ones = np.ones(columns.size, np.float32)
    matrix = sparse.csr_matrix((ones, columns.ravel(), starts), shape=(n, words))
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def _archive() -> Path | None:
    """The archive of the reviews; None without one."""
    if "NNLIB_DATA" not in os.environ:
        return None
    paths = (Path(os.environ["NNLIB_DATA"]) / name for name in ARCHIVES)
    return next((path for path in paths if path.is_file()), None)


@functools.cache
def _texts(archive: Path) -> tuple[Texts, Texts]:
    """The reviews to train with, and those to test with, read from the archive as it unrolls."""
    parts = {"train": Texts([], []), "test": Texts([], [])}
    with tarfile.open(archive) as file:
        for member in file:
            # aclImdb/train/pos/0_9.txt; other folders have reviews that nobody has judged.
            folders = member.name.split("/")[-3:-1]
            if len(folders) < 2 or folders[0] not in parts or folders[1] not in ("pos", "neg"):
                continue
            content = file.extractfile(member)
            assert content is not None
            parts[folders[0]].texts.append(content.read().decode())
            parts[folders[0]].positive.append(folders[1] == "pos")
    return parts["train"], parts["test"]
