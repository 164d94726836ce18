"""Tests of `nnlib.checks`: what users may give, and the errors for what they may not.

Accepted data are held against the plain array that they mean. Refusals are held against their
messages, which must name the argument, what came and what was wanted.
"""
