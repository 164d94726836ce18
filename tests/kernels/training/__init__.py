"""Tests of `kernels.training`: what a descent does after a batch and after an epoch.

Batches, costs and the last epoch are held against values by hand. Whole descents are tested in
`tests.training`, against the oracle.
"""
