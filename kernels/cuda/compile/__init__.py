"""Python functions go in, code for a GPU comes out.

`jit` holds the decorators; no other file imports Numba's CUDA. `instructions` are those for which
Numba has no name, `emulation` their meaning for the simulator. `memory` addresses shared memory,
and `graph` records launches so that they can be given to the GPU again.
"""
