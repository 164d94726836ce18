"""One block of samples through a whole network, and back.

`cut` decides how large a block is, `blocks` turns rows of X into columns, `propagate` walks the
table of operations forward and then backward. `problem` groups the arrays of a descent and makes
the pass of one block; `evaluate` goes over a whole data set for F, J and derJ, `values` gives what
the layers compute on the way and ∂F/∂x.
"""
