"""nnlib and its peers on a GPU, or on the processor where the tests ask whether they are right."""
