"""Text: is a film review positive? The lecture's ten-word vocabulary with a sigmoid neuron."""

from __future__ import annotations

import numpy as np

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
