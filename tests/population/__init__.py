"""Tests of `nnlib.population`: `train_many`, its result, folds, groups and files.

Each member is held against the same network trained alone, mostly bit by bit. `cases` holds the
shared data and that network.
"""
