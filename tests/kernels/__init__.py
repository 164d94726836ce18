"""Tests of `kernels`, in folders that mirror its own: compiled functions, each on its own.

Results are held against naive NumPy, multiple precision or central differences. `calling` lets
Python call the functions that kernels call by address.
"""
