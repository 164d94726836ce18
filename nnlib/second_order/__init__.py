"""Descents that look at all examples before every step: L-BFGS and Levenberg-Marquardt.

The same options and examples go in as into `nnlib.training`, and a history comes out. `methods`
chooses one; `quasi_newton` and `least_squares` lay out its arrays, `minimised` is what both know of
the network, `slices` calls the compiled driver until it is done. `cuda` lets L-BFGS take its costs
and gradients from a GPU.
"""
