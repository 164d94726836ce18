"""The twin of `kernels.second_order.lbfgs`: its own source, run by a block of threads."""
