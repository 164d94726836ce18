"""The decorators that compile every CUDA kernel; no other file imports Numba's CUDA or its options.

``entry``
    Launched from Python over a grid of blocks of threads, by what `launcher` returns; kept in the
    on-disk cache, in the folder of the CPU's kernels.
``kernel``
    A loop called from compiled code only, by all threads of a block together. When it returns,
    all of them have done their part.
``twin``
    A CPU kernel or formula compiled once more, for one GPU thread: the same source, so that a
    formula is written once.

Under Numba's simulator (NUMBA_ENABLE_CUDASIM=1) entries run as Python threads and everything below
them is plain Python.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FunctionType
from typing import Any, TypeVar

import numpy as np
from numba import config, types
from numba import cuda as _cuda

from ...compile import cache
from ...compile.internals import Dispatcher, keep_code_in
from ...compile.memory import window as _cpu_window

Function = TypeVar("Function", bound=Callable[..., Any])

SIMULATED = bool(config.ENABLE_CUDASIM)

# Left alone, the largest kernels take 255: then a processor of 65 536 holds four blocks of 64
# threads, and eight with this. What is spilled are settings and places that the inner loops do not
# read (2.1 KB of float32's `descent.descend`). Chosen without a GPU: to be measured on one.
MOST_REGISTERS = 128
# As many as a thread can have: for kernels of which a processor has no more than one block of 256
# threads anyway, or a few warps.
ALL_REGISTERS = 255


class _Simulator:
    """Numba's `cuda` as the running kernel's own threads see it.

    The simulator puts such a module into the globals of the launched function alone, and into
    those of the functions below it only for the time of a call, whatever other threads do there.
    """

    def __init__(self) -> None:
        from numba.cuda.simulator.kernel import _get_kernel_context

        self._running = _get_kernel_context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._running() or _cuda, name)


cuda: Any = _Simulator() if SIMULATED else _cuda

# What a block may have of shared memory without asking the driver for more, on every device.
SHARED_BYTES = 48 * 1024


@contextmanager
def _configured(**values: Any) -> Iterator[None]:
    """Other values in Numba's configuration, for as long as it reads them."""
    before = {name: getattr(config, name) for name in values}
    try:
        for name, value in values.items():
            setattr(config, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(config, name, value)


def as_cuda_array(values: Any) -> Any:
    """Numba's view of an array that lies on the GPU; the simulator has its own kind only."""
    return values if SIMULATED else _cuda.as_cuda_array(values)


@functools.cache
def copy_stream() -> Any:
    """The stream for copies that do not wait for the kernels, nor they for them."""
    return _cuda.stream() if SIMULATED else _cuda.external_stream(int(new_stream()))


def new_stream() -> Any:
    """The driver's handle of a stream that no other one waits for.

    Numba's own streams and the default one, on which the kernels run, wait for each other.
    """
    driver = bindings()
    _cuda.current_context()
    return checked(driver.cuStreamCreate, driver.CUstream_flags.CU_STREAM_NON_BLOCKING)


def bindings() -> Any:
    """The driver's functions, as they are."""
    from cuda.bindings import driver

    return driver


def checked(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function of the driver returns beside its status; RuntimeError if that is bad."""
    status, *results = function(*arguments)
    if status != bindings().CUresult.CUDA_SUCCESS:
        raise RuntimeError(f"{function.__name__}: {status.name}")
    return results[0] if results else None


def entry(function: Function) -> Any:
    """Compile a function that Python launches, see `launcher`; keep the code where possible."""
    return entry_with(MOST_REGISTERS)(function)


def entry_with(most_registers: int) -> Callable[[Function], Any]:
    """An `entry` whose threads have so many registers, of which a processor has 65 536."""
    return functools.partial(_entry, most_registers)


def _entry(most_registers: int, function: Function) -> Any:
    if not SIMULATED:
        dispatcher = cuda.jit(max_registers=most_registers)(function)
        if cache.FOLDER is not None:
            keep_code_in(dispatcher, _kept_entry()(function, cache.FOLDER))
        return dispatcher

    @functools.wraps(function)
    def quiet(*arguments: Any) -> None:
        # Integers wrap and floats overflow without a word, as on the GPU; Python's threads start
        # with NumPy's default, a warning.
        with np.errstate(all="ignore"):
            function(*arguments)

    return cuda.jit(quiet)


@functools.cache
def _kept_entry() -> Any:
    """The kind of cache for CUDA's entries: Numba's own class, see `cache.KeptCode`."""
    from numba.cuda.dispatcher import CUDACache

    class KeptCudaEntry(cache.KeptCode, CUDACache):
        _launch_config_key = None

        def is_launch_config_sensitive(self) -> bool:
            """No kernel here is compiled for the shape of one launch."""
            return False

        def mark_launch_config_sensitive(self) -> bool:
            """Should one be some day, it is not kept."""
            return False

    return KeptCudaEntry


def variant(function: Function, name: str, **names: Any) -> Function:
    """The same function under a name of its own, with other values of some of its globals."""
    source: Any = function
    made = FunctionType(source.__code__, {**source.__globals__, **names}, name)
    made.__qualname__, made.__doc__, made.__module__ = name, source.__doc__, source.__module__
    return made  # type: ignore[return-value]


def launcher(function: Any, blocks: Any, threads: Any, shared: int = 0) -> Callable[..., None]:
    """What launches an entry over a grid, for blocks with so many bytes of shared memory.

    It does so on the default stream, or on that which is named: `stream=`.
    """
    if SIMULATED:  # which keeps one grid per entry, the one asked for last
        return lambda *arguments, stream=0: function[blocks, threads, stream, shared](*arguments)

    def on_stream(stream: Any) -> Callable[..., None]:
        # Numba warns of small grids when it makes the configuration; those of small networks are.
        with _configured(CUDA_LOW_OCCUPANCY_WARNINGS=0):
            launch: Callable[..., None] = function[blocks, threads, stream, shared]
        return launch

    on_default, is_allowed = on_stream(0), shared <= SHARED_BYTES

    def launch(*arguments: Any, stream: Any = 0) -> None:
        nonlocal is_allowed
        if not is_allowed:
            _allow_shared(function, arguments)
            is_allowed = True
        (on_stream(stream) if stream else on_default)(*arguments)

    return launch


def _allow_shared(function: Any, arguments: Sequence[Any]) -> None:
    """Let the blocks of an entry have more shared memory; Numba never asks the driver for that.

    It is a limit, not a reservation, and of the kernel, not of a launch: with anything but the
    most of all, a small launch would take away what another one goes on needing.
    """
    from numba.cuda.cudadrv.driver import binding, driver

    compiled = function.compile(tuple(map(function.typeof_pyval, arguments)))
    handle = compiled.library.get_cufunc().handle
    attribute = binding.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
    driver.cuKernelSetAttribute(
        attribute, most_shared_bytes(), handle, _cuda.get_current_device().id
    )


def most_shared_bytes() -> int:
    """What a block may have of shared memory if the driver is asked, see `launcher`."""
    if SIMULATED:
        return SHARED_BYTES
    return int(_cuda.get_current_device().MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)


def capability() -> tuple[int, int]:
    """The GPU's compute capability; the simulator's is that of an H100."""
    if SIMULATED:
        return 9, 0
    major, minor = _cuda.get_current_device().compute_capability
    return major, minor


def kernel(function: Function) -> Function:
    """Compile a function that only compiled code calls."""
    return function if SIMULATED else cuda.jit(device=True)(function)


@kernel
def meet() -> None:
    """Bring the threads of a warp together, for an instruction that all of them take part in."""
    if not SIMULATED:  # whose instructions wait for all threads themselves
        cuda.syncwarp()


def _slice(values: Any, first: int, size: int) -> Any:
    """What `window` does, in plain Python."""
    return values[first : first + size]


window: Callable[[Any, int, int], Any] = _slice if SIMULATED else _cpu_window


@functools.cache
def twin(function: Any, **loops: Any) -> Any:
    """The CUDA twin of a CPU kernel or formula, made of the same source.

    What the source calls is looked up in globals of its own, where every kernel is a twin. Those
    named in `loops` are what is given there: the block's own, if all its threads run the source.
    """
    if function is _cpu_window:
        return window
    if hasattr(function, "by_dtype"):
        return _choice(*map(twin, function.by_dtype))
    source = function.py_func
    names = {
        name: loops.get(name) or twin(value, **loops) if is_kernel(value) else value
        for name, value in source.__globals__.items()
        if name in source.__code__.co_names or name == "__builtins__"
    }
    return kernel(FunctionType(source.__code__, names, source.__name__, source.__defaults__))


def is_kernel(value: Any) -> bool:
    """Whether it is a kernel or a formula of the CPU, of which there can be a twin."""
    return isinstance(value, Dispatcher) or value is _cpu_window or hasattr(value, "by_dtype")


def _choice(float32: Any, float64: Any) -> Any:
    """One name for a formula that is written once per dtype, as `jit.by_dtype`."""

    def chosen(x: Any, *rest: Any) -> Any:
        return (float32 if isinstance(x, np.float32) else float64)(x, *rest)

    if SIMULATED:
        return chosen

    def choose(x: Any, *rest: Any) -> Any:
        implementation = float32 if x == types.float32 else float64
        return lambda x, *rest: implementation(x, *rest)

    from numba.extending import overload

    overload(chosen, target="cuda", strict=False)(choose)
    return chosen
