"""A population on two nodes of Ray, one of which goes away."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytest.importorskip("ray")

# In a process of its own: one process has one Ray.
DRIVER = """
import json
import numpy as np
import ray
from ray.cluster_utils import Cluster
import nnlib
from nnlib.cluster import schedule
from nnlib.cluster.door import engine_for
from tests.cluster.jobs import X, Y, assert_same_bits

schedule.PART_SECONDS = 0.1
nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
second = nodes.add_node(num_cpus=1)
ray.init(address=nodes.address, log_to_driver=False, logging_level="error")
options = {"epochs": 300, "batch_size": 7, "optimizer": "adam", "n": 400}
alone = nnlib.train_many([1, 3, 1], X, Y, **options)
told = {"workers": len(engine_for("ray").workers()), "slots": engine_for("ray").slots()}
removed = []

def remove(report):
    if report.ended > 50 and not removed:
        removed.append(second)
        nodes.remove_node(second, allow_graceful=False)

population = nnlib.train_many([1, 3, 1], X, Y, cluster="ray", callback=remove, **options)
assert_same_bits(population, alone)
told["removed"] = len(removed)
print(json.dumps(told))
ray.shutdown()
nodes.shutdown()
"""


def test_a_node_that_goes_away_changes_no_bit():
    done = subprocess.run(
        [sys.executable, "-c", DRIVER], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    # Ray tells of dead workers on the same stream, when it likes.
    (told,) = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert told == {"workers": 2, "slots": 2, "removed": 1}
