"""A whole descent in one compiled call: epochs, batches, steps.

`descent` is the driver. A batch is cut into chunks, which the members of a team share; each chunk's
gradient comes from `kernels.network`. `update` adds the gradients up and steps the parameters, part
by part. `stopping` decides what an epoch's cost means. `unrolled` writes a driver of its own for a
small network.
"""
