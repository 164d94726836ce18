"""Tests of `nnlib.cluster`: work in parts, on real workers.

Populations on Ray, Dask, joblib and executors must have the bits of one process, also where
workers are killed. `conftest` starts each cluster once for a session. `jobs` holds the work and
the comparisons of all engines; workers import it too.
"""
