"""Functions called by address: each is compiled and kept by itself, where something uses it.

A kernel is compiled anew in every entry that calls it, and all branches of a ladder are compiled
where one is used: a first descent of sigmoids made the code of ten activations, seven losses and
of the products of wide layers, half of its nine seconds. A called function is compiled once for
each dtype, when a table first names it, and every entry, in this process and in the next ones,
calls the same code. What calls it is compiled without it. The call takes 1 to 3 ns.

All functions that may stand in one place have one `Contract`. A user's own function fits in as
well as the library's.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import from_dtype, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

from .jit import entry

# What a contract's parameters are, by letter.
_VECTOR, _INTEGERS, _DOUBLES = "v", "r", "d"  # arrays: of the network's dtype, int64, float64
_WORDS = "u"  # uint64 arrays
_ARRAYS = {_INTEGERS: types.int64, _DOUBLES: types.float64, _WORDS: types.uint64}
_SCALARS = {"i": types.int64, "f": types.float64, "k": types.uint64}


def _vector(typingctx: Any, place: Any, size: Any) -> Any:
    """The 1-D array of `size` elements that begins at the pointer."""
    kind = types.Array(place.dtype, 1, "C")

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        result = arrayobj.make_array(kind)(context, builder)
        item = context.get_constant(types.intp, context.get_abi_sizeof(result.data.type.pointee))
        arrayobj.populate_array(
            result,
            data=builder.bitcast(arguments[0], result.data.type),
            shape=cgutils.pack_array(builder, [arguments[1]]),
            strides=cgutils.pack_array(builder, [item]),
            itemsize=item,
            meminfo=None,
        )
        return result._getvalue()

    return kind(place, types.intp), build


vector: Any = intrinsic(_vector)


class Contract:
    """What the functions take and return that may be called in one place.

    Parameters
    ----------
    parameters : str
        A letter for each: ``v`` a vector of the network's dtype, ``r`` of int64, ``d`` of float64,
        ``u`` of uint64; ``i`` an integer, ``f`` a float64, ``k`` a uint64.
    returns : str
        ``f``, or nothing.
    """

    def __init__(self, parameters: str, returns: str = "") -> None:
        self._parameters = parameters
        self._returns = _SCALARS[returns] if returns else types.none
        self._addresses: dict[tuple[Any, np.dtype[Any]], int] = {}
        self._entries: dict[Any, Any] = {}
        self.call: Callable[..., Any] = self._caller()

    def address(self, function: Any, dtype: Any) -> int:
        """Where the function's code for networks of this dtype lies, compiled if need be.

        function is a kernel; its module and qualified name tell it from all others, in this
        process and on disk.
        """
        key = function, np.dtype(dtype)
        if key not in self._addresses:
            self._addresses[key] = self._compiled(function, np.dtype(dtype))
        return self._addresses[key]

    def _compiled(self, function: Any, dtype: np.dtype[Any]) -> int:
        if function not in self._entries:
            self._entries[function] = self._entry(function)
        dispatcher = self._entries[function]
        signature = self._flat(from_dtype(dtype))
        dispatcher.compile(signature)
        found = dispatcher.overloads[signature]
        return int(found.library.get_pointer_to_function(found.fndesc.llvm_func_name))

    def _flat(self, number: Any) -> tuple[Any, ...]:
        """The parameters as machine code has them: an array is a pointer and a size."""
        flat: list[Any] = []
        for letter in self._parameters:
            if letter in _SCALARS:
                flat.append(_SCALARS[letter])
            else:
                flat += [types.CPointer(_ARRAYS.get(letter, number)), types.int64]
        return tuple(flat)

    def _entry(self, function: Any) -> Any:
        """An entry that takes what `_flat` names, and calls the function with arrays."""
        names, given = [], []
        for place, letter in enumerate(self._parameters):
            if letter in _SCALARS:
                names.append(f"a{place}")
                given.append(f"a{place}")
            else:
                names += [f"a{place}", f"n{place}"]
                given.append(f"vector(a{place}, n{place})")
        python = function.py_func
        name = f"{python.__module__}.{python.__qualname__}"
        text = f"def called({', '.join(names)}):\n    return function({', '.join(given)})\n"
        # The cache tells generated code apart by the name in place of a file's.
        names_of_globals = {"function": function, "vector": vector, "__name__": __name__}
        exec(compile(text, f"<called {name}>", "exec"), names_of_globals)
        called: Any = names_of_globals["called"]
        called.__qualname__ = python.__qualname__
        return entry(called)

    def _caller(self) -> Callable[..., Any]:
        """What kernels call: call(address, …), with arrays and numbers as the contract has them."""
        returns, parameters = self._returns, self._parameters

        def call(typingctx: Any, address: Any, *given: Any) -> Any:
            wanted = [
                _SCALARS[letter] if letter in _SCALARS else kind
                for letter, kind in zip(parameters, given, strict=True)
            ]
            number = next(
                (k.dtype for letter, k in zip(parameters, given, strict=True) if letter == _VECTOR),
                types.float64,
            )
            flat = self._flat(number)

            def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                values: list[Any] = []
                for kind, value in zip(signature.args[1:], arguments[1:], strict=True):
                    if isinstance(kind, types.Array):
                        array = arrayobj.make_array(kind)(context, builder, value)
                        values += [array.data, array.nitems]
                    else:
                        values.append(value)
                convention = context.call_conv
                kind = convention.get_function_type(returns, flat)
                place = builder.inttoptr(arguments[0], kind.as_pointer())
                _, result = convention.call_function(builder, place, returns, flat, values)
                return result

            return returns(types.int64, *wanted), build

        names = ["typingctx", "address", *(f"a{place}" for place in range(len(parameters)))]
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(name, kind) for name in names]
        )
        chosen: Callable[..., Any] = intrinsic(call)
        return chosen
