"""Texts to words, and words to n-grams.

A word is a run of letters, digits and underscores, in lower case, accents kept: "L'été" holds the
words "l" and "été". Punctuation separates words and is dropped. An n-gram is n words that follow
each other, with a space between.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..checks.values import shown, whole_number

_WORD = re.compile(r"\w+")
# For texts of ASCII alone, each character in lower case, or a space where it is in no word.
_LOWER_ASCII = "".join(chr(code).lower() if _WORD.match(chr(code)) else " " for code in range(128))


class Lengths(NamedTuple):
    """The fewest and the most words of an n-gram: scikit-learn's ngram_range."""

    low: int
    high: int


def ngram_lengths(value: object) -> Lengths:
    """The pair of whole numbers that ngram_range is.

    Raises
    ------
    TypeError, ValueError
        If it is none, or the second is below the first.

    Examples
    --------
    >>> ngram_lengths((1, 2))
    Lengths(low=1, high=2)
    """
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(
            "ngram_range must be two numbers of words, the fewest and the most, such as (1, 2); "
            f"got {shown(value)}"
        )
    low = whole_number("ngram_range[0]", value[0], 1)
    return Lengths(low, whole_number("ngram_range[1]", value[1], low))


def lower(text: str) -> str:
    """Lower case, composed (NFC): "é" may also come as "e" and an accent, which is no letter.

    >>> lower("ÉTE\u0301")
    'été'
    """
    return unicodedata.normalize("NFC", text.lower())


def split(text: str) -> list[str]:
    """The words of a text in their order.

    >>> split("L'été, encore !")
    ['l', 'été', 'encore']
    """
    if text.isascii():
        # The same words in half the time.
        return text.translate(_LOWER_ASCII).split()
    return _WORD.findall(lower(text))


def ngrams(text: str, lengths: Lengths) -> list[str]:
    """The n-grams of a text: those of the fewest words first, each length in the text's order.

    >>> ngrams("un bon film", Lengths(1, 2))
    ['un', 'bon', 'film', 'un bon', 'bon film']
    """
    words = split(text)
    if lengths == (1, 1):
        return words
    found: list[str] = []
    for length in range(lengths.low, lengths.high + 1):
        shifted = [words[first:] for first in range(length)]
        found += map(" ".join, zip(*shifted, strict=False))
    return found


def known_ngram(given: str, position: int, lengths: Lengths) -> str:
    """An entry of a vocabulary as `ngrams` finds it in a text.

    Raises
    ------
    ValueError
        If it is no n-gram of a length in the range.

    Examples
    --------
    >>> known_ngram("Très bien", 0, Lengths(1, 2))
    'très bien'
    """
    known = lower(given)
    words = known.split(" ")
    if all(map(_WORD.fullmatch, words)) and lengths.low <= len(words) <= lengths.high:
        return known
    wanted = "one word without space or sign"
    if lengths != (1, 1):
        wanted = f"{lengths.low} to {lengths.high} words without sign, one space between"
    raise ValueError(f"words[{position}] is {given!r}, wanted {wanted}")


def texts_of(texts: str | Iterable[str]) -> Iterator[str]:
    """The texts one by one; a lone string is one text.

    >>> list(texts_of("bon film"))
    ['bon film']
    """
    return iter([texts]) if isinstance(texts, str) else strings(texts, "texts")


def strings(values: Iterable[str], name: str) -> Iterator[str]:
    """The values one by one, checked; a lone string would be an iterable of its letters.

    Raises
    ------
    TypeError

    Examples
    --------
    >>> list(strings(["bon", 3], "words"))
    Traceback (most recent call last):
    ...
    TypeError: words[1] is 3 (int), wanted a string
    """
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        kind = type(values).__name__
        raise TypeError(f"{name} is {values!r} ({kind}), wanted a list of strings")
    for i, value in enumerate(values):
        if not isinstance(value, str):
            kind = type(value).__name__
            raise TypeError(f"{name}[{i}] is {value!r} ({kind}), wanted a string")
        yield value
