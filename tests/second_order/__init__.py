"""Tests of `nnlib.second_order`: L-BFGS and Levenberg-Marquardt on whole problems.

Results are held against SciPy, the lecture's numbers and the oracle's gradients and Jacobian.
`full_batches` runs the optimizers on a network and watches their steps.
"""
