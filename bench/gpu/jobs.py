"""The jobs of a run: each in a process of its own, with its share of the time.

A wrong launch leaves a process without a GPU, and a compiler may never come back: another process
has neither trouble. What a job has measured is in its file at once.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .measure import rows
from .measure.rows import FAILED, SKIPPED, Row

# A job ends itself at its deadline; after this much more it is ended.
GRACE = 20.0
# Characters of a job's output that are kept, from its end.
_LOG_LENGTH = 20_000


@dataclass(frozen=True)
class Job:
    """One process.

    Attributes
    ----------
    name
        Of a function in `bench.gpu.job`.
    share
        Of the time that is left, by the shares of the jobs that are left.
    beside
        Whether it runs beside the job before: where nothing is timed.
    """

    name: str
    share: float
    beside: bool = False


# In the order of what a run that is too short must have.
JOBS = (
    Job("ceilings", 60),
    Job("check-alone", 100),
    Job("check-together", 100, beside=True),
    Job("check-layers", 100, beside=True),
    Job("populations-nnlib", 50),
    Job("narrow-nnlib", 60),
    Job("wide-nnlib", 45),
    Job("populations-jax", 50),
    Job("streaming", 25),
    Job("wide-pytorch", 60),
    Job("narrow-pytorch-eager", 50),
    Job("populations-pytorch", 55),
    Job("narrow-pytorch-compiled", 120),
)


def run(
    jobs: Sequence[Job],
    folder: Path,
    budget: float,
    tiny: bool,
    write: Callable[[Sequence[Row]], None],
    command: Sequence[str] = (sys.executable, "-m", "bench.gpu.job"),
) -> list[Row]:
    """All jobs, one after the other; the rows that they wrote, and one for each that failed.

    write keeps what there is so far; command starts a job.
    """
    end = time.monotonic() + budget
    found: list[Row] = []
    groups = _groups(jobs)
    for number, group in enumerate(groups):
        left = end - time.monotonic()
        shares = sum(other[0].share for other in groups[number:])
        seconds = left * group[0].share / shares
        if left < 1:
            message = f"the {budget:g} s were over"
            found += [Row("jobs", job.name, "", SKIPPED, message=message) for job in group]
            continue
        hard = min(seconds + GRACE, left + GRACE)
        started = [_start(job, folder, seconds, tiny, command) for job in group]
        deadline = time.monotonic() + hard
        try:
            for job, process in zip(group, started, strict=True):
                message = _wait(process, deadline - time.monotonic(), folder / f"{job.name}.log")
                found += rows.read(folder / f"{job.name}.jsonl")
                if message:
                    found.append(Row("jobs", job.name, "", FAILED, message=message))
                spent = budget - (end - time.monotonic())
                print(f"{spent:6.0f} s  {job.name}{': ' + message if message else ''}", flush=True)
        finally:
            for process in started:
                process.kill()
        write(found)
    return found


def logs(folder: Path) -> dict[str, str]:
    """What the jobs printed: the errors in full."""
    texts = {
        path.stem: path.read_text(encoding="utf-8", errors="replace")[-_LOG_LENGTH:]
        for path in sorted(folder.glob("*.log"))
    }
    return {name: text for name, text in texts.items() if text}


def _groups(jobs: Sequence[Job]) -> list[list[Job]]:
    """Jobs that run beside each other."""
    groups: list[list[Job]] = []
    for job in jobs:
        if job.beside and groups:
            groups[-1].append(job)
        else:
            groups.append([job])
    return groups


def _start(
    job: Job, folder: Path, seconds: float, tiny: bool, command: Sequence[str]
) -> subprocess.Popen[bytes]:
    arguments = [job.name, "--seconds", str(seconds), "--folder", str(folder)]
    with (folder / f"{job.name}.log").open("wb") as log:
        return subprocess.Popen(
            [*command, *arguments, *(["--tiny"] if tiny else [])], stdout=log, stderr=log
        )


def _wait(process: subprocess.Popen[bytes], seconds: float, log: Path) -> str:
    """Wait for a process, or end it; why it failed, or nothing."""
    try:
        status = process.wait(max(seconds, 0.1))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return "ended: it went on after its time"
    if status == 0:
        return ""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"status {status}: {lines[-1] if lines else 'no output'}"
