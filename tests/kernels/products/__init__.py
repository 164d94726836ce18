"""Tests of `kernels.products`: matrix products, tiles, and sums over channels.

Results are held against NumPy's, in every shape at which tiles or blocks end.
"""
