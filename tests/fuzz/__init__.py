"""Hostile files, made at random: ``python -m tests.fuzz --seconds 60``.

`networks` changes bytes in the file of a small network, and `checkpoints` writes wrong content
with a right digest. Each file must give the right network or descent, or be refused by name.
"""
