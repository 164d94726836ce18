"""The kinds of layer, one file for each: activations of a layer go in, those of the next come out.

`operations` defines the row of integers by which a table names a layer, its parameters and its
buffers. Each kind has `forward`, `delta` and `gradient` on one block of samples.
"""
