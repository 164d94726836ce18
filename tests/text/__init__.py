"""Tests of `nnlib.text`: texts to 0/1 vectors, counts and n-grams.

Vectors are held against the lecture's ten-word example and against scikit-learn's
CountVectorizer. Networks must give the same for sparse vectors as for dense ones.
"""
