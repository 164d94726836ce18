"""Functions called by address: each is compiled and kept by itself, where something uses it.

A kernel is compiled anew in every entry that calls it, and all branches of a ladder are compiled
where one is used. A first descent of sigmoids compiled ten activations, seven losses and the
products of wide layers. They took half of its nine seconds. A called function is compiled once for
each dtype, when a table first names it, and every entry, in this process and in the next ones,
calls the same code. What calls it is compiled without it. A call takes 1 to 3 ns.

All functions that may stand in one place have one `Contract`.
"""

from __future__ import annotations

import inspect
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any, get_type_hints

import numpy as np
from numba import from_dtype, types
from numba.extending import intrinsic

from .internals import TypingError, cgutils, code_address, data_of, size_of, vector_at
from .jit import Doubles, Integers, Key, Vector, Words, entry

# The elements of arrays of a dtype of their own, and the scalars.
_ELEMENTS = {Integers: types.int64, Doubles: types.float64, Words: types.uint64}
_SCALARS = {int: types.int64, bool: types.int64, float: types.float64, Key: types.uint64}


def _vector(typingctx: Any, place: Any, size: Any) -> Any:
    """The 1-D array of `size` elements that begins at the pointer."""
    kind = types.Array(place.dtype, 1, "C")

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return vector_at(context, builder, kind, arguments[0], arguments[1])

    return kind(place, types.intp), build


vector: Any = intrinsic(_vector)

# The entries of all called functions of this process; `bench.profile` looks for samples in them.
entries: list[Any] = []


class _Locks:
    """The lock on what is being compiled; a forked child has its own."""

    def __init__(self) -> None:
        self.compiling = threading.RLock()


_locks = _Locks()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_locks.__init__)  # type: ignore[misc]


class Contract:
    """What the functions take and return that may be called in one place.

    Parameters
    ----------
    parameters
        Of each parameter the type: `Vector` (of the network's dtype), `Integers`, `Doubles`,
        `Words`, int, float, bool, `Key`, or a NamedTuple of these.
    returns
        float, or None.
    """

    def __init__(self, *parameters: Any, returns: Any = None) -> None:
        self._parameters = parameters
        self._returns = types.none if returns is None else _SCALARS[returns]
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
            with _locks.compiling:  # two threads would each make an entry of the function
                if key not in self._addresses:
                    self._addresses[key] = self._compiled(function, from_dtype(key[1]))
        return self._addresses[key]

    def _compiled(self, function: Any, number: Any) -> int:
        if function not in self._entries:
            self._entries[function] = _flat_entry(function, self._parameters)
            entries.append(self._entries[function])
        dispatcher = self._entries[function]
        signature = tuple(_flat_types(self._parameters, number))
        dispatcher.compile(signature)
        return code_address(dispatcher, signature)

    def _caller(self) -> Callable[..., Any]:
        """What kernels call: call(address, …), with arguments as the contract has them.

        given are Numba's types of the arguments of one call, number is that of the elements of its
        vectors: both are known where the calling kernel is compiled.
        """
        returns, parameters = self._returns, self._parameters

        def call(typingctx: Any, address: Any, *given: Any) -> Any:
            wanted = [
                _SCALARS.get(kind, found) for kind, found in zip(parameters, given, strict=True)
            ]
            number = next(_numbers(parameters, given), types.float64)
            _check(parameters, given, number)
            flat = tuple(_flat_types(parameters, number))

            def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                values: list[Any] = []
                for kind, found, value in zip(
                    parameters, signature.args[1:], arguments[1:], strict=True
                ):
                    values += _flat_values(context, builder, kind, found, value)
                convention = context.call_conv
                code = convention.get_function_type(returns, flat)
                place = builder.inttoptr(arguments[0], code.as_pointer())
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


def _fields(kind: Any) -> dict[str, Any] | None:
    """The types of a NamedTuple's fields; None for any other type."""
    if hasattr(kind, "_fields"):
        return get_type_hints(kind, include_extras=True)
    return None


def _flat_types(kinds: Any, number: Any) -> Iterator[Any]:
    """The parameters as machine code has them: an array is a pointer and a size."""
    for kind in kinds:
        fields = _fields(kind)
        if fields is not None:
            yield from _flat_types(fields.values(), number)
        elif kind in _SCALARS:
            yield _SCALARS[kind]
        else:
            yield types.CPointer(number if kind == Vector else _ELEMENTS[kind])
            yield types.int64


def _numbers(kinds: Any, given: Any) -> Iterator[Any]:
    """Numba's types of the elements of all vectors of the network's dtype."""
    for kind, found in zip(kinds, given, strict=True):
        fields = _fields(kind)
        if fields is not None:
            yield from _numbers(fields.values(), found)
        elif kind == Vector:
            yield found.dtype


def _check(kinds: Any, given: Any, number: Any) -> None:
    """Raise TypingError unless all arrays are as the contract has them; given are their types."""
    for kind, found in zip(kinds, given, strict=True):
        fields = _fields(kind)
        if fields is not None:
            _check(fields.values(), found, number)
        elif kind not in _SCALARS:
            wanted = types.Array(number if kind == Vector else _ELEMENTS[kind], 1, "C")
            is_vector = isinstance(found, types.Array) and found.is_contig and found.ndim == 1
            if not is_vector or found.dtype != wanted.dtype:
                raise TypingError(f"a called function wants {wanted}, got {found}")


def _flat_values(context: Any, builder: Any, kind: Any, found: Any, value: Any) -> list[Any]:
    """The values that `_flat_types` names; found is Numba's type of the value."""
    fields = _fields(kind)
    if fields is not None:
        parts = cgutils.unpack_tuple(builder, value)
        flat: list[Any] = []
        for field, part_type, part in zip(fields.values(), found, parts, strict=True):
            flat += _flat_values(context, builder, field, part_type, part)
        return flat
    if kind in _SCALARS:
        return [context.cast(builder, value, found, _SCALARS[kind])]
    return [data_of(context, builder, found, value), size_of(context, builder, found, value)]


def _flat_entry(function: Any, kinds: Any) -> Any:
    """An entry that takes what `_flat_types` names, and calls the function with its parameters."""
    names: list[str] = []
    globals_: dict[str, Any] = {"function": function, "vector": vector, "__name__": __name__}

    def given(kind: Any) -> str:
        fields = _fields(kind)
        if fields is not None:
            globals_[kind.__name__] = kind
            return f"{kind.__name__}({', '.join(map(given, fields.values()))})"
        name = f"a{len(names)}"
        names.append(name)
        if kind in _SCALARS:
            return f"{name} != 0" if kind is bool else name
        names.append(f"{name}_size")
        return f"vector({name}, {name}_size)"

    arguments = ", ".join([given(kind) for kind in kinds])
    text = f"def called({', '.join(names)}):\n    return function({arguments})\n"
    python = function.py_func
    # The cache tells generated code apart by the name in place of a file's.
    place = f"<called {python.__module__}.{python.__qualname__}>"
    exec(compile(text, place, "exec"), globals_)
    called: Any = globals_["called"]
    # The symbol in the machine code: no two functions may share it, since the last one that is
    # loaded under a name is found by it.
    called.__qualname__ = f"{python.__module__}.{python.__qualname__}"
    return entry(called, by_address=True)
