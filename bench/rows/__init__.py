"""The tables of all rows: which problem is computed by which program.

`builders` makes rows of the problems of `bench.problems` and of `bench.programs`. Files such as
`graphs` and `images` hold the rows of one subject, and `workloads` joins them into the table that
`bench.measure` times. `scaling` and `reaching` are tables of their own.
"""
