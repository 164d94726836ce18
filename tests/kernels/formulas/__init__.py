"""Tests of `kernels.formulas`: activations, losses, optimizers and random numbers.

Values are held against multiple precision and the oracle, derivatives against central
differences too. `shuffle_reference` holds the random numbers in plain Python integers, written
from the papers.
"""
