"""What the threads of one block compute together: copies, sums, and products in shared memory.

`block` copies, fills and adds up. `block_product` multiplies with a thread for each part of the
result, `warp_product` with tensor cores.
"""
