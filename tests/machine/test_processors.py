"""Processors by affinity and by the quota of control groups, in file systems made for it."""

from __future__ import annotations

import math
import os

import pytest

from nnlib.machine import processors, threads
from nnlib.machine.processors import quota

pytestmark = pytest.mark.cpu("host")

UNIFIED = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate"
CPU = "33 24 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:12 - cgroup cgroup rw,cpu,cpuacct"
MEMORY = "34 24 0:30 / /sys/fs/cgroup/memory rw shared:13 - cgroup cgroup rw,memory"
ROOT = "24 1 0:20 / / rw,relatime shared:1 - ext4 /dev/root rw"


@pytest.fixture
def system(tmp_path):
    """A function that writes files by their paths and returns the quota found among them."""

    def written(groups, mounts, files=()):
        proc = {"proc/self/cgroup": groups, "proc/self/mountinfo": "\n".join([ROOT, *mounts])}
        for name, text in {**proc, **dict(files)}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
        return quota(tmp_path)

    return written


def test_no_control_groups(tmp_path):
    assert quota(tmp_path) == math.inf


def test_version_2(system):
    files = {"sys/fs/cgroup/a/b/cpu.max": "150000 100000"}
    assert system("0::/a/b", [UNIFIED], files) == 1.5


def test_version_2_without_a_limit(system):
    assert system("0::/a", [UNIFIED], {"sys/fs/cgroup/a/cpu.max": "max 100000"}) == math.inf


def test_the_least_of_the_groups_around_counts(system):
    files = {
        "sys/fs/cgroup/a/b/c/cpu.max": "max 100000",
        "sys/fs/cgroup/a/b/cpu.max": "400000 100000",
        "sys/fs/cgroup/a/cpu.max": "100000 50000",
        "sys/fs/cgroup/other/cpu.max": "1000 100000",
    }
    assert system("0::/a/b/c", [UNIFIED], files) == 2


def test_version_1(system):
    folder = "sys/fs/cgroup/cpu,cpuacct/a"
    files = {f"{folder}/cpu.cfs_quota_us": "50000", f"{folder}/cpu.cfs_period_us": "100000"}
    assert system("7:memory:/b\n4:cpu,cpuacct:/a", [MEMORY, CPU], files) == 0.5


def test_version_1_without_a_limit(system):
    folder = "sys/fs/cgroup/cpu,cpuacct"
    files = {f"{folder}/cpu.cfs_quota_us": "-1", f"{folder}/cpu.cfs_period_us": "100000"}
    assert system("4:cpu,cpuacct:/", [CPU], files) == math.inf


def test_both_versions_at_once(system):
    """As systemd mounts them: time by version 1, version 2 only to keep track."""
    unified = UNIFIED.replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
    folder = "sys/fs/cgroup/cpu,cpuacct/a"
    files = {f"{folder}/cpu.cfs_quota_us": "300000", f"{folder}/cpu.cfs_period_us": "100000"}
    assert system("4:cpu,cpuacct:/a\n0::/system", [CPU, unified], files) == 3


@pytest.mark.parametrize("inside", ["/", "/docker/17"])
def test_a_container_sees_its_own_group_as_the_root(system, inside):
    """Its path is the host's; what is mounted may be that group, or be called so."""
    mount = UNIFIED.replace(" / /sys", f" {inside} /sys")
    assert system("0::/docker/17", [mount], {"sys/fs/cgroup/cpu.max": "200000 100000"}) == 2


@pytest.mark.parametrize("text", ["", "many 100000", "1 2 3", "100000 0", "-1 100000"])
def test_what_nobody_understands_is_no_limit(system, text):
    assert system("0::/a", [UNIFIED], {"sys/fs/cgroup/a/cpu.max": text}) == math.inf


@pytest.mark.parametrize(
    ("limit", "expected"), [(math.inf, 4), (64, 4), (3.5, 4), (2.2, 3), (1, 1), (0.1, 1)]
)
def test_affinity_and_quota_together(limit, expected, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(4)), raising=False)
    monkeypatch.setattr(processors, "quota", lambda: limit)
    assert processors.processors() == expected


def test_a_quota_of_one_never_meets_64_threads(monkeypatch):
    monkeypatch.setattr(processors, "quota", lambda: 1.0)
    monkeypatch.setenv("NNLIB_THREADS", "64")
    assert threads.get_threads() == 64
    assert threads.usable_threads(1000) == 1
    monkeypatch.delenv("NNLIB_THREADS")
    assert threads.get_threads() == 1
