"""Dropout: every unit's value is kept with probability p and divided by p, else 0.

It is a row of its own in the table of a descent, behind the layer that it thins. The mask is a
function of a key and the place in the block, not of a generator's state: so it is the same
for any number of threads, and a descent that is resumed draws it again.
Source: N. Srivastava et al., JMLR 15 (2014), in the inverted form; the mixing function is that of
splitmix64 (G. Steele et al., OOPSLA 2014).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..compile.jit import Vector, elementwise, kernel
from ..compile.memory import window
from .operations import DROPOUT, GEOMETRY_0, KEEP, OUTPUT, Layer, Row

REPEATS = GEOMETRY_0  # how many equal parts have one mask; 0 is 1

NO_DROPOUT = np.uint64(0)

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S32 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)
# Probabilities are whole numbers of 2^-32.
_WHOLE = 2**32


def row(units: int, probability: float, parameters: int, output: int, source: int) -> Row:
    """Table row of a dropout of `units` values, each dropped with this probability.

    Its workspace holds the mask.
    """
    return Row(
        kind=DROPOUT,
        activation=0,
        d_in=units,
        d_out=units,
        parameters=parameters,
        size=0,
        decayed=0,
        output=output,
        workspace=output + units,
        wide=0,
        sample_major=0,
        keep=kept_part(probability),
        source=source,
    )


def repeated(row: Row, repeats: int) -> Row:
    """The row with one mask for so many equal parts of the values, one behind the other."""
    return row._replace(geometry_0=repeats)


def kept_part(probability: float) -> int:
    """The probability that a value is kept, for the column `keep`, of that by which it is dropped.

    >>> kept_part(0.5) == 2**31
    True
    """
    return round((1 - probability) * _WHOLE)


@elementwise
def mix(number: Any) -> Any:
    """64 well mixed bits from 64 bits."""
    number = (number ^ (number >> _S30)) * _FIRST
    number = (number ^ (number >> _S27)) * _SECOND
    return number ^ (number >> _S31)


@elementwise
def block_key(seed: int, step: int, block: int) -> Any:
    """The key of one block of one step; never `NO_DROPOUT`."""
    key = mix(np.uint64(seed) + _GOLDEN * np.uint64(step))
    return mix(key + _GOLDEN * np.uint64(block)) | np.uint64(1)


@kernel
def forward(layer: Layer) -> None:
    """a_out ← mask ⊙ a_in; mask (d, lanes) is written: 1/p where a value is kept, else 0."""
    mask, row = layer.workspace, layer.row
    if layer.key == NO_DROPOUT:
        fill_mask(mask)
    else:
        width = mask.size // max(row[REPEATS], 1)
        draw_mask(window(mask, 0, width), key_of(layer), row[KEEP])
        for i in range(width, mask.size):
            mask[i] = mask[i - width]
    multiply(layer.a_out, mask, layer.a_in)


@kernel
def key_of(layer: Layer) -> Any:
    """The layer's key in its block."""
    return layer_key(layer.key, layer.row[OUTPUT])


@elementwise
def layer_key(key: Any, output: int) -> Any:
    """The key of a layer in a block with this key: layers differ by where their outputs lie."""
    return key + _GOLDEN * np.uint64(output)


@elementwise
def bits_at(key: Any, place: int) -> Any:
    """The 32 random bits of a value, by its place in the layer's block."""
    return mix(key ^ (np.uint64(place) * _GOLDEN)) >> _S32


@elementwise
def scale_of(keep: int) -> float:
    """1/p, what a value that is kept is multiplied with."""
    return _WHOLE / keep


@elementwise
def fill_mask(mask: Vector) -> None:
    """Keep everything as it is."""
    for i in range(mask.size):
        mask[i] = 1


@elementwise
def draw_mask(mask: Vector, key: Any, keep: int) -> None:
    """mask_i ← 1/p if 32 random bits are below p · 2^32, else 0."""
    scale = mask.dtype.type(scale_of(keep))
    zero = mask.dtype.type(0)
    limit = np.uint64(keep)
    for i in range(mask.size):
        mask[i] = scale if bits_at(key, i) < limit else zero


@elementwise
def multiply(out: Vector, mask: Vector, values: Vector) -> None:
    """out ← mask ⊙ values."""
    for i in range(out.size):
        out[i] = mask[i] * values[i]


@kernel
def delta(layer: Layer) -> None:
    """δ_in ← mask ⊙ δ_out."""
    multiply(layer.delta_in, layer.workspace, layer.delta_out)
