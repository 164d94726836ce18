"""Masks of sequences: a number for each step, and the step counts where that is not 0.

A masked layer is called with a value and its mask. The mask is data: an input of its own, or the
whole numbers of an embedding, of which 0 stands for padding. This row brings the mask to the place
in the buffer where the masked layer's own row looks for it.
"""

from __future__ import annotations

from ..compile.jit import Vector, elementwise, kernel
from .operations import MASK, Layer, Row
from .pooling import clear


def row(time: int, output: int, source: int) -> Row:
    """Table row of a ← 1 where x ≠ 0, else 0, for all steps of a sequence.

    Parameters
    ----------
    time : int
        How many steps there are.
    output : int
        First unit of the activation buffer that it writes: `time` units.
    source : int
        Where the mask lies, see `Row.source`.
    """
    return Row(
        kind=MASK, activation=0, d_in=time, d_out=time, parameters=0, size=0, decayed=0,
        output=output, workspace=output, wide=0, sample_major=0, keep=0, source=source,
    )  # fmt: skip


@elementwise
def forward(layer: Layer) -> None:
    """a_out ← 1 where a_in is not 0, else 0; both are (time, lanes)."""
    out, x = layer.a_out, layer.a_in
    one, zero = out.dtype.type(1), out.dtype.type(0)
    for i in range(out.size):
        out[i] = one if x[i] != zero else zero


@kernel
def delta(layer: Layer) -> None:
    """δ_in ← 0: a step counts or does not, and there is nothing to derive between."""
    clear(layer.delta_in)


@kernel
def left_out(mask: Vector) -> int:
    """How many steps of examples do not count."""
    missing, zero = 0, mask.dtype.type(0)
    for i in range(mask.size):
        missing += mask[i] == zero
    return missing
