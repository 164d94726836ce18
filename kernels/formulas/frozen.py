"""A user's scalar function, frozen: what it computes no longer depends on anything outside.

A Python function looks up the names that it uses when it runs; what stands behind them may be
another thing by then, and is one in another process. Here a function is copied, with the numbers
behind its names and with the functions that it calls, and all of that goes into a digest. Equal
digests mean equal formulas, in every process of one version of Python.
"""

from __future__ import annotations

import builtins
import contextlib
import dis
import inspect
import math
from collections.abc import Iterator
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..compile.internals import Dispatcher
from ..compile.jit import Scalar, by_dtype, formula
from . import elementary
from .registry import digest_of

# Flags of functions that take more than numbers, or return none.
_OTHERS = (
    inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
    | inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
)  # fmt: skip


def _of_any_number(function: Any) -> Any:
    """An elementary function that also takes integers, as float64."""
    float32, float64 = function.by_dtype

    @formula
    def from_number(x: Scalar) -> Scalar:
        return float64(np.float64(x))

    return by_dtype(float32, from_number)


# What stands in a formula for functions of these names: the C library's are scalar calls, and tanh
# in a hidden layer takes ten times as long.
_ELEMENTARY = {
    name: _of_any_number(getattr(elementary, name))
    for name in ("exp", "expm1", "log", "log1p", "tanh")
}


def _with_elementary(module: ModuleType) -> ModuleType:
    """The module with the functions of `elementary` in the places of its own."""
    own = ModuleType(module.__name__)
    vars(own).update({**vars(module), **_ELEMENTARY})
    return own


_STAND_INS = {math: _with_elementary(math), np: _with_elementary(np), builtins: builtins}


class Frozen(NamedTuple):
    """A formula, and the digest of all that it depends on."""

    formula: Any
    digest: str


def freeze(argument: str, function: Any, parameters: int, what: str = "number") -> Frozen:
    """The function as a formula of so many numbers; nothing is compiled yet.

    what is what a message calls a parameter.

    Raises
    ------
    TypeError
        If it is no plain Python function of so many parameters, or depends on anything but numbers
        and functions; the message begins with the name of the argument.
    """
    function = _python_function(function)
    if not isinstance(function, FunctionType):
        raise TypeError(
            f"{argument} must be a plain Python function such as `lambda z: math.tanh(z)`; got "
            f"an object of type {type(function).__name__}"
        )
    code = function.__code__
    least = code.co_argcount - len(function.__defaults__ or ())
    others = code.co_flags & _OTHERS or code.co_kwonlyargcount
    if others or not least <= parameters <= code.co_argcount:
        raise TypeError(
            f"{argument} has the signature {inspect.signature(function)}, wanted a function of "
            f"{parameters} {what}{'s' if parameters > 1 else ''}"
        )
    return _freeze(argument, function, ())


def _python_function(function: Any) -> Any:
    """What a function was compiled from, if it is compiled by Numba already."""
    return function.py_func if isinstance(function, Dispatcher) else function


def _freeze(argument: str, function: FunctionType, callers: tuple[FunctionType, ...]) -> Frozen:
    """The formula; callers are the functions that call this one."""
    code = function.__code__
    if function in callers:
        raise TypeError(f"{argument} calls itself by way of {function.__name__!r}")
    if any(
        step.opname == "RAISE_VARARGS"
        for part in _codes(code)
        for step in dis.get_instructions(part)
    ):
        raise TypeError(f"{argument} raises an exception; compiled formulas cannot, return NaN")
    callers = (*callers, function)
    parts, values = [_text(code, function.__doc__, named=len(callers) > 1)], {}
    outside = {**_globals(function), **_closure(function), "its defaults": function.__defaults__}
    for name in sorted({*_global_names(code), *code.co_freevars, "its defaults"}):
        if name in outside:
            values[name], text = _value(argument, name, outside[name], callers)
            parts.append(f"{name} {text}")
        elif not hasattr(builtins, name):
            raise TypeError(f"{argument} uses the name {name!r}, which is not defined")
    digest, defaults = digest_of(*parts), values.pop("its defaults")
    names = {"__builtins__": builtins, "__name__": __name__, **values}
    cells = tuple(CellType(values[name]) for name in code.co_freevars)
    # The name stands in symbols of machine code.
    made = FunctionType(code, names, f"formula_{digest}", defaults, cells)
    made.__qualname__, made.__module__ = made.__name__, __name__
    return Frozen(formula(made), digest)


def _globals(function: FunctionType) -> dict[str, Any]:
    """What stands behind the names that the function looks up in its module."""
    names = _global_names(function.__code__)
    return {name: function.__globals__[name] for name in names if name in function.__globals__}


def _closure(function: FunctionType) -> dict[str, Any]:
    """What stands behind the names of the functions around it, as far as they are set."""
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # an empty cell
            found[name] = cell.cell_contents
    return found


def _value(
    argument: str, name: str, value: Any, callers: tuple[FunctionType, ...]
) -> tuple[Any, str]:
    """What stands behind a name, frozen, and a text that tells it from all else."""
    if value is None or type(value) in (bool, int, float) or _is_numpy_number(value):
        return value, f"{type(value).__name__} {value!r}"
    if isinstance(value, tuple):
        items = [_value(argument, name, item, callers) for item in value]
        return tuple(item for item, _ in items), f"({', '.join(text for _, text in items)})"
    if isinstance(value, ModuleType) and value in _STAND_INS:
        return _STAND_INS[value], f"module {value.__name__}"
    called = getattr(value, "__name__", "")
    for module, stand_in in _STAND_INS.items():
        if called and getattr(module, called, None) is value:
            return getattr(stand_in, called), f"{module.__name__}.{called}"
    function = _python_function(value)
    if isinstance(function, FunctionType):
        inner = _freeze(argument, function, callers)
        return inner.formula, f"function {inner.digest}"
    raise TypeError(
        f"{argument} uses {name!r}, an object of type {type(value).__name__}; a formula may use "
        "numbers, functions of math and numpy, and plain Python functions"
    )


def _is_numpy_number(value: Any) -> bool:
    """Whether this is one real number of NumPy's."""
    return isinstance(value, np.generic) and value.dtype.kind in "biuf"


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code, and that of all functions defined in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _global_names(code: CodeType) -> set[str]:
    """The names that are looked up outside of the function."""
    return {
        step.argval
        for part in _codes(code)
        for step in dis.get_instructions(part)
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    }


def _text(code: CodeType, documentation: str | None = None, named: bool = True) -> str:
    """A text that two codes share only if they compute the same from the same values.

    Neither the names of variables nor the documentation, the first constant, are part of it; those
    of parameters are if `named`, as a formula may call the function by them.
    """
    constants = [
        _text(constant) if isinstance(constant, CodeType) else _constant(constant)
        for constant in code.co_consts
    ]
    if documentation is not None and code.co_consts[0] == documentation:
        constants[0] = _constant(None)
    count = code.co_argcount + code.co_kwonlyargcount
    parameters = code.co_varnames[:count] if named else code.co_argcount
    names = parameters, code.co_names, code.co_freevars
    return f"{code.co_code.hex()} {names} [{', '.join(constants)}]"


def _constant(constant: Any) -> str:
    """A constant of a function; a set has no order of its own."""
    if isinstance(constant, frozenset):
        return f"{{{', '.join(sorted(map(repr, constant)))}}}"
    return f"{type(constant).__name__} {constant!r}"
