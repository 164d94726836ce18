"""Compile and link every CUDA kernel for compute capability 9.0 without a GPU, as for one.

``python -m tests.cuda.compile_kernels``, with numba-cuda and its toolkit installed, and ptxas from
nvidia-cuda-nvcc for the numbers of registers and spills. In a process of its own: Numba asks a
device for its capability when it compiles, and here there is none to ask but the one made up below.
A second process then finds all of them in the on-disk cache. With the word ``once`` after it, each
kernel is compiled for one dtype only, in half the time.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
from numba import config, types

CAPABILITY = (9, 0)
MOST_SHARED = 227 * 1024
MODULES = (
    "training.descent",
    "second_order.lbfgs",
    "training.steps",
    "wide.layers",
    "network.evaluate",
)
# What the code of products on tensor cores must hold, and no other may.
INSTRUCTIONS = {
    "tf32": "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32",
    "bf16": "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32",
}
LOADS = {
    "float32": "ld.shared.v4.f32", "float64": "ld.shared.v2.f64", "tf32": "ld.shared.v4.u32",
    "bf16": "ld.shared.v4.u32",
}  # fmt: skip
BOTH = types.float32, types.float64
PHASES = "forward", "gradient", "delta"
_KINDS = {
    "integers": types.int64[::1],
    "reals": types.float64[::1],
    "searches": types.float64[::1],
    "found": types.float64[::1],
    "errors": types.float64[::1],
    "budget": types.int64,
    "number": types.int64,
    "start": types.int64,
    # Of `unrolled.Members` and `unrolled.Examples`.
    **dict.fromkeys(["epochs", "status", "choice", "kept_epochs", "weight_row"], types.int64[::1]),
    **dict.fromkeys(["rates", "costs"], types.float64[::1]),
    **dict.fromkeys(["rate_width", "until", "lanes", "mean_of"], types.int64),
}
# A network that is written out.
WRITTEN_OUT = [1, 2, 1]


def entries() -> Iterator[tuple[str, Any, tuple[Any, ...]]]:
    """Every kernel that Python launches, with the dtypes that it is for."""
    from importlib import import_module

    from nnlib.kernels.cuda.training.steps import PASSES
    from nnlib.kernels.cuda.wide.products import PRODUCTS

    for name in MODULES:
        module = import_module(f"nnlib.kernels.cuda.{name}")
        for function in vars(module).values():
            own = getattr(function, "py_func", None)
            if own is None or own.__module__ != module.__name__:
                continue
            if not function.targetoptions.get("device"):
                yield f"{name}.{own.__name__}", function, BOTH
    for precision, ways in PRODUCTS.items():
        dtypes = BOTH[1:] if precision == "float64" else BOTH[:1]
        for way in ways:
            for phase in PHASES:
                name = f"{precision}.{way.block.rows}.{phase}"
                yield name, getattr(way, phase), dtypes
    for precision in INSTRUCTIONS:  # the others are one kernel of `steps`
        yield f"{precision}.passes", PASSES[precision], BOTH[:1]
    yield "unrolled.descend", written_out(), BOTH


def written_out() -> Any:
    """The kernel of one small network alone."""
    from nnlib import Network
    from nnlib.kernels.cuda.training import unrolled
    from nnlib.kernels.training.unrolled import by_features

    architecture = Network(WRITTEN_OUT).architecture
    return unrolled.driver(by_features(architecture.training_table), architecture.loss_code)


def made_up_gpu(capability: tuple[int, int] = CAPABILITY) -> list[Any]:
    """Let Numba find a GPU on which nothing runs; returns a list of what its driver is asked."""
    from numba.cuda import dispatcher
    from numba.cuda.cudadrv import devices, driver

    from nnlib.kernels.cuda.compile.jit import cuda

    asked: list[Any] = []
    device = SimpleNamespace(
        compute_capability=capability, id=0, MAX_SHARED_MEMORY_PER_BLOCK_OPTIN=MOST_SHARED
    )
    module = SimpleNamespace(initialized=True)
    module.get_function = lambda name: SimpleNamespace(module=module, handle=name)
    context = SimpleNamespace(device=device, create_module_image=lambda *_: module)
    devices.get_context = lambda *_: context
    dispatcher.get_current_device = cuda.get_current_device = lambda: device
    driver.driver = SimpleNamespace(cuKernelSetAttribute=lambda *values: asked.append(values))
    return asked


def compiled(function: Any, dtype: Any) -> Any:
    """A kernel for networks of this dtype, linked."""
    code = function.py_func.__code__
    names = code.co_varnames[: code.co_argcount]
    return function.compile(tuple(argument(name, dtype) for name in names))


def argument(name: str, dtype: Any) -> Any:
    """The type of a kernel's argument, by its name."""
    from nnlib.kernels.cuda.network.problem import Dataset
    from nnlib.kernels.cuda.training.unrolled import Examples, Members

    groups: dict[str, Any] = {
        "members": Members, "examples": Examples, "dataset": Dataset, "held_out": Dataset
    }  # fmt: skip
    if name in groups:
        fields = [argument(field, dtype) for field in groups[name]._fields]
        return types.NamedTuple(fields, groups[name])
    return _KINDS.get(name, dtype[::1])


