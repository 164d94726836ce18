"""Tests of `nnlib.machine`: processors, the pool of threads and the size of a team.

Results must have the same bits for any number of threads. Processors and clocks are made for the
tests. `teams` sets sizes that are not left to the machine, and makes threads fail.
"""
