"""Compiled code: arrays come in and are written in place; nothing else comes or goes.

`training` takes a whole descent. It cuts a batch into chunks and sends each, block by block,
through `network`, which walks the table of operations and calls `layers`. These are made of
`products` and `formulas`. `second_order` and `population` are other ways of training over the same
blocks. Python functions become machine code in `compile`, and `cuda` holds the twins for GPUs.

Kernels allocate nothing, check nothing and know nothing of nnlib's classes.
"""
