"""Called functions for Python: what kernels call at an address, with NumPy's arrays."""

from __future__ import annotations

import functools

import numpy as np

from nnlib.kernels.compile.jit import entry
from nnlib.kernels.layers.operations import LAYER_CONTRACT, Layer


@functools.cache
def _caller(contract, count):
    """An entry that calls at an address with so many arguments."""
    call = contract.call
    if count == 1:

        @entry
        def one(address, a):
            return call(address, a)

        return one
    if count == 2:

        @entry
        def two(address, a, b):
            return call(address, a, b)

        return two
    if count == 3:

        @entry
        def three(address, a, b, c):
            return call(address, a, b, c)

        return three

    @entry
    def four(address, a, b, c, d):
        return call(address, a, b, c, d)

    return four


def run(contract, function, *arguments, dtype=None):
    """What the kernel returns, called by address for networks of the first argument's dtype."""
    address = contract.address(function, dtype or arguments[0].dtype)
    return _caller(contract, len(arguments))(address, *arguments)


def run_layer(function, layer):
    """A kernel of a kind of layer on its `Layer`."""
    return run(LAYER_CONTRACT, function, layer, dtype=layer.parameters.dtype)


def layer_of(row, dtype, lanes, **windows):
    """A `Layer` whose windows are empty but for those given."""
    empty = np.empty(0, dtype)
    names = ("parameters", "a_in", "a_out", "workspace", "delta_out", "delta_in", "gradient")
    others = {"accumulate": False, "key": np.uint64(0), **windows}
    return Layer(row=row, lanes=lanes, **dict.fromkeys(names, empty) | others)
