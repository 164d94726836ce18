"""The kernels' CUDA twins: same names, same leading arguments, the same formulas.

Nothing here is imported before a GPU is asked for.
"""
