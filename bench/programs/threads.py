"""Rows with a number of threads of their own, whatever the run was started with."""

from __future__ import annotations

import os
import sys
from typing import Any

from ..problems.workload import Prepare, Result, Run, UnavailableError


def on_threads(threads: int, prepare: Prepare) -> Prepare:
    """The same program with so many threads for nnlib, BLAS and PyTorch, while it runs.

    JAX has no such switch: its threads are fixed when it starts.
    """

    def prepare_limited(problem: Any, dtype: str) -> Run:
        from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

        import nnlib

        processors = len(os.sched_getaffinity(0))
        if processors < threads:
            raise UnavailableError(f"{threads} threads on {processors} processor(s)")
        run = prepare(problem, dtype)
        # Made once: looking for the libraries takes 1 ms, setting their threads 17 µs.
        controller = ThreadpoolController()
        # PyTorch only where somebody has imported it: that alone takes seconds.
        torch = sys.modules.get("torch")

        def run_limited(count: int) -> Result:
            usual = nnlib.get_threads(), torch and torch.get_num_threads()
            nnlib.set_threads(threads)
            if torch:
                torch.set_num_threads(threads)
            try:
                with controller.limit(limits=threads, user_api="blas"):
                    return run(count)
            finally:
                nnlib.set_threads(usual[0])
                if torch:
                    torch.set_num_threads(usual[1])

        return run_limited

    return prepare_limited
