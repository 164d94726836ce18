"""How many processors a process may use: by affinity, and by the quota of its control groups.

A container usually sees all processors of its machine and may use so much of their time: with a
quota of one, a team of 64 threads would compute for a sixty-fourth of a period and then stand
still.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

# Of version 2 one file holds quota and period, of version 1 there is one for each.
_TOGETHER, _QUOTA, _PERIOD = "cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us"


def processors() -> int:
    """Processors that this process may use, a fraction rounded up.

    >>> 1 <= processors() <= os.cpu_count()
    True
    """
    count = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    limit = quota()
    return count if limit >= count else max(1, math.ceil(limit))


@functools.cache
def quota(root: Path = Path("/")) -> float:
    """Processors' worth of time that Linux grants this process, infinite if it sets no limit.

    The least of all control groups that the process is in, of those around them too. root is where
    the file system begins.
    """
    limits = []
    for folder in _folders(root):
        try:
            limits.append(_limit(folder))
        except (OSError, ValueError):  # no such limit here, or a system that writes it otherwise
            continue
    return min(limits, default=math.inf)


def _limit(folder: Path) -> float:
    """Quota over period of one control group."""
    if (folder / _TOGETHER).exists():
        granted, period = (folder / _TOGETHER).read_text().split()
    else:
        granted, period = ((folder / name).read_text().strip() for name in (_QUOTA, _PERIOD))
    if granted == "max" or int(granted) <= 0 or int(period) <= 0:
        return math.inf
    return int(granted) / int(period)


def _folders(root: Path) -> Iterator[Path]:
    """The folders of the control groups that limit this process's time, from the inside out."""
    try:
        groups = (root / "proc/self/cgroup").read_text().splitlines()
        mounts = (root / "proc/self/mountinfo").read_text().splitlines()
    except OSError:  # no Linux
        return
    for line in groups:
        # 0::/a/b in version 2, 4:cpu,cpuacct:/a/b in version 1.
        _, controllers, path = line.split(":", 2)
        for kind, options, inside, mounted in map(_mount, mounts):
            unified = kind == "cgroup2" and not controllers
            if unified or (
                kind == "cgroup" and "cpu" in controllers.split(",") and "cpu" in options
            ):
                yield from _upwards(root / mounted.lstrip("/"), path, inside)


def _mount(line: str) -> tuple[str, list[str], str, str]:
    """Kind, options, the group that is mounted, and where: of one line of mountinfo.

    36 35 98:0 /group /sys/fs/cgroup/cpu rw,nosuid shared:9 - cgroup cgroup rw,cpu
    """
    place, _, rest = line.partition(" - ")
    kind, _, options = [*rest.split(" "), "", "", ""][:3]
    inside, mounted = place.split(" ")[3:5]
    return kind, options.split(","), inside, mounted


def _upwards(mounted: Path, path: str, inside: str) -> Iterator[Path]:
    """The folder of a group, and of those around it up to the one that is mounted.

    A path that lies elsewhere is of a container's host: what is mounted is the container's own.
    """
    group = PurePosixPath(path)
    if group.is_relative_to(inside):
        group = group.relative_to(inside)
    else:
        group = group.relative_to("/") if group.is_absolute() else group
    for part in (group, *group.parents):
        yield mounted / part
