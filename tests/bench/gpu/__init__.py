"""Tests of `bench.gpu` that need no GPU: programs, timing, jobs and report.

The programs run on the processor, and their results are held against float64's. Timing is
tested with clocks of the tests' own, and the report with made-up rows.
"""
