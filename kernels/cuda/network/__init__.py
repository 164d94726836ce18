"""The twins of `kernels.network`: one tile of samples through a whole network, and back.

`problem` packs the arrays of a descent into three buffers, since a launch takes time for every
array that it is given.
"""
