"""The rows of recurrent networks, see `bench.rows.workloads`."""

from __future__ import annotations

from functools import partial

from ..problems.recurrent_problem import (
    GATES,
    SAMPLES,
    population_of_lstms,
    recurrent_flops,
    recurrent_of,
)
from ..problems.work import parameter_bytes
from ..problems.workload import Implementation, Tolerance, Workload
from ..programs import recurrent_networks as programs
from ..programs import recurrent_steps as steps
from .builders import EITHER, forms, row


def _workload(name: str, kind: str, shape: tuple[int, int], units: int, batch: int) -> Workload:
    """A descent by Adam of one of the networks; shape is an example's (time, features)."""
    time, features = shape
    title = f"{kind} {features} → {units}, {time} steps"
    sums, steps = GATES[kind] * units, SAMPLES // batch
    parameters = sums * (features + units + (2 if kind == "GRU" else 1)) + units + 1
    return Workload(
        name=name,
        title=title,
        description=f"{title}, the last state to one dense unit, {SAMPLES} sequences, batches of "
        f"{batch}, float32: one step of Adam",
        problem=partial(recurrent_of, kind, shape, units, batch),
        implementations={
            "nnlib": row(programs.nnlib_descent, "float32"),
            "nnlib, 1 thread": row(programs.nnlib_descent, "float32", threads=1),
            "PyTorch": Implementation(forms(programs.PYTORCH, EITHER), "float32", peer=True),
            "JAX": Implementation(forms(programs.JAX, (None,)), "float32", peer=True),
        },
        # Adam's first steps have length α whatever the gradient, so that rounding may turn one.
        tolerances={"float32": Tolerance(1e-3, atol=5e-3)},
        ours="nnlib",
        unit="step",
        units=steps,
        flops=recurrent_flops(kind, shape, units),
        bytes=parameter_bytes(parameters, time * features + 1, SAMPLES, steps, 4, "adam"),
    )


RECURRENT = (
    _workload("lstm", "LSTM", (32, 8), 32, 32),
    _workload("gru", "GRU", (32, 8), 32, 32),
    _workload("rnn", "SimpleRNN", (50, 1), 16, 32),
    _workload("lstm large", "LSTM", (64, 32), 128, 64),
)

LSTMS = Workload(
    name="64 lstms",
    title="64 times LSTM 8 → 32, 32 steps",
    description="64 starts, the last state to one dense unit, 64 sequences, batches of 32, "
    "float32, 2 epochs of Adam: one step of one network",
    problem=population_of_lstms,
    implementations={
        "nnlib": row(programs.nnlib_population, "float32"),
        "nnlib, 1 thread": row(programs.nnlib_population, "float32", threads=1),
        "JAX": Implementation(forms(programs.JAX_POPULATIONS, (None,)), "float32", peer=True),
    },
    tolerances={"float32": Tolerance(1e-3)},
    ours="nnlib",
    unit="network and step",
    units=64 * 2 * 2,
)

STEPPER = Workload(
    name="stepper",
    title="A step with a state that stays",
    description="LSTM 8 → 32, its state to one dense unit, float32, one sequence, libraries with a "
    "switch on one thread: the next step in a call from Python, NumPy arrays in and out",
    problem=partial(recurrent_of, "LSTM", (32, 8), 32, 32),
    implementations={
        "nnlib": row(steps.nnlib_steps, "float32"),
        "NumPy": Implementation(forms({"": steps.numpy_steps}, (1,)), "float32", peer=True),
        "PyTorch": Implementation(forms(steps.PYTORCH, (1,)), "float32", peer=True),
    },
    tolerances={"float32": Tolerance(1e-4, atol=1e-6)},
    ours="nnlib",
    unit="step",
    check_count=20,
)
