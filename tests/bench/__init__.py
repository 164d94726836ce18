"""Tests of `bench`: its programs, its clock, its counts of operations and its report.

Programs of one row are held against each other: all must make the same steps. Counts are held
against counts by hand on small shapes, and the report against made-up records.
"""
