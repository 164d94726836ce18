"""Many networks in one compiled call.

In `members` every thread takes one network after the other through the driver of
`kernels.training`. In `lanes` sixteen small networks go through a descent together, one in each
lane of a vector, with `dense` as their layer.
"""
