"""Tests of `kernels.threads`: the team that shares the tasks of a phase.

Each task must run once, in its phase, whichever thread takes it, and no thread may wait for idle
ones. The tests hold this against records of the tasks that ran.
"""
