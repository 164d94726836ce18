"""Tests of `bench.gpu` that need no GPU: programs, timing, jobs and report.

The programs run on the processor, and their results are held against float64's. The clock,
the jobs and the report are tested with made-up times and rows.
"""
