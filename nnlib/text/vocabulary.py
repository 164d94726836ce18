"""`Vocabulary`: known words, and the vectors of texts by them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..checks.values import flag
from .counts import Counts, Everything, counted, renumbered
from .vectors import csr_kind, dense_vectors, sparse_vectors
from .wanted import Wanted
from .words import known_ngram, lower, ngram_lengths, ngrams, strings, texts_of

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Vocabulary:
    """N known words, numbered from 1 in the order given.

    A text becomes the list of the indices of the known words it contains, then the vector
    x ∈ {0, 1}^N with x_i = 1 if and only if word i occurs in it, or with the number of times.

    Parameters
    ----------
    words : iterable of str
        The N words, each once; they are turned into lower case. With an `ngram_range` n-grams too,
        such as "très bien": words that follow each other, with a space between.
    ngram_range : (int, int)
        The fewest and the most words of an n-gram, as scikit-learn has it.
    binary : bool
        Whether x says only if a word occurs. Else x_i is how often word i does.

    Raises
    ------
    TypeError
        If `words` is not an iterable of strings, or one string; if `ngram_range` is no pair of
        whole numbers, or `binary` no bool.
    ValueError
        If there is no word, if one comes twice, or if one is no single word, such as "très bien",
        or no n-gram of the range.

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
    >>> Vocabulary(["bon", "pas bon"], ngram_range=(1, 2)).encode(["bon", "pas bon"])
    array([[1., 0.],
           [1., 1.]])
    """

    def __init__(
        self,
        words: Iterable[str],
        *,
        ngram_range: tuple[int, int] = (1, 1),
        binary: bool = True,
    ) -> None:
        self.ngram_range = ngram_lengths(ngram_range)
        self.binary = flag("binary", binary)
        given = enumerate(strings(words, "words"))
        self.words = tuple(known_ngram(word, i, self.ngram_range) for i, word in given)
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
    def most_frequent(
        cls,
        texts: str | Iterable[str],
        size: int | None,
        *,
        min_df: int | float = 1,
        max_df: int | float = 1.0,
        ngram_range: tuple[int, int] = (1, 1),
        binary: bool = True,
    ) -> Vocabulary:
        """The `size` words that come most often in `texts`, the most frequent first.

        Of equally frequent words, the one seen first comes first; of one text, its words before its
        n-grams. Where the texts hold fewer different words than `size`, the vocabulary holds them
        all.

        Parameters
        ----------
        texts : str or iterable of str
            They are read once.
        size : int or None
            N, at least 1. None: all words that the texts hold.
        min_df, max_df : int or float
            The fewest and the most texts that hold a word, as scikit-learn has them: an int is a
            number of texts, a float a part of them, from 0 to 1.
        ngram_range, binary
            As for the class.

        Raises
        ------
        TypeError
            If a text is not a string, or an argument not of its type.
        ValueError
            If `size` is below 1, or the texts contain no word that is in enough of them and not in
            too many.

        Examples
        --------
        >>> from nnlib.text import Vocabulary
        >>> texts = ["Bon film !", "Mauvais film.", "Un bon film"]
        >>> Vocabulary.most_frequent(texts, 2)
        Vocabulary(['film', 'bon'])
        >>> Vocabulary.most_frequent(texts, None, min_df=2, max_df=0.9, ngram_range=(1, 2))
        Vocabulary(['bon', 'bon film'], ngram_range=(1, 2))
        """
        wanted = Wanted(size, min_df, max_df)
        return cls._learnt(texts, wanted, ngram_range, binary)[0]

    @classmethod
    def fit_encode(
        cls,
        texts: str | Iterable[str],
        size: int | None,
        *,
        min_df: int | float = 1,
        max_df: int | float = 1.0,
        ngram_range: tuple[int, int] = (1, 1),
        binary: bool = True,
    ) -> tuple[Vocabulary, csr_array]:
        """`most_frequent` of the texts, and the sparse vectors that it encodes them as.

        The texts are read once, so it takes half the time of the two calls.

        Parameters
        ----------
        texts, size, min_df, max_df, ngram_range, binary
            As for `most_frequent`.

        Returns
        -------
        Vocabulary, and scipy.sparse.csr_array of shape (n, N)

        Raises
        ------
        TypeError, ValueError
            As `most_frequent` does.
        ImportError
            If SciPy is missing.

        Examples
        --------
        >>> from nnlib.text import Vocabulary
        >>> vocabulary, X = Vocabulary.fit_encode(["Bon film !", "Mauvais film."], 2)
        >>> vocabulary, X.toarray()
        (Vocabulary(['film', 'bon']), array([[1., 1.],
               [1., 0.]]))
        """
        kind = csr_kind()
        wanted = Wanted(size, min_df, max_df)
        vocabulary, counts, chosen = cls._learnt(texts, wanted, ngram_range, binary)
        counts = renumbered(counts, chosen)
        return vocabulary, sparse_vectors(counts, len(vocabulary), vocabulary.binary, kind)

    def indices(self, text: str) -> list[int]:
        """The indices, from 1, of the known words in `text`, in the order of the text.

        A word that comes twice is listed twice. Words come before pairs of words, and so on.

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
        return [number for number in self._numbers(ngrams(text, self.ngram_range)) if number]

    def encode(self, texts: str | Iterable[str], sparse: bool = False) -> Any:
        """The vectors of `texts`, as rows: what `Network.F` takes as X.

        Parameters
        ----------
        texts : str or iterable of str
            One text or n of them, which are read once.
        sparse : bool
            Store only what is not 0, in memory proportional to the words of the texts. This needs
            SciPy.

        Returns
        -------
        array of float64, or scipy.sparse.csr_array, shape (n, N)
            1 where the text of the row contains the word of the column, however often; else 0.
            With ``binary=False`` how often it does. One text gives one row.

        Raises
        ------
        TypeError
            If a text is not a string.
        ValueError
            If a dense array would take more than the machine's memory.
        ImportError
            If `sparse` is true and SciPy is missing.

        Examples
        --------
        >>> from nnlib.text import Vocabulary
        >>> Vocabulary(["bon", "film"]).encode(["un film", "bon, très bon film"])
        array([[0., 1.],
               [1., 1.]])
        >>> X = Vocabulary(["bon", "film"], binary=False).encode(["bon bon film"], sparse=True)
        >>> X.shape, X.nnz, X.toarray()
        ((1, 2), 2, array([[2., 1.]]))
        """
        kind = csr_kind() if flag("sparse", sparse) else None
        counts = counted(texts_of(texts), self.ngram_range, self._numbers)
        if kind is None:
            return dense_vectors(counts, len(self), self.binary)
        return sparse_vectors(counts, len(self), self.binary, kind)

    def __len__(self) -> int:
        return len(self.words)

    def __iter__(self) -> Iterator[str]:
        return iter(self.words)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and lower(word) in self._index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.identity == other.identity

    def __hash__(self) -> int:
        return hash(self.identity)

    def __repr__(self) -> str:
        options = f", ngram_range={tuple(self.ngram_range)}" if self.ngram_range != (1, 1) else ""
        options += "" if self.binary else ", binary=False"
        shown = ", ".join(repr(word) for word in self.words[:10])
        if len(self) <= 10:
            return f"Vocabulary([{shown}]{options})"
        return f"Vocabulary([{shown}, …]{options}, {len(self)} words)"

    @property
    def identity(self) -> tuple[Any, ...]:
        """All that makes one vocabulary differ from another."""
        return self.words, self.ngram_range, self.binary

    @classmethod
    def _learnt(
        cls, texts: str | Iterable[str], wanted: Wanted, ngram_range: Any, binary: Any
    ) -> tuple[Vocabulary, Counts, NDArray[np.intp]]:
        """The vocabulary, the counts of all words of the texts, and the columns of its own."""
        wanted = wanted.checked()
        lengths, binary = ngram_lengths(ngram_range), flag("binary", binary)
        numbering = Everything()
        counts = counted(texts_of(texts), lengths, numbering)
        found = list(numbering.ngrams)
        if not found:
            raise ValueError("texts contains no word, wanted at least one")
        chosen = wanted.columns(counts, len(found))
        vocabulary = cls((found[i] for i in chosen), ngram_range=lengths, binary=binary)
        return vocabulary, counts, chosen

    def _numbers(self, found: list[str]) -> list[int]:
        """The index of each n-gram, 0 of an unknown one."""
        return list(map(self._index.get, found, repeat(0)))
