"""Tests of losses with settings, and of losses and activations of the user's own.

Losses are held against the oracle, central differences and PyTorch; formulas of the user's own
against the built-in ones. `cases` holds losses with fitting networks and data, and `own` is a
module as a user writes it.
"""
