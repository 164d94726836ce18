"""The twins of `kernels.layers`: a layer on one tile of samples, by one block of threads."""
