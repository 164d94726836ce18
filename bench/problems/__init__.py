"""What is computed: networks with their data, starts and costs to reach, and the work in them.

A `Workload` names a problem, its implementations, and when two results are equal.
"""
