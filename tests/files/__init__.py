"""Tests of `nnlib.files`: arrays in files, writing, locks and format versions.

What is read must have the bits of what was written, whatever fails in between. `faults` injects
one failure at a time into calls of the system and allocations. `old_files` describes the files of
released format versions, which must load for ever.
"""
