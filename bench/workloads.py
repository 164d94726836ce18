"""The table: every workload, every implementation. Tests and benchmarks read it.

A new row is one entry here: a function ``prepare(problem, dtype) -> run`` and how many units of
work make a round of some milliseconds. Tests then hold its result against the first
implementation of the workload, and ``python -m bench`` times it.
"""

from __future__ import annotations

from .problem import DIGIT_SAMPLES, DIGIT_SIZES, digits, digits_adam, exercise, product_flops
from .programs import (
    blas,
    c_program,
    fresh_process,
    lecture_matrix,
    lecture_scalar,
    nnlib_network,
    numpy_vectorised,
    pytorch,
)
from .programs.threads import on_threads
from .workload import Implementation, Tolerance, Workload

EXERCISE = Workload(
    name="exercise",
    title="The exercise",
    description="1-2-1, sigmoid, 60 points, full batch: one epoch of gradient descent, J included",
    problem=exercise,
    implementations={
        "lecture, scalar": Implementation(lecture_scalar.descent, count=50),
        "lecture, matrix": Implementation(lecture_matrix.descent, count=25),
        "Python, shared values": Implementation(lecture_scalar.descent_shared, count=200),
        "NumPy": Implementation(numpy_vectorised.descent, count=1_000),
        "nnlib float64": Implementation(nnlib_network.descent, count=100_000),
        "nnlib float32": Implementation(nnlib_network.descent, count=100_000, dtype="float32"),
        "C float64": Implementation(c_program.descent, count=100_000),
        "C float64, 512-bit": Implementation(c_program.descent_wide, count=100_000),
        "C float32": Implementation(c_program.descent, count=100_000, dtype="float32"),
    },
    # After 100 epochs float64 differs by 1e-14 and float32 by 4e-6; from epoch 300 to 400 rounding
    # differences grow by 1e11, so no later epoch can be compared.
    tolerances={"float64": Tolerance(1e-8), "float32": Tolerance(1e-4)},
    ours="nnlib float64",
    limit="C float64",
    check_count=100,
)

ONE_POINT = Workload(
    name="one point",
    title="One call of F",
    description="F on one number, 1-2-1, sigmoid: one call from Python",
    problem=exercise,
    implementations={
        "lecture, scalar": Implementation(lecture_scalar.forward, count=10_000),
        "NumPy": Implementation(numpy_vectorised.forward, count=2_000),
        "nnlib float64": Implementation(nnlib_network.forward, count=5_000),
        "nnlib float32": Implementation(nnlib_network.forward, count=5_000, dtype="float32"),
    },
    tolerances={"float64": Tolerance(1e-14), "float32": Tolerance(1e-6)},
    ours="nnlib float64",
    unit="call",
)

DIGITS = Workload(
    name="digits",
    title="784-128-10",
    description="relu and sigmoid, 12 800 images, batches of 128, float32: one epoch of descent",
    problem=digits,
    implementations={
        "NumPy": Implementation(numpy_vectorised.descent, count=1, dtype="float32"),
        "PyTorch": Implementation(pytorch.descent, count=1, dtype="float32"),
        "nnlib float32": Implementation(nnlib_network.descent, count=1, dtype="float32"),
        "nnlib float32, 2 threads": Implementation(
            on_threads(2, nnlib_network.descent), count=1, dtype="float32"
        ),
    },
    # After the 100 steps parameters differ by 2e-7, and are of the order of 0.04.
    tolerances={"float32": Tolerance(1e-4, atol=2e-6)},
    ours="nnlib float32",
    flops=product_flops(DIGIT_SIZES, DIGIT_SAMPLES),
)

DIGITS_ADAM = Workload(
    name="digits, adam",
    title="784-128-10 by Adam",
    description="the same network, images and batches: one epoch of Adam",
    problem=digits_adam,
    implementations={
        "NumPy": Implementation(numpy_vectorised.descent, count=1, dtype="float32"),
        "PyTorch": Implementation(pytorch.descent, count=1, dtype="float32"),
        "nnlib float32": Implementation(nnlib_network.descent, count=1, dtype="float32"),
        "nnlib float32, 2 threads": Implementation(
            on_threads(2, nnlib_network.descent), count=1, dtype="float32"
        ),
    },
    # A weight whose gradient is rounding noise still moves by up to α a step: on MNIST two
    # libraries end up to 6e-3 apart. The tests of the times to a cost compare Adam in float64.
    tolerances={"float32": Tolerance(1e-4, atol=1e-2)},
    ours="nnlib float32",
    flops=product_flops(DIGIT_SIZES, DIGIT_SAMPLES),
)

BLAS = Workload(
    name="blas",
    title="The machine's matrix product",
    description=f"one {blas.SIZE}³ product in float32, the limit of wide layers",
    problem=blas.matrices,
    implementations={
        "NumPy": Implementation(blas.numpy_product, count=2, dtype="float32"),
        "SciPy": Implementation(blas.scipy_product, count=2, dtype="float32"),
        "SciPy, 2 threads": Implementation(
            on_threads(2, blas.scipy_product), count=2, dtype="float32"
        ),
    },
    tolerances={"float32": Tolerance(1e-4)},
    ours="SciPy",
    unit="product",
    flops=blas.FLOPS,
)

START = Workload(
    name="start",
    title="Start",
    description="a fresh process to the end of its first descent (300 epochs of the exercise)",
    problem=exercise,
    implementations={
        "nnlib, warm cache": Implementation(fresh_process.warm, count=1),
        "nnlib, empty cache": Implementation(fresh_process.cold, count=1),
        "import torch alone": Implementation(fresh_process.import_torch, count=1, compared=False),
    },
    tolerances={"float64": Tolerance(0.0)},
    ours="nnlib, warm cache",
    unit="process",
    rounds=5,
)

WORKLOADS = {
    workload.name: workload for workload in (EXERCISE, ONE_POINT, DIGITS, DIGITS_ADAM, BLAS, START)
}
ROWS = [(workload, name) for workload in WORKLOADS.values() for name in workload.implementations]
