"""Elements of shared memory by their address, for the inner loops of products.

Numba's own indexing takes five to nine instructions for each element. It adds the length to an
index that might be negative, in 64 bits. Where the compiler cannot see in which memory a vector
lies, the load finds the memory by the address. An address in shared memory has 32 bits, and going
on to the next element is one addition.

Under the simulator an address is an index.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from ...compile.internals import data_of, ir
from ...compile.jit import Vector
from .jit import SIMULATED

_SHARED = 3  # the number of the address space
_ADDRESS = ir.IntType(32)


def _item(context: Any, vector: Any) -> Any:
    """Bytes of an element."""
    return ir.Constant(_ADDRESS, context.get_abi_sizeof(context.get_data_type(vector.dtype)))


def _address(typingctx: Any, vector: Any, place: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = data_of(context, builder, vector, arguments[0])
        there = ir.PointerType(data.type.pointee, _SHARED)
        first = builder.ptrtoint(builder.addrspacecast(data, there), _ADDRESS)
        offset = builder.mul(builder.trunc(arguments[1], _ADDRESS), _item(context, vector))
        return builder.add(first, offset)

    return types.uint32(vector, types.intp), build


def _distance(typingctx: Any, vector: Any, elements: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.mul(builder.trunc(arguments[1], _ADDRESS), _item(context, vector))

    return types.uint32(vector, types.intp), build


def _element(typingctx: Any, vector: Any, address: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        there = ir.PointerType(context.get_data_type(vector.dtype), _SHARED)
        return builder.load(builder.inttoptr(arguments[1], there))

    return vector.dtype(vector, types.uint32), build


def _index(vector: Any, place: Any) -> Any:
    return np.uint32(place)


def _indexed(vector: Any, address: Any) -> Any:
    return vector[address]


# The address of an element of a vector; how far so many elements are apart; the element at an
# address.
address: Callable[[Vector, int], Any] = _index if SIMULATED else intrinsic(_address)
distance: Callable[[Vector, int], Any] = _index if SIMULATED else intrinsic(_distance)
element: Callable[[Vector, Any], Any] = _indexed if SIMULATED else intrinsic(_element)
