"""Tests of `kernels.threads`: the team that shares the tasks of a phase.

Each task must run once, whichever thread takes it, and no thread may wait for idle ones. The
kernels of the tests record who ran which task, and the records are checked.
"""
