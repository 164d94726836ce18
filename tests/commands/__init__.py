"""Tests of `nnlib.commands`: what each command prints and writes, and its exit status.

Commands run at small sizes, and their output is held against what the command promises. After
``warm-up``, later calls must find everything compiled.
"""
