"""Text to vectors: which words of a vocabulary a text contains, or how often.

`Vocabulary` is the class for users. `words` cuts texts into words and n-grams, `counts` counts them
in one pass over the texts, `wanted` chooses the most frequent, `vectors` makes matrices of counts.

scikit-learn's CountVectorizer makes such vectors too, but knows neither the order of the words in
a text nor words of one letter by default. What it makes is taken by a network as it is.
"""

from __future__ import annotations

from .vocabulary import Vocabulary

__all__ = ["Vocabulary"]
