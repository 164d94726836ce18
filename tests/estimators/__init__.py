"""Tests of `nnlib.estimators`, held against scikit-learn.

Fits, scores and searches are compared with those of scikit-learn's multilayer perceptrons.
scikit-learn's own checks of estimators run here too, and its own tests of its perceptrons.
"""
