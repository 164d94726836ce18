"""Tests of `nnlib.figures`: the lecture's curve, filters and activations as pictures.

The tests read the drawn figures again: their points, lines and images are held against the
arrays that were given.
"""
