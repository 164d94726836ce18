"""The implementations that are timed: nnlib, its peers, the lecture's programs, and C.

A problem of `bench.problems` and a dtype go in: most files have ``descent(problem, dtype)``, and
some have ``prediction``. The run that comes out is the function to time. `bench.rows` chooses the
programs of each row, and the tests compare their results.
"""
