"""Text to 0/1 vectors: which words of a vocabulary a text contains.

A word is a run of letters, digits and underscores, in lower case, accents kept: "L'été" holds the
words "l" and "été". Punctuation separates words and is dropped.

scikit-learn's CountVectorizer makes such vectors too, but knows neither the order of the words in
a text nor words of one letter by default, and would be the only reason to install it here.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from .checks.values import whole_number

_WORD = re.compile(r"\w+")


class Vocabulary:
    """N known words, numbered from 1 in the order given.

    A text becomes the list of the indices of the known words it contains, then the vector
    x ∈ {0, 1}^N with x_i = 1 if and only if word i occurs in it.

    Parameters
    ----------
    words : iterable of str
        The N words, each once; they are turned into lower case.

    Raises
    ------
    TypeError
        If `words` is not an iterable of strings, or one string.
    ValueError
        If there is no word, if one comes twice, or if one is no single word, such as "très bien".

    Examples
    --------
    >>> from nnlib.text import Vocabulary
    >>> vocabulary = Vocabulary(
    ...     ["film", "bon", "mauvais", "voir", "éviter", "très", "bien", "mal", "moyen", "super"]
    ... )
    >>> vocabulary.indices("bon film à voir absolument")
    [2, 1, 4]
    >>> vocabulary.encode("bon film à voir absolument")
    array([[1., 1., 0., 1., 0., 0., 0., 0., 0., 0.]])
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.words = tuple(_single_word(word, i) for i, word in enumerate(_strings(words, "words")))
        if not self.words:
            raise ValueError("words is empty, wanted at least one word")
        self._index: dict[str, int] = {}
        for i, word in enumerate(self.words, start=1):
            first = self._index.setdefault(word, i)
            if first != i:
                raise ValueError(
                    f"words[{i - 1}] repeats words[{first - 1}], {word!r}; wanted every word once"
                )

    @classmethod
    def most_frequent(cls, texts: str | Iterable[str], size: int) -> Vocabulary:
        """The `size` words that come most often in `texts`, the most frequent first.

        Of equally frequent words, the one seen first comes first. Where the texts hold fewer
        different words than `size`, the vocabulary holds them all.

        Parameters
        ----------
        texts : str or iterable of str
        size : int
            N, at least 1.

        Raises
        ------
        TypeError
            If a text is not a string, or `size` not an integer.
        ValueError
            If `size` is below 1, or the texts contain no word.

        Examples
        --------
        >>> from nnlib.text import Vocabulary
        >>> Vocabulary.most_frequent(["Bon film !", "Mauvais film.", "Un bon film"], 2)
        Vocabulary(['film', 'bon'])
        """
        size = whole_number("size", size, 1)
        counts = Counter(word for text in _texts(texts) for word in _split(text))
        if not counts:
            raise ValueError("texts contains no word, wanted at least one")
        return cls(word for word, _ in counts.most_common(size))

    def indices(self, text: str) -> list[int]:
        """The indices, from 1, of the known words in `text`, in the order of the text.

        A word that comes twice is listed twice.

        Raises
        ------
        TypeError
            If `text` is not a string.

        Examples
        --------
        >>> from nnlib.text import Vocabulary
        >>> Vocabulary(["bon", "film"]).indices("Film bon, très bon film")
        [2, 1, 1, 2]
        """
        if not isinstance(text, str):
            raise TypeError(f"text is {text!r} ({type(text).__name__}), wanted a string")
        return [self._index[word] for word in _split(text) if word in self._index]

    def encode(self, texts: str | Iterable[str]) -> NDArray[np.float64]:
        """The 0/1 vectors of `texts`, as rows: what `Network.F` takes as X.

        Parameters
        ----------
        texts : str or iterable of str
            One text or n of them.

        Returns
        -------
        array of float64, shape (n, N)
            1 where the text of the row contains the word of the column, however often; else 0.
            One text gives one row.

        Raises
        ------
        TypeError
            If a text is not a string.

        Examples
        --------
        >>> from nnlib.text import Vocabulary
        >>> Vocabulary(["bon", "film"]).encode(["un film", "bon, très bon film"])
        array([[0., 1.],
               [1., 1.]])
        """
        rows = [self.indices(text) for text in _texts(texts)]
        X = np.zeros((len(rows), len(self)))
        for x, indices in zip(X, rows, strict=True):
            x[np.array(indices, dtype=np.intp) - 1] = 1.0
        return X

    def __len__(self) -> int:
        return len(self.words)

    def __iter__(self) -> Iterator[str]:
        return iter(self.words)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and _lower(word) in self._index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.words == other.words

    def __hash__(self) -> int:
        return hash(self.words)

    def __repr__(self) -> str:
        shown = ", ".join(repr(word) for word in self.words[:10])
        if len(self) <= 10:
            return f"Vocabulary([{shown}])"
        return f"Vocabulary([{shown}, …], {len(self)} words)"


def _split(text: str) -> list[str]:
    """The words of a text in their order."""
    return _WORD.findall(_lower(text))


def _lower(text: str) -> str:
    """Lower case, composed (NFC): "é" may also come as "e" and an accent, which is no letter."""
    return unicodedata.normalize("NFC", text.lower())


def _single_word(word: str, position: int) -> str:
    """The word as `_split` finds it in a text."""
    known = _lower(word)
    if not _WORD.fullmatch(known):
        raise ValueError(f"words[{position}] is {word!r}, wanted one word without space or sign")
    return known


def _texts(texts: str | Iterable[str]) -> Iterator[str]:
    return iter([texts]) if isinstance(texts, str) else _strings(texts, "texts")


def _strings(values: Iterable[str], name: str) -> Iterator[str]:
    """The values one by one, checked; a lone string would be an iterable of its letters."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        kind = type(values).__name__
        raise TypeError(f"{name} is {values!r} ({kind}), wanted a list of strings")
    for i, value in enumerate(values):
        if not isinstance(value, str):
            kind = type(value).__name__
            raise TypeError(f"{name}[{i}] is {value!r} ({kind}), wanted a string")
        yield value
