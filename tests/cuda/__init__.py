"""Tests of the kernels for GPUs, on Numba's simulator where there is no GPU.

Results are held against those of the CPU, and products against float64. `schedule` runs the
simulator's threads in orders of its own, and `watched_memory` notices races and bad accesses.
`compile_kernels` compiles every kernel for compute capability 9.0 without a GPU.
"""
