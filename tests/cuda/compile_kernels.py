"""Compile every CUDA kernel for compute capability 9.0 without a GPU: registers and spills.

``python -m tests.cuda.compile_kernels``, with numba-cuda and its toolkit installed, and ptxas from
nvidia-cuda-nvcc for the numbers. In a process of its own: Numba asks a device for its capability
when it compiles what a kernel calls, and here there is none to ask.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from numba import types

CAPABILITY = (9, 0)
MODULES = ("descent", "steps", "layers", "evaluate")
_KINDS = {
    "integers": types.int64[::1],
    "reals": types.float64[::1],
    "found": types.float64[::1],
    "errors": types.float64[::1],
    "budget": types.int64,
    "number": types.int64,
    "start": types.int64,
}


def entries() -> Iterator[tuple[str, Any]]:
    """Every kernel that Python launches."""
    from importlib import import_module

    for name in MODULES:
        module = import_module(f"nnlib.kernels.cuda.{name}")
        for function in vars(module).values():
            own = getattr(function, "py_func", None)
            if own is None or own.__module__ != module.__name__:
                continue
            if not function.targetoptions.get("device"):
                yield f"{name}.{own.__name__}", function


def ptx(function: Any, dtype: Any) -> str:
    """The code of a kernel for networks of this dtype."""
    from nnlib.kernels.cuda.jit import cuda

    code = function.py_func.__code__
    names = code.co_varnames[: code.co_argcount]
    signature = tuple(_KINDS.get(name, dtype[::1]) for name in names)
    return str(cuda.compile_ptx(function.py_func, signature, cc=CAPABILITY)[0])


def assemble(code: str, most_registers: int | None) -> str:
    """What ptxas says of registers and spills, or that there is no ptxas."""
    found = [program for place in sys.path for program in Path(place).glob("nvidia/cu*/bin/ptxas")]
    if not found:
        return "compiled; no ptxas to count registers"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kernel.ptx")
        path.write_text(code, encoding="utf-8")
        limit = [f"-maxrregcount={most_registers}"] if most_registers else []
        command = [found[0], "-v", "-arch=sm_90", *limit, path, "-o", "/dev/null"]
        report = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    registers = max(map(int, re.findall(r"Used (\d+) registers", report)))
    spills = sum(map(int, re.findall(r"(\d+) bytes spill", report)))
    return f"{registers:4d} registers, {spills:5d} bytes of spills"


def main() -> None:
    """Compile all of them, in both dtypes."""
    from numba.cuda import dispatcher

    dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=CAPABILITY)
    count = 0
    for name, function in entries():
        for dtype in (types.float32, types.float64):
            limit = function.targetoptions.get("max_registers")
            print(f"{name:24s} {dtype!s:8s} {assemble(ptx(function, dtype), limit)}", flush=True)
            count += 1
    print(f"{count} kernels compiled for compute capability {CAPABILITY[0]}.{CAPABILITY[1]}")
    assert count == 2 * sum(1 for _ in entries()) > 20


if __name__ == "__main__":
    main()
