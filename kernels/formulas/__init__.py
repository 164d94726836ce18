"""The formulas of the field, each written once for the processor and for GPUs.

Scalars go in and come out: elementary functions, activations, losses and steps of optimizers, with
the loops over a layer or a part of the parameters beside them. `shuffle` draws random numbers and
the order of the examples.
"""
