"""Many networks in one compiled call.

In `members` every thread takes one network after the other through the driver of
`kernels.training`, on examples that all share; in `windows` each has rows of its own. In `lanes`
sixteen small networks go through a descent together, one in each lane of a vector, with `dense` as
their layer.
"""
