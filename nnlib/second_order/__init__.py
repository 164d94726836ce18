"""Descents that look at all examples before every step: L-BFGS and Levenberg-Marquardt.

The same options and examples go in as into `nnlib.training`, and a history comes out. `methods`
lays out the arrays of each method, `slices` calls its compiled driver until it is done. `cuda` lets
L-BFGS take its costs and gradients from a GPU.
"""
