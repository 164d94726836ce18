"""Tests of `kernels.network`: whole networks on blocks, forward and backward.

Values and gradients are held against the oracle. The other tests hold how batches are cut,
tables linked, and samples moved into blocks and back.
"""
