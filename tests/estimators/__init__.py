"""Tests of `nnlib.estimators`, held against scikit-learn.

Fits, scores and searches are compared with those of scikit-learn's multilayer perceptrons.
Its own checks of estimators and its own tests of its perceptrons run here too.
"""
