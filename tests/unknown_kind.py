"""Tables with a layer of a kind that no way to compute knows, for the tests of refusals."""

from __future__ import annotations

from nnlib.kernels.layers.kinds import KINDS
from nnlib.kernels.layers.operations import build_table, rows_of

KIND = max(KINDS) + 1
NAME = f"number {KIND}"


def with_unknown_kind(table):
    """The table with the last layer's kind unknown; all else is as in the table."""
    *rows, last = rows_of(table)
    return build_table([*rows, last._replace(kind=KIND)])
