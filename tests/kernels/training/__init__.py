"""Tests of `kernels.training`: what a descent does after a batch and after an epoch.

Costs, stopping and learning rates are held against the values that their rules give. Whole
descents are tested in `tests.training`.
"""
