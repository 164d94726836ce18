"""Tests of `nnlib.data`: sources of rows, and reading ahead.

The parts of a source are held against the rows of the array from which it was made. Reading ahead
must keep the order, pass errors on, and leave no thread behind.
"""
