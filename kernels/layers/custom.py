"""Kinds of layer of the user's own: three Python functions on a `Layer`.

They are frozen as formulas are (`formulas.frozen`), so that their machine code can be kept on disk
under a digest of all that they depend on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..compile.jit import entry
from ..formulas.custom import one_line
from ..formulas.frozen import freeze
from ..formulas.registry import code_of, digest_of
from .kinds import KINDS, Kind
from .operations import LAYER_CONTRACT, Layer, Row

call_layer = LAYER_CONTRACT.call


def own_kind(name: str, forward: Any, delta: Any, gradient: Any) -> tuple[int, str]:
    """Code and digest of a kind of layer; gradient is None for one without parameters.

    Raises
    ------
    TypeError
        If one of them cannot be compiled; the message says why.
    """
    functions = {"forward": forward, "delta": delta, "gradient": gradient}
    given = {key: function for key, function in functions.items() if function is not None}
    frozen = {
        key: freeze(key, function, 1, "argument, the layer") for key, function in given.items()
    }
    digest = digest_of("layer", name, *(f"{key} {own.digest}" for key, own in frozen.items()))
    code = code_of(digest)
    for key, own in frozen.items():
        try:
            LAYER_CONTRACT.address(own.formula, np.float64)
        except Exception as error:  # Numba lets some of Python's own errors through
            raise TypeError(f"{key} does not compile: {one_line(error)}") from None
    formulas = {key: own.formula for key, own in frozen.items()}
    KINDS.setdefault(
        code, Kind(name, formulas["forward"], formulas["delta"], formulas.get("gradient"))
    )
    return code, digest


def row(code: int, d_in: int, d_out: int, size: int, decayed: int, output: int) -> Row:
    """Table row; its workspace has as many units as its output. The caller adds where it reads."""
    return Row(
        kind=code, activation=0, d_in=d_in, d_out=d_out, parameters=0, size=size, decayed=decayed,
        output=output, workspace=output + d_out, wide=0, sample_major=0, keep=0,
        weight_rows=1 if decayed else 0, row_weights=decayed, work=max(size, d_out),
        learns=int(size > 0),
    )  # fmt: skip


@entry
def _run(address: int, layer: Layer) -> None:
    call_layer(address, layer)


def run(function: Any, layer: Layer) -> None:
    """One of a kind's functions on a layer whose windows are arrays of float64."""
    _run(LAYER_CONTRACT.address(function, np.float64), layer)
