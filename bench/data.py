"""A descent on rows in Parquet, in little memory: ``python -m bench.data [--gigabytes N]``.

Writes rows of 32 numbers and a target to a temporary folder, and trains 32-256-128-1 on them for an
epoch: once in a process that is held to 2 GB, which reads them as it goes, and once in a process
that has them in memory. Both are to end with the same bits. What reading costs is the ratio of the
times of the two descents.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import nnlib

from .report.units import significant, time_text

# How much longer a descent that reads may take.
GOAL = 1.2
FEATURES = 32
HELD_BYTES = 2 * 2**30
_GROUP_ROWS = 250_000
_FILE_GROUPS = 16
_SIZES = (FEATURES, 256, 128, 1)
_BATCH_SIZE = 1024


def main(arguments: list[str] | None = None) -> int:
    """The table; status 1 if bits differ or the goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.data", description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=8.0)
    parser.add_argument("--train", choices=("reading", "memory"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.train:
        print(json.dumps(trained(given.train, given.folder)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        rows = write(Path(folder), int(given.gigabytes * 1e9))
        print(f"{rows} rows, {significant(rows * 4 * (FEATURES + 1) / 1e9)} GB\n")
        print("| | descent | peak memory |\n|---|---|---|")
        found = {way: _in_process(way, folder) for way in ("reading", "memory")}
    reading, memory = found["reading"], found["memory"]
    same = reading["digest"] == memory["digest"]
    ratio = reading["seconds"] / memory["seconds"]
    print(f"\nthe same bits: {same}; reading takes {significant(ratio)} of the time (goal {GOAL})")
    return int(not same or ratio > GOAL)


def write(folder: Path, size: int) -> int:
    """Files of Parquet of about so many bytes of numbers; returns their rows."""
    pyarrow = importlib.import_module("pyarrow")
    parquet = importlib.import_module("pyarrow.parquet")
    generator = np.random.default_rng(0)
    names = [f"x{number}" for number in range(FEATURES)]
    groups = max(1, round(size / (4 * (FEATURES + 1) * _GROUP_ROWS)))
    weights = generator.normal(size=FEATURES).astype(np.float32)
    for first in range(0, groups, _FILE_GROUPS):
        path, writer = folder / f"rows-{first:06}.parquet", None
        for _ in range(first, min(first + _FILE_GROUPS, groups)):
            X = generator.standard_normal((_GROUP_ROWS, FEATURES), np.float32)
            y = np.sin(X @ weights / 4)
            table = pyarrow.table({**dict(zip(names, X.T.copy(), strict=True)), "y": y})
            if writer is None:
                options: dict[str, Any] = {"compression": "none", "use_dictionary": False}
                writer = parquet.ParquetWriter(path, table.schema, **options)
            writer.write_table(table, row_group_size=_GROUP_ROWS)
        assert writer is not None
        writer.close()
    return groups * _GROUP_ROWS


def trained(way: str, folder: str) -> dict[str, Any]:
    """One descent in this process, its kernels compiled before."""
    if way == "reading":
        resource.setrlimit(resource.RLIMIT_AS, (HELD_BYTES, HELD_BYTES))
    source: Any = nnlib.data.parquet(folder, y="y")
    if way == "memory":
        y = np.empty(source.rows, np.float32)
        X = np.empty((source.rows, FEATURES), np.float32)
        first = 0
        for rows in source.walk(range(len(source.parts))):
            place = slice(first, first + len(rows.y))
            X[place], y[place] = rows.X, rows.y
            first += len(rows.y)
        data: tuple[Any, ...] = X, y
    else:
        data = (source,)
    few = np.zeros((2 * _BATCH_SIZE, FEATURES), np.float32), np.zeros(2 * _BATCH_SIZE, np.float32)
    options: dict[str, Any] = {"optimizer": "adam", "batch_size": _BATCH_SIZE, "shuffle": False}
    _network().descent(*few, epochs=1, **options)
    network = _network()
    begin = time.perf_counter()
    network.descent(*data, epochs=1, **options)
    seconds = time.perf_counter() - begin
    digest = hashlib.sha256(network.parameters.tobytes()).hexdigest()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "digest": digest, "peak": peak}


def _network() -> nnlib.Network:
    return nnlib.Network(_SIZES, ["relu", "relu", "identity"], dtype="float32", seed=0)


def _in_process(way: str, folder: str) -> dict[str, Any]:
    """What `trained` gives in a process of its own, and its row of the table."""
    # Arrow's own pools reserve addresses by the gigabyte, and so does glibc for each thread.
    environment = {
        **os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2",
    }  # fmt: skip
    command = [sys.executable, "-m", "bench.data", "--train", way, "--folder", folder]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    name = "read as it goes, held to 2 GiB" if way == "reading" else "in memory"
    print(
        f"| {name} | {time_text(found['seconds'])} | {found['peak'] / 2**30:.2f} GiB |", flush=True
    )
    return found


if __name__ == "__main__":
    raise SystemExit(main())
