"""Tests of `kernels.second_order`: L-BFGS, Levenberg-Marquardt and their parts.

The Jacobian is held against central differences, the Cholesky factorisation against NumPy's, and
a line search against the strong Wolfe conditions. The drivers are tested step by step.
"""
