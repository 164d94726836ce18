"""Hostile files, made at random: ``python -m tests.fuzz --seconds 60``.

`networks` changes bytes in the file of a small network, and `checkpoints` writes wrong content
with a right digest. A file must load as it should or be refused by an error of its own kind.
"""
