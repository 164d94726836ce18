"""``python -m tests.fuzz --seconds N``: read hostile files until the time is up.

Every kind of file has a process of its own, whose memory may be bounded, and whose crash is seen
from outside. For at most half of the time it reads files that are made by a plan, then random
ones, the same for the same seed. A file that has any outcome but those allowed stays in the folder
as a reproducer, and the status is 1; ``--only KIND --reproduce FILE`` reads it again.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from .checkpoints import Checkpoints
from .networks import Networks

KINDS = {
    "networks": Networks,
    "gradient descents": lambda folder: Checkpoints(
        folder,
        [
            "plain", "one batch", "validation, dropout, adam", "plateau, weights",
            "cosine, penalties, clipping",
        ],
    ),
    "lbfgs": lambda folder: Checkpoints(folder, ["lbfgs"]),
    "levenberg_marquardt": lambda folder: Checkpoints(folder, ["levenberg_marquardt"]),
}  # fmt: skip
LONGEST = 60  # seconds for one file: all take milliseconds
UNDER_TEST = "under test "  # and the name of what the file was made from


class Hang(BaseException):
    """A file took longer than any may; no `except Exception` holds it up."""


def arguments(command):
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="for all kinds together")
    parser.add_argument(
        "--tries", type=int, help="the whole plan and so many random files of each kind instead"
    )
    parser.add_argument("--seed", type=int, help="of the random files; default: drawn, and printed")
    parser.add_argument("--only", choices=KINDS, help="one kind, in this process")
    parser.add_argument("--random-only", action="store_true", help="without the plan")
    parser.add_argument("--folder", type=Path, help="for files; default: a new one")
    parser.add_argument("--reproduce", type=Path, metavar="FILE", help="read this one; with --only")
    return parser.parse_args(command)


def main(command):
    given = arguments(command)
    seed = secrets.randbits(32) if given.seed is None else given.seed
    folder = given.folder or Path(tempfile.mkdtemp(prefix="nnlib-fuzz-"))
    if given.only:
        return run(given, seed, folder)
    print(f"seed {seed}, folder {folder}", file=sys.stderr)
    failed = 0
    for kind in KINDS:
        failed |= run_apart(given, kind, seed, folder / kind)
    if not failed and given.folder is None:
        shutil.rmtree(folder)
    return failed


def run_apart(given, kind, seed, folder):
    """One kind in its own process; 1 if it failed, crashed or was killed."""
    folder.mkdir(parents=True, exist_ok=True)
    seconds = given.seconds / len(KINDS)
    command = ["--only", kind, "--seed", seed, "--folder", folder, "--seconds", seconds]
    if given.tries is not None:
        command += ["--tries", given.tries]
    if given.random_only:
        command += ["--random-only"]
    child = subprocess.run([sys.executable, "-m", "tests.fuzz", *map(str, command)])
    if child.returncode not in (0, 1):
        print(f"{kind} ended with status {child.returncode}; its last file is in {folder}")
    return int(child.returncode != 0)


def run(given, seed, folder):
    """One kind in this process; prints what came of its files, or the one that went wrong."""
    kind = KINDS[given.only](folder)
    os.fsync = lambda descriptor: None  # nobody pulls the plug here
    warnings.simplefilter("error")
    if kind.spare_bytes is not None and sys.platform == "linux":
        bound_memory(kind.spare_bytes)
    signal.signal(signal.SIGALRM, hang)
    outcomes, start = Counter(), time.perf_counter()
    for name, data in files(given, kind, seed):
        path = write(folder, name, data)
        try:
            signal.alarm(LONGEST)
            outcomes[kind.attempt(name, path)] += 1
        except BaseException as error:
            signal.alarm(0)
            traceback.print_exc()
            path = write(folder, name, data)  # the descent may have replaced it
            number = sum(outcomes.values())
            print(f"{given.only}, seed {seed}, file {number}: {error!r}. Reproduce it with")
            print(f"python -m tests.fuzz --only {given.only!r} --reproduce {str(path)!r}")
            return 1
        finally:
            signal.alarm(0)
    seconds = round(time.perf_counter() - start, 1)
    print(json.dumps({"kind": given.only, "seed": seed, "seconds": seconds, **outcomes}))
    return 0


def files(given, kind, seed):
    """Names and contents: the given one, or those of the plan and then random ones."""
    if given.reproduce:
        yield given.reproduce.name.removeprefix(UNDER_TEST), given.reproduce.read_bytes()
        return
    planned = () if given.random_only else kind.systematic()
    rng = np.random.default_rng(seed)
    if given.tries is not None:
        yield from planned
        yield from (kind.mutated(rng) for _ in range(given.tries))
        return
    start = time.perf_counter()
    yield from until(start + given.seconds / 2, planned)
    endless = (kind.mutated(rng) for _ in itertools.count())
    yield from until(start + given.seconds, endless)


def until(end, items):
    """The items for which there is time."""
    return itertools.takewhile(lambda item: time.perf_counter() < end, items)


def bound_memory(spare):
    """Let this process have so many bytes more than it has."""
    import resource

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + spare,) * 2)


def hang(number, frame):
    raise Hang(f"it takes more than {LONGEST} s")


def write(folder, name, data):
    """A new file each time: some file systems wait for the disk where an old one is truncated."""
    path = Path(folder, UNDER_TEST + name)
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    return path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
