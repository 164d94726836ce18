"""Benchmarks: the lecture's own programs, the peers and the physical limit, in one run.

``python -m bench`` times every row of the table in `bench.rows.workloads` and writes the report.
"""
