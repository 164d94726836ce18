"""Tests of `kernels.compile`: decorators, the cache on disk, calls by address, interruptions.

Compiled results are held against the same Python source, and vectors against NumPy's arrays.
Damaged or outdated caches must change no result.
"""
