"""Where nnlib's time goes, routine by routine: ``python -m bench.profile [WORKLOAD ...]``.

Linux's ``perf`` looks at the running process some thousand times a second. What it meets is code
that Numba made, so the places of the routines are read from its object files (``nm``). Routines
that LLVM inlined count as the driver that holds them.
"""

from __future__ import annotations

import argparse
import bisect
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .problems.workload import Workload
from .report.pages import FOLDER
from .rows.workloads import WORKLOADS

REPORT = FOLDER / "PROFILE.md"
SECONDS = 1.5
# perf takes a moment to attach.
_ATTACHING = 0.4
_ROUNDS_A_SECOND = 4000
# Routines with less than this share are added up.
_LEAST = 0.01
# One row for each workload of descents and predictions that has a goal.
ROWS = {
    "exercise": ("nnlib float64", "nnlib float32", "nnlib compiled float64"),
    "lecture network": ("nnlib, 1 thread",),
    "small adam": ("nnlib, 1 thread", "nnlib"),
    "digits": ("nnlib",),
    "mnist adam": ("nnlib, 1 thread", "nnlib"),
    "mnist deep": ("nnlib, 1 thread", "nnlib"),
    "wide": ("nnlib, 1 thread", "nnlib"),
    "residual": ("nnlib, 1 thread", "nnlib"),
    "two towers": ("nnlib, 1 thread",),
    "predict many": ("nnlib, 1 thread", "nnlib"),
}


class Routine(NamedTuple):
    """Where a routine lies in memory."""

    start: int
    end: int
    name: str


def short_name(symbol: str) -> str:
    """What the source calls a routine.

    >>> short_name("_ZN5nnlib7kernels4gemm11pack_panelsB3v36B126")
    'gemm.pack_panels'
    >>> short_name("nnlib_transposed_float")
    'tiles.transposed'
    """
    tile = re.fullmatch(r"nnlib_(\w+)_(float|double)", symbol)
    if tile:
        return f"tiles.{tile[1]}"
    parts, rest = [], symbol.removeprefix("_ZN")
    while found := re.match(r"\d+", rest):
        length = int(found[0])
        parts.append(rest[found.end() : found.end() + length])
        rest = rest[found.end() + length :]
    names = [part for part in parts if part not in ("nnlib", "kernels") and "locals" not in part]
    return ".".join(names) or symbol


def routines(entry: Any) -> Iterator[Routine]:
    """All routines in the machine code of an entry of `nnlib.kernels`."""
    for compiled in entry.overloads.values():
        library = compiled.library
        with tempfile.NamedTemporaryFile(suffix=".o") as file:
            file.write(library._compiled_object)
            file.flush()
            command = ["nm", "-S", "--defined-only", file.name]
            listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        symbols = [line.split() for line in listing.splitlines()]
        code = [symbol for symbol in symbols if len(symbol) == 4 and symbol[2] in "tTwWV"]
        own = compiled.fndesc.llvm_func_name
        engine = library._codegen._engine._ee
        base = engine.get_function_address(own) - next(int(s[0], 16) for s in code if s[3] == own)
        for start, size, _, name in code:
            first = base + int(start, 16)
            yield Routine(first, first + int(size, 16), short_name(name))


def entries() -> list[Any]:
    """The compiled functions that the rows call."""
    from nnlib.kernels.compile import called
    from nnlib.kernels.network import evaluate
    from nnlib.kernels.training import descent, unrolled

    return [descent.descend, evaluate.outputs, *unrolled.compiled.values(), *called.entries]


def sampled(work: Callable[[], Any], seconds: float) -> list[int]:
    """The places where perf met this process in that time of work."""
    with tempfile.TemporaryDirectory() as folder:
        data = f"{folder}/perf.data"
        command = ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(_ROUNDS_A_SECOND)]
        command += ["-o", data, "-p", str(os.getpid())]
        recorder = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(_ATTACHING)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            work()
        recorder.send_signal(signal.SIGINT)
        recorder.wait()
        listing = subprocess.run(
            ["perf", "script", "-i", data, "-F", "ip"], capture_output=True, text=True, check=True
        ).stdout
    return [int(word, 16) for word in listing.split()]


def shares(places: list[int], known: list[Routine]) -> dict[str, float]:
    """The part of the places that lies in each routine, most first."""
    known = sorted(known)
    starts = [routine.start for routine in known]
    count: Counter[str] = Counter()
    for place in places:
        found = known[bisect.bisect(starts, place) - 1] if starts and place >= starts[0] else None
        inside = found is not None and place < found.end
        count[found.name if found and inside else "outside"] += 1
    return {name: number / len(places) for name, number in count.most_common()}


def profile(workload: Workload, name: str) -> str:
    """The row's line of the table."""
    run = workload.prepare(name)
    run(1)
    count, taken = workload.least_count, 0.0
    while taken < 0.1:
        begin = time.perf_counter()
        run(count)
        taken = time.perf_counter() - begin
        count *= 2
    places = sampled(lambda: run(count), SECONDS)
    known = [routine for entry in entries() for routine in routines(entry)]
    parts = shares(places, known)
    shown = [f"{part:.0%} `{routine}`" for routine, part in parts.items() if part >= _LEAST]
    return f"| {workload.title} | {name} | {', '.join(shown)} |"


def main(arguments: list[str] | None = None) -> int:
    """Profile the rows, print the table, and keep it if it is whole."""
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__)
    parser.add_argument("workload", nargs="*", choices=[[], *ROWS], help="all without one")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    chosen = options.workload or list(ROWS)
    missing = [program for program in ("perf", "nm") if shutil.which(program) is None]
    if missing:
        print(f"{' and '.join(missing)} not found: install Linux's perf and binutils")
        return 1
    if not options.here:
        # Object files are there where code was compiled, not where it came from the cache.
        with tempfile.TemporaryDirectory() as cache:
            environment = os.environ | {"NUMBA_CACHE_DIR": cache}
            command = [sys.executable, "-m", "bench.profile", "--here", *chosen]
            return subprocess.run(command, env=environment).returncode
    lines = [
        "# Where the time goes",
        "",
        "Parts of the processor time, by Linux's perf (`python -m bench.profile`). The driver",
        "(`descent.…`) holds what LLVM inlined: the step, biases, sums; *outside* are Python, the",
        "system and waiting.",
        "",
        "| workload | row | share of the time |",
        "| --- | --- | --- |",
        *(profile(WORKLOADS[name], row) for name in chosen for row in ROWS[name]),
        "",
    ]
    print("\n".join(lines))
    if len(chosen) == len(ROWS):
        Path(REPORT).write_text("\n".join(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
