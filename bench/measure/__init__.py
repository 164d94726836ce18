"""The clock: rows go in, pytest-benchmark's record comes out.

The results of a row are compared with the others' before its time is taken.
"""
