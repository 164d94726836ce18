"""The implementations that are timed: nnlib, its peers, the lecture's programs, and C.

A problem of `bench.problems` and a dtype go in. Most files have ``descent(problem, dtype)``, which
returns the function to time, and some have ``forward``. `bench.rows` chooses the programs of each
row, and the tests compare their results.
"""
