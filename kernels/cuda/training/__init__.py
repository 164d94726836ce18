"""The twins of `kernels.training`: descents on a GPU.

Narrow networks take whole descents in one launch (`descent`, and `unrolled` with a thread for each
network). With much data the blocks of a grid share a batch (`steps`). `epoch` begins and ends
epochs for both, `update` steps the parameters.
"""
