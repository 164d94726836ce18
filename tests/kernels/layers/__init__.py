"""Tests of `kernels.layers`: each kind of layer on blocks of samples, and the operation table.

Forward values, deltas and gradients are held against one formula each in NumPy, convolutions
against direct sums in float64.
"""
