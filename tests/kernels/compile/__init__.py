"""Tests of `kernels.compile`: decorators, the cache on disk, calls by address, interruptions.

Vectors are held against NumPy's arrays. Damaged or outdated caches must change no result, and an
interruption must reach the caller without spoiling the compilation.
"""
