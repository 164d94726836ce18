"""Tests of `nnlib.training`: descents, their options, checkpoints and ends.

Steps are held against the oracle and PyTorch. A descent that was interrupted or killed must go on
with the same bits: `interruptions`, `interrupted_descents`, `killed_descents` and `checkpointed`
hold what those tests share.
"""
