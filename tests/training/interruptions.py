"""Ctrl-C at a chosen moment, whatever the device: between two slices of a descent."""

from __future__ import annotations

from nnlib.second_order import slices as second_order
from nnlib.training import descent
from nnlib.training.slices import run_slices


def interrupt_after(slices, monkeypatch):
    """Descents from now on run one round a slice, and after so many slices comes Ctrl-C."""
    remaining = iter(range(slices))

    def interrupted(run):
        def run_or_raise(*arguments):
            if next(remaining, None) is None:
                raise KeyboardInterrupt
            return run(*arguments)

        return run_or_raise

    # So short a slice is a single round: a block on the CPU, a batch on a GPU.
    monkeypatch.setattr("nnlib.training.slices.SLICE_SECONDS", 1e-12)
    for module in (descent, second_order):
        monkeypatch.setattr(
            module,
            "run_slices",
            lambda slices, run, budget: run_slices(slices, interrupted(run), budget),
        )
