"""The twin of `kernels.second_order.lbfgs`: its own source, run by a block of threads.

Packed problems of `kernels.cuda.network.problem` go in, one for each block. `lbfgs` asks
`network` for the cost and the gradient, and runs the CPU's method with vector loops of the block.
Whole descents come out of one launch.
"""
