"""Ctrl-C in a driver of Ray's: what is done comes back, and no process is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("ray")
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning"),
    pytest.mark.skipif(sys.platform != "linux", reason="no /proc, as on Windows"),
]
ROOT = Path(__file__).parents[2]


def descendants(process):
    """All processes below one, by what /proc says of parents."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            status = (path / "status").read_text()
        except OSError:
            continue
        line = next(own for own in status.splitlines() if own.startswith("PPid:"))
        parents[int(path.name)] = int(line.split()[1])
    found, level = set(), {process}
    while level:
        level = {own for own, parent in parents.items() if parent in level}
        found |= level
    return found


def is_alive(process):
    """Whether it is there, and no zombie that nobody has asked for."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


@pytest.mark.parametrize(
    ("whole_group", "times"), [(False, 1), (True, 1), (False, 2)],
    ids=["the driver", "a terminal's group", "twice"],
)  # fmt: skip
def test_ctrl_c(whole_group, times):
    driver = subprocess.Popen(
        [sys.executable, "-m", "tests.cluster.interrupted_driver"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    below = set()
    try:
        lines = iter(driver.stdout.readline, "")
        said = []
        for line in lines:
            said.append(line)
            if line == "begun\n":
                break
        below = descendants(driver.pid)
        for _ in range(times):
            (os.killpg if whole_group else os.kill)(driver.pid, signal.SIGINT)
            time.sleep(0.3)  # the second comes while parts may still end by themselves
        said += list(lines)
        driver.wait(timeout=120)
    finally:
        below |= descendants(driver.pid)
        driver.kill()
        driver.wait()
        driver.stdout.close()
    told = "".join(said)
    if "timed out during startup" in told:
        pytest.skip("the machine is too busy for Ray to start")
    assert "stopped interrupted True 300 True" in told
    assert driver.returncode == 0
    assert below
    patience = time.monotonic() + 60
    while any(map(is_alive, below)) and time.monotonic() < patience:
        time.sleep(0.2)
    assert not list(filter(is_alive, below))
