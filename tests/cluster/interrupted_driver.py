"""A driver that trains on Ray until Ctrl-C: ``python -m tests.cluster.interrupted_driver``.

It says when the first part has come back, and what it has in the end.
"""

from __future__ import annotations

import numpy as np

import nnlib
from tests.cluster.jobs import EXERCISE, X, Y


def main():
    """Train for minutes, unless Ctrl-C comes."""
    import ray  # here: this file is also looked through for examples where there is no Ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    begun = []

    def report(own):
        if own.ended and not begun:
            begun.append(own.ended)
            print("begun", flush=True)

    options = {**EXERCISE, "n": 5_000_000, "trace": 2}
    population = nnlib.train_many([1, 2, 1], X, Y, cluster="ray", callback=report, **options)
    whole = (population.epochs == EXERCISE["epochs"]).all()
    again = nnlib.train_many([1, 2, 1], X, Y, cluster="ray", **EXERCISE)  # Ray works as before
    shared = np.isin(again.seed, population.seed)
    print("stopped", population.stopped, whole, len(again), shared.any(), flush=True)


if __name__ == "__main__":
    main()
