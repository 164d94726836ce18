"""What a network computes: x goes in, F(x) comes out.

`arguments` checks what describes a network: sizes, activations, loss; `formulas` knows the last two
by their names and as objects. `architecture` is all that as one value, made of the `layers`, and
owns what follows from it: the table of operations, the shapes, the place of each W and b among the
parameters. The table, with one flat vector of parameters from `initializers`, is the network.
`function` hands both to the kernels, with the examples, and gets F, J and derJ back. `saving` puts
a network into a file and takes it out again, `saved_formulas` its losses and activations; `device`
knows which of them a GPU has.
"""
