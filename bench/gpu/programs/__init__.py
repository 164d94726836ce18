"""nnlib and its peers on a GPU, or on the processor where the tests ask whether they are right.

A case of `bench.gpu.measure.cases` goes in, and a program that trains it comes out. PyTorch's
programs share the steps of `pytorch_steps`.
"""
