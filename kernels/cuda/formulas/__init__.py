"""The formulas of `kernels.formulas`, compiled for a thread of a GPU.

Only the loops over elements are written here: a thread takes every so-many-th of them.
"""
