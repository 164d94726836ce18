"""The twins of `kernels.layers`: a layer on one tile of samples, by one block of threads.

`kernels.cuda.network` calls a layer with its row of the operation table, the parameters and the
tile's values. `dense` computes z = W a + b by `products`, and backward the delta and the gradient.
`dropout` makes the CPU's masks, whatever the size of the tile.
"""
