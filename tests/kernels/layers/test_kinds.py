"""Kinds of layer by name, and tables that a way to compute does not know."""

from __future__ import annotations

from nnlib.kernels.formulas import activations
from nnlib.kernels.layers import dense, dropout
from nnlib.kernels.layers.kinds import unknown_kind
from nnlib.kernels.layers.operations import DENSE, DROPOUT, build_table
from tests.unknown_kind import NAME, with_unknown_kind


def test_an_unknown_kind_is_named():
    table = build_table(
        [dense.row(2, 3, activations.CODES["tanh"], 0, 0, -1), dropout.row(3, 0.5, 9, 3, 0)]
    )
    assert unknown_kind(table, (DENSE, DROPOUT)) is None
    assert unknown_kind(table, (DENSE,)) == "dropout"
    assert unknown_kind(with_unknown_kind(table), (DENSE, DROPOUT)) == NAME
