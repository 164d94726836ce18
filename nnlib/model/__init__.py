"""What a network computes: x goes in, F(x) comes out.

`architecture` turns sizes, activations and loss into the rows of the operation table. The table,
with one flat vector of parameters from `initializers`, is the network. `function` hands both to the
kernels, with the examples, and gets F, J and derJ back. `saving` puts a network into a file and
takes it out again.
"""
