"""Numba's compiler with two changes: kernels are optimised once, and in 512-bit vectors.

Numba optimises every function as a unit and again in every function that calls it. The driver's
call tree is six levels deep, so the first descent would take more than twice as long to compile.
Here the kernels below an entry are only lowered; all optimisation happens once, in the entry,
where they are linked together. The price: a kernel alone has no machine code, so Python can call
entries only.

On several CPU names LLVM keeps to 256-bit vectors where the machine has 512: exp took 0.90 ns a
float64 element against 0.64. The function attribute below asks for the wide ones.
"""

from __future__ import annotations

from typing import Any

from .internals import (
    CompilerBase,
    DefaultPassBuilder,
    InlineClosureLikes,
    JITCodeLibrary,
    Lower,
    NativeLowering,
    NopythonRewrites,
    add_attribute,
    cgutils,
    register_pass,
)
from .vector_code import WIDE_VECTORS

# LLVM's attribute of a function.
ALIGNED_STACK = '"stackrealign"'

# Passes for what no kernel has: closures and comprehensions, and expressions of whole arrays. They
# look through every function for it, 5 % of the time of a first descent.
_NEEDLESS = (InlineClosureLikes, NopythonRewrites)


class _WideVectorLower(Lower):
    """Lowers a function and marks it to use 512-bit vectors where the machine has them."""

    def lower_function_body(self) -> Any:
        add_attribute(self.function, WIDE_VECTORS)
        return super().lower_function_body()

    # Numba asks LLVM for the size of every variable and argument, a module to parse for each, and
    # tells it to the debugger's information, which nobody wants here.

    def alloca_lltype(self, name: str, lltype: Any, datamodel: Any = None) -> Any:
        return cgutils.alloca_once(self.builder, lltype, name=name)

    def storevar(self, value: Any, name: str, argidx: int | None = None) -> None:
        super().storevar(value, name)


class _EntryLower(_WideVectorLower):
    """Also begins the stack with a cache line: LLVM puts there what finds no vector register.

    Without, it finds out too late that it wants that, and every such 64-byte load lies across two
    lines: 14.3 → 12.8 µs an epoch of 3-3-4-2-1 written out. Called kernels lose 2 % by it.
    """

    def lower_function_body(self) -> Any:
        add_attribute(self.function, ALIGNED_STACK)
        return super().lower_function_body()


class _CalledLower(_WideVectorLower):
    """Also keeps LLVM from inlining the function."""

    def lower_function_body(self) -> Any:
        self.function.attributes.add("noinline")
        return super().lower_function_body()


class _Library(JITCodeLibrary):
    """Code whose functions are not optimised one by one, before they are linked together."""

    def _optimize_functions(self, ll_module: Any) -> None:
        # Numba's own does this as well, and then runs LLVM's function passes: 0.65 s of 7.8.
        ll_module.data_layout = self._codegen._data_layout


class _LinkedLibrary(_Library):
    """The code of one kernel, there to be linked into an entry and to nothing else."""

    def finalize(self) -> None:
        # What it calls is not linked in here, where every caller would copy it on, but in the
        # entry, once.
        self._finalize_dynamic_globals()
        self._finalized = True


class _EntryLibrary(_Library):
    """The code of an entry and of all kernels below it, optimised in one pass.

    Numba's own first, cheap pass prepares the pruning of reference counts; there are none here.
    """

    def add_linking_library(self, library: Any) -> None:
        super().add_linking_library(library)
        if isinstance(library, _LinkedLibrary):
            for inner in library._linking_libraries:
                if inner not in self._linking_libraries:
                    self.add_linking_library(inner)

    def _optimize_final_module(self) -> None:
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)


@register_pass(mutates_CFG=True, analysis_only=False)
class _EntryLowering(NativeLowering):
    _name = "nnlib_entry_lowering"

    @property
    def lowering_class(self) -> type[Lower]:
        return _EntryLower

    def run_pass(self, state: Any) -> bool:
        state.library = _EntryLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return bool(super().run_pass(state))


@register_pass(mutates_CFG=True, analysis_only=False)
class _KernelLowering(NativeLowering):
    _name = "nnlib_kernel_lowering"

    @property
    def lowering_class(self) -> type[Lower]:
        return _WideVectorLower

    def run_pass(self, state: Any) -> bool:
        name = state.func_id.func_qualname
        flags = state.flags
        flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
        state.library = _LinkedLibrary(state.targetctx.codegen(), name)
        super().run_pass(state)
        # Numba tells compiled functions apart by their built-in entry point; this one is unique
        # and raises if Python calls it.
        address = [f"{name} is for compiled code"].index
        state["cr"] = state["cr"]._replace(cfunc=address)
        state.targetctx.insert_user_function(address, state["cr"].fndesc, [state.library])
        return True


@register_pass(mutates_CFG=True, analysis_only=False)
class _CalledKernelLowering(_KernelLowering):
    _name = "nnlib_called_kernel_lowering"

    @property
    def lowering_class(self) -> type[Lower]:
        return _CalledLower


class _Compiler(CompilerBase):
    lowering: type[NativeLowering]

    def define_pipelines(self) -> list[Any]:
        manager = DefaultPassBuilder.define_nopython_pipeline(self.state)
        manager.passes = [
            (self.lowering if numba_pass is NativeLowering else numba_pass, description)
            for numba_pass, description in manager.passes
            if numba_pass not in _NEEDLESS
        ]
        manager.finalize()
        return [manager]


class EntryCompiler(_Compiler):
    """For functions that Python calls."""

    lowering = _EntryLowering


class KernelCompiler(_Compiler):
    """For functions that only compiled code calls."""

    lowering = _KernelLowering


class CalledKernelCompiler(_Compiler):
    """The same for those that are called and not inlined."""

    lowering = _CalledKernelLowering
