"""Ctrl-C at a chosen moment, whatever the device: between two slices of a descent."""

from __future__ import annotations

from nnlib.second_order import methods
from nnlib.training.descent import Descent


def interrupt_after(slices, monkeypatch):
    """Descents from now on run one round a slice, and after so many slices comes Ctrl-C."""
    remaining = iter(range(slices))
    run_slices, run_second_order = Descent._run_slices, methods.run_slices

    def interrupted(run):
        def run_or_raise(*arguments):
            if next(remaining, None) is None:
                raise KeyboardInterrupt
            return run(*arguments)

        return run_or_raise

    # So short a slice is a single round: a block on the CPU, a batch on a GPU.
    monkeypatch.setattr("nnlib.training.descent.SLICE_SECONDS", 1e-12)
    monkeypatch.setattr("nnlib.second_order.slices.SLICE_SECONDS", 1e-12)
    monkeypatch.setattr(
        Descent, "_run_slices", lambda self, run, start: run_slices(self, interrupted(run), start)
    )
    monkeypatch.setattr(
        methods,
        "run_slices",
        lambda descend, *arguments: run_second_order(interrupted(descend), *arguments),
    )
