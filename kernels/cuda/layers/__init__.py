"""The twins of `kernels.layers`: a layer on one tile of samples, by one block of threads.

`kernels.cuda.network` gives a layer views of its row, its parameters and the tile's values, a
`Layer` of `operations`. `dense` computes z = W a + b by `products`, and backward the delta and the
gradient. `dropout` makes the CPU's masks, whatever the size of the tile.
"""
