"""Python functions go in, machine code comes out.

The decorators of `jit` compile every kernel; `compiler` changes Numba's compiler so that code is
optimised once, in the entry that links it. `memory` gives compiled code windows on flat buffers.
`vector_code` writes instructions on LLVM's vectors, `registers` says how many of them a processor
holds, and `vectors` makes a vector of sixteen numbers a type of its own.
"""
