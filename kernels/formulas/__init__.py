"""The formulas of the field, each written once for the processor and for GPUs.

Scalars go in and come out: elementary functions, activations, losses and steps of optimizers, with
the loops over a layer or a part of the parameters beside them. `loss_families` makes losses with
parameters, `custom` those and activations from the user's functions, which `frozen` makes
independent of all else; `registry` says which code they have. `shuffle` draws random numbers and
the order of the examples.
"""
