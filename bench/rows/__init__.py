"""The tables of all rows: which problem is computed by which program."""
