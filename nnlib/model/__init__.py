"""What a network computes: x goes in, F(x) comes out.

`description` takes what a user says of a network, `arguments` checks it. `graph` says which layer
reads which, `rows` lays them out as a table of operations, and `architecture` is all that as one
value, which owns the shapes and the place of each array among the parameters. The table, with one
flat vector of parameters from `initializers`, is the network. `function` hands both to the kernels,
with the examples, and gets F, J and derJ back; `ports` does for several inputs and outputs what is
needed there. `insight` shows the network: its summary, the values of its layers, ∂F/∂x. `saving`
puts it into a file and takes it out again, with its graph (`graph_json`) and its losses and
activations (`saved_formulas`); `device` knows which of these a GPU has.
"""
