"""Every system of the lecture, one call each.

Those with data give a `System`, which trains with the lecture's settings when it runs; the others
give a `Network` with its weights set. `read_reviews` gives the lecture's film reviews, of which
`examples/imdb.py` makes the network of thousands of words.

=========================  =======================================================  ===========
call                       what it is                                               gives
=========================  =======================================================  ===========
`blood_pressure`           linear regression, one input                             `System`
`diabetes_progression`     linear regression, two inputs                            `System`
`breast_cancer`            logistic regression, thirty inputs                       `System`
`perceptron`               H(x − 2y + 1)                                            `Network`
`xor`                      XOR out of three Heaviside neurons                       `Network`
`layers_3_3_4_2_1`         31 weights, 10 biases                                    `Network`
`exercise`                 the seven coefficients between blue and red points       `System`
`film_reviews`             ten words, one sigmoid neuron: is the review positive?   `System`
=========================  =======================================================  ===========

Examples
--------
>>> from nnlib import course
>>> system = course.exercise()
>>> history = system.run(epochs=300)
>>> history.J[[0, 100, 200]].round(6)
array([4.3     , 4.258938, 4.228161])
>>> course.xor().F([[0, 0], [0, 1], [1, 0], [1, 1]]).ravel()
array([0., 1., 1., 0.])
"""

from __future__ import annotations

from .exercise import exercise, exercise_data
from .neurons import layers_3_3_4_2_1, perceptron, xor
from .reviews import (
    LECTURE_REVIEWS,
    TEN_WORDS,
    Reviews,
    WordEffect,
    film_reviews,
    invented_reviews,
    read_all_reviews,
    read_reviews,
    word_effects,
)
from .system import System
from .tables import blood_pressure, breast_cancer, diabetes_progression

__all__ = [
    "LECTURE_REVIEWS",
    "TEN_WORDS",
    "Reviews",
    "System",
    "WordEffect",
    "blood_pressure",
    "breast_cancer",
    "diabetes_progression",
    "exercise",
    "exercise_data",
    "film_reviews",
    "invented_reviews",
    "layers_3_3_4_2_1",
    "perceptron",
    "read_all_reviews",
    "read_reviews",
    "word_effects",
    "xor",
]
