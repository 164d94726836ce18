"""Tests of `nnlib.model`: what a network computes, shows and saves without training.

F, J and derJ are held against the oracle and central differences, losses against scikit-learn
and PyTorch. Files must bring everything back or be refused. `loss_cases` holds networks and data
for the tests of losses.
"""
