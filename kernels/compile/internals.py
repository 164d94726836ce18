"""Everything that this project uses of Numba and llvmlite and that is no public interface.

Other files import these names from here, so that what a new version of Numba may break is in one
place. `tests/kernels/compile/test_internals.py` holds each of them against the installed version,
with the structure of the machine code that they are to give.

A version of Numba that nobody has tried gets plain compilation: Numba's own pipeline in the place
of `compiler`'s, which is slower and does without the names that only `compiler` uses.
``NNLIB_PLAIN=1`` asks for it.
"""

from __future__ import annotations

import os
import re
import warnings
from typing import Any

import llvmlite
import numba
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.core.caching import FunctionCache
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher
from numba.core.errors import TypingError
from numba.core.serialize import dumps

__all__ = [
    "PLAIN",
    "VERSIONS",
    "CompilerBase",
    "DefaultPassBuilder",
    "Dispatcher",
    "FunctionCache",
    "InlineClosureLikes",
    "JITCodeLibrary",
    "Lower",
    "NativeLowering",
    "NopythonRewrites",
    "TypingError",
    "add_attribute",
    "binding",
    "bytes_of_item",
    "cgutils",
    "code_address",
    "compiles_here",
    "data_of",
    "dumps",
    "ir",
    "is_plain",
    "keep_code_in",
    "of_any_value",
    "register_pass",
    "size_of",
    "vector_at",
    "wrap_compilation",
]

# Minor versions of Numba from the first to the last for which our own compiler is taken; the whole
# test-suite has passed with the last. To widen it: run the tests with the new version, and raise
# the bound in pyproject.toml.
TESTED = ((0, 62), (0, 68))


def is_plain(version: str = numba.__version__) -> bool:
    """Whether kernels are compiled by Numba's own pipeline; warns if its version is untested."""
    asked = os.environ.get("NNLIB_PLAIN", "")
    if asked not in ("", "0", "1"):
        raise ValueError(f"NNLIB_PLAIN is {asked!r}, wanted 0 or 1")
    if asked:
        return asked == "1"
    found = re.match(r"(\d+)\.(\d+)", version)
    if found and TESTED[0] <= (int(found[1]), int(found[2])) <= TESTED[1]:
        return False
    low, high = (".".join(map(str, bound)) for bound in TESTED)
    warnings.warn(
        f"numba {version} is untested with nnlib, which knows {low} to {high}: kernels are "
        "compiled the plain way, which is slower. NNLIB_PLAIN=0 tries the fast one, NNLIB_PLAIN=1 "
        "is silent",
        RuntimeWarning,
        stacklevel=2,
    )
    return True


PLAIN = is_plain()
if not PLAIN:  # for `compiler`; a Numba to come may have them elsewhere
    from numba.core.codegen import JITCodeLibrary
    from numba.core.compiler import CompilerBase, DefaultPassBuilder
    from numba.core.compiler_machinery import register_pass
    from numba.core.lowering import Lower
    from numba.core.typed_passes import NativeLowering, NopythonRewrites
    from numba.core.untyped_passes import InlineClosureLikes

# What decides, beside the sources, which machine code a compilation gives.
VERSIONS = f"numba {numba.__version__} llvmlite {llvmlite.__version__} plain {PLAIN}"


def compiles_here() -> bool:
    """Whether this thread is compiling: it holds Numba's lock."""
    return bool(global_compiler_lock.is_locked())


def keep_code_in(dispatcher: Any, cache: Any) -> None:
    """Let the dispatcher ask this cache for code before it compiles, and give it what it made."""
    dispatcher._cache = cache


def wrap_compilation(dispatcher: Any, wrapper: Any) -> None:
    """Let wrapper(compile) stand in the place of the dispatcher's own `compile`."""
    dispatcher.compile = wrapper(dispatcher.compile)


def of_any_value(dispatcher: Any) -> Any:
    """The dispatcher, for whose callers all values of a type are one: True is a bool, 3 an int64.

    Numba's own compiles a function anew for each constant that it is called with. Plain mode
    leaves it at that.
    """
    if PLAIN:
        return dispatcher
    own = dispatcher.get_call_template

    def template(arguments: Any, named: Any) -> Any:
        named = {name: types.unliteral(kind) for name, kind in named.items()}
        return own(tuple(map(types.unliteral, arguments)), named)

    dispatcher.get_call_template = template
    return dispatcher


def code_address(dispatcher: Any, signature: tuple[Any, ...]) -> int:
    """Where the machine code of a compiled signature lies, in Numba's own calling convention."""
    found = dispatcher.overloads[signature]
    return int(found.library.get_pointer_to_function(found.fndesc.llvm_func_name))


def add_attribute(function: Any, text: str) -> None:
    """Give LLVM's function an attribute; llvmlite's own `add` knows only a list of names."""
    set.add(function.attributes, text)


def data_of(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """Pointer to the first element of an array of this type.

    Numba's `make_array` copies the array to the stack to read a field, and looks through all that
    it knows for another way to read it: a tenth of the time of a first descent.
    """
    return context.data_model_manager[kind].get(builder, array, "data")


def size_of(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """How many elements the array has."""
    return context.data_model_manager[kind].get(builder, array, "nitems")


def bytes_of_item(kind: Any) -> int:
    """Bytes of an element of an array of this type; Numba has LLVM parse a module for it."""
    return int(kind.dtype.bitwidth) // 8


def vector_at(context: Any, builder: Any, kind: Any, place: Any, size: Any) -> Any:
    """An array of this 1-D type over `size` elements from the pointer on; it owns nothing."""
    model = context.data_model_manager[kind]
    array = cgutils.get_null_value(context.get_value_type(kind))
    item = cgutils.intp_t(bytes_of_item(kind))
    pointer = builder.bitcast(place, context.get_value_type(model.get_type("data")))
    for field, value in (
        ("nitems", size),
        ("itemsize", item),
        ("data", pointer),
        ("shape", cgutils.pack_array(builder, [size])),
        ("strides", cgutils.pack_array(builder, [item])),
    ):
        array = model.set(builder, array, value, field)
    return array