def assemble(code: str, most_registers: int | None) -> str:
    """What ptxas says of registers and spills, or that there is no ptxas."""
    found = [program for place in sys.path for program in Path(place).glob("nvidia/cu*/bin/ptxas")]
    if not found:
        return "compiled; no ptxas to count registers"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kernel.ptx")
        path.write_text(code, encoding="utf-8")
        limit = [f"-maxrregcount={most_registers}"] if most_registers else []
        command = [found[0], "-v", "-arch=sm_90a", *limit, path, "-o", "/dev/null"]
        report = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    registers = max(map(int, re.findall(r"Used (\d+) registers", report)))
    spills = sum(map(int, re.findall(r"(\d+) bytes spill", report)))
    return f"{registers:4d} registers, {spills:5d} bytes of spills"


def check_instruction(name: str, code: str) -> None:
    """Products on tensor cores are made by their instruction; all read 16 bytes at a time."""
    precision, *_ = name.split(".")
    for other, instruction in INSTRUCTIONS.items():
        assert (instruction in code) == (other == precision), f"{name}: {instruction}"
    if name.endswith(".passes"):
        return
    if precision in LOADS:
        assert LOADS[precision] in code, name
    if precision in INSTRUCTIONS:
        # Sums that do not stay in registers would be read from memory between the instructions.
        products = code[code.index(INSTRUCTIONS[precision]) : code.rindex(INSTRUCTIONS[precision])]
        assert "ld.local" not in products, name


def check_older_gpu() -> None:
    """Before compute capability 9.0 another instruction rounds to TF32. In a process of its own."""
    from nnlib.kernels.cuda.wide.products import PRODUCTS

    made_up_gpu((8, 0))
    code = compiled(PRODUCTS["tf32"][-1].forward, types.float32).library.get_lto_ptx()
    assert ".target sm_80" in code
    assert "cvt.rna.tf32" in code
    assert "cvt.rn.tf32" not in code
    print("products in TF32 compiled for compute capability 8.0")


def check_shared_memory(asked: list[Any]) -> None:
    """Blocks with more than 48 KiB have it asked for, once."""
    from numba.cuda.cudadrv.driver import binding

    from nnlib.kernels.cuda.compile import jit
    from nnlib.kernels.cuda.network import evaluate

    before = len(asked)
    launch = jit.launcher(evaluate.survey, 1, 32, 200_000)
    with mock.patch("numba.cuda.dispatcher._Kernel.launch") as launched:
        for _ in range(2):
            launch(np.zeros(3), np.zeros(9, np.float32))
    ((attribute, size, name, device),) = asked[before:]
    wanted = binding.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
    assert (attribute, size, device, launched.call_count) == (wanted, MOST_SHARED, 0, 2)
    assert "survey" in name


def check_streams() -> None:
    """A launch goes to the default stream, or to the one that is named: so graphs record it."""
    from numba.cuda.cudadrv.driver import Stream, binding

    from nnlib.kernels.cuda.compile import jit
    from nnlib.kernels.cuda.network import evaluate

    launch, arguments = jit.launcher(evaluate.survey, 1, 32), (np.zeros(3), np.zeros(9, np.float32))
    with mock.patch("numba.cuda.dispatcher._Kernel.launch") as launched:
        launch(*arguments)
        launch(*arguments, stream=Stream(binding.CUstream(4096), external=True))
    streams = [int(call.args[3].handle) for call in launched.call_args_list]
    assert streams == [0, 4096], streams


def main() -> None:
    """Compile all of them, and once more by a process that has only to load them."""
    asked = made_up_gpu()
    once, again = "once" in sys.argv, "again" in sys.argv
    count = hits = 0
    for name, function, dtypes in entries():
        for dtype in dtypes[:1] if once else dtypes:
            library = compiled(function, dtype).library
            count += 1
            if not again:
                code = library.get_lto_ptx().strip("\0")
                check_instruction(name, code)
                limit = function.targetoptions["max_registers"]
                print(f"{name:24s} {dtype!s:8s} {assemble(code, limit)}", flush=True)
        hits += sum(function.stats.cache_hits.values())
    assert count == sum(1 if once else len(dtypes) for *_, dtypes in entries()) > 20
    if again:
        assert hits == count, f"{hits} of {count} kernels came from the cache"
        print(f"all {count} came from the cache in a second process")
        return
    print(f"{count} kernels compiled for compute capability {CAPABILITY[0]}.{CAPABILITY[1]}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_shared_memory(asked)
        check_streams()
    for mode in ("again", "older"):
        command = [sys.executable, "-m", "tests.cuda.compile_kernels", mode, *sys.argv[1:]]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        # Before the kernels are imported: then their folder is chosen. Numba has read its
        # environment when it was imported, and the second process will.
        if not {"again", "older"} & set(sys.argv):
            os.environ["NUMBA_CACHE_DIR"] = config.CACHE_DIR = folder
        if "older" in sys.argv:
            check_older_gpu()
        else:
            main()
