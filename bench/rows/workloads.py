"""The table: every workload, every implementation. Tests and benchmarks read it.

A new row is one entry here: a function ``prepare(problem, dtype) -> run``, or several of which the
fastest counts (`bench.measure.forms`). Tests hold its result against the first implementation of
the workload, and ``python -m bench`` times it.

nnlib takes all processors unless a row's name or its workload's description says otherwise; peers
take whichever number of threads is faster.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..problems import problem as problems
from ..problems.work import descent_bytes, forward_bytes, forward_flops, product_flops
from ..problems.workload import Implementation, Tolerance, Workload
from ..programs import (
    blas,
    c_program,
    fann_library,
    fresh_process,
    jax_loop,
    lecture_matrix,
    lecture_scalar,
    nnlib_network,
    numpy_programs,
    pytorch,
    pytorch_compiled,
    scikit_learn,
)
from .builders import EITHER, Programs, forms, row
from .graphs import GRAPHS
from .images import IMAGES
from .normalised import NORMALISED
from .populations import POPULATIONS
from .recurrent import LSTMS, RECURRENT, STEPPER


def peers(
    dtype: str,
    threads: Sequence[int | None] = EITHER,
    optimizer: str = "sgd",
    scikit: bool = False,
    small: bool = False,
) -> dict[str, Implementation]:
    """The libraries that can do any of the descents, and scikit-learn where it can.

    It ends every regression with the identity, so it has no part in networks of tanh alone. JAX
    fixes its threads when it starts. PyTorch's compiled form takes one thread for a small network,
    where one was faster throughout, and all processors for others: each form compiles for seconds.
    """
    programs: dict[str, Programs] = {
        "NumPy": (numpy_programs.DESCENTS, threads),
        "JAX": (jax_loop.DESCENTS, (None,)),
        "PyTorch": (pytorch.descents(optimizer), threads),
        "PyTorch compiled": ({"": pytorch_compiled.descent}, (1 if small else None,)),
    }
    if scikit:
        programs["scikit-learn"] = ({"": scikit_learn.descent}, threads)
    return {name: Implementation(forms(*way), dtype, peer=True) for name, way in programs.items()}


def ours(dtype: str) -> dict[str, Implementation]:
    """nnlib on all processors and on one thread."""
    return {
        "nnlib": row(nnlib_network.descent, dtype),
        "nnlib, 1 thread": row(nnlib_network.descent, dtype, threads=1),
    }


def predictions(threads: Sequence[int | None] = EITHER) -> dict[str, Implementation]:
    """Everybody's prediction, float32."""
    programs: dict[str, Programs] = {
        "NumPy": (numpy_programs.PREDICTIONS, threads),
        "JAX": (jax_loop.PREDICTIONS, (None,)),
        "PyTorch": (pytorch.PREDICTIONS, threads),
        "PyTorch compiled": (pytorch_compiled.PREDICTIONS, threads),
        "scikit-learn": ({"": scikit_learn.prediction}, threads),
    }
    rows = {
        name: Implementation(forms(*way), "float32", peer=True) for name, way in programs.items()
    }
    return rows | {"nnlib": row(nnlib_network.prediction, "float32")}


# FANN's learning rate is a single-precision number whatever the weights are, and so is its error.
_FANN = Tolerance(1e-5)

EXERCISE = Workload(
    name="exercise",
    title="The exercise",
    description="1-2-1, sigmoid, 60 points, full batch, one thread: one epoch of gradient descent, "
    "J included",
    problem=problems.exercise,
    implementations={
        "lecture, scalar": row(lecture_scalar.descent),
        "lecture, matrix": row(lecture_matrix.descent),
        "Python, shared values": row(lecture_scalar.descent_shared),
        **peers("float64", (1,), small=True),
        "FANN": row(fann_library.descent, peer=True, tolerance=_FANN),
        "nnlib float64": row(nnlib_network.descent, threads=1),
        "nnlib float32": row(nnlib_network.descent, "float32", threads=1),
        "nnlib compiled float64": row(nnlib_network.compiled_descent, threads=1),
        "nnlib compiled float32": row(nnlib_network.compiled_descent, "float32", threads=1),
        "C float64": row(c_program.descent),
        "C float64, 512-bit": row(c_program.descent_wide),
        "C float32": row(c_program.descent, "float32"),
    },
    # After 100 epochs float64 differs by 1e-14 and float32 by 4e-6; from epoch 300 to 400 rounding
    # differences grow by 1e11, so no later epoch can be compared.
    tolerances={"float64": Tolerance(1e-8), "float32": Tolerance(1e-4)},
    ours="nnlib float64",
    limits=("C float64", "C float64, 512-bit"),
    check_count=100,
    bytes=descent_bytes((1, 2, 1), 60, 1, 8),
)

LECTURE_NETWORK = Workload(
    name="lecture network",
    title="3-3-4-2-1",
    description="tanh, 1 000 points, full batch, float64: one epoch of gradient descent",
    problem=problems.lecture_network,
    implementations={
        **peers("float64", small=True),
        "FANN": row(fann_library.descent, peer=True, tolerance=_FANN),
        **ours("float64"),
    },
    tolerances={"float64": Tolerance(1e-10)},
    ours="nnlib",
    check_count=20,
    flops=product_flops((3, 3, 4, 2, 1), 1_000),
    bytes=descent_bytes((3, 3, 4, 2, 1), 1_000, 1, 8),
)

SMALL_ADAM = Workload(
    name="small adam",
    title="4-32-16-4",
    description="tanh, 10 000 samples, full batch, float32: one epoch of Adam",
    problem=problems.small_adam,
    implementations={**peers("float32", optimizer="adam"), **ours("float32")},
    # Adam's first steps have length α whatever the gradient: parameters are of the order of 0.1.
    tolerances={"float32": Tolerance(1e-4, atol=1e-5)},
    ours="nnlib",
    check_count=10,
    flops=product_flops((4, 32, 16, 4), 10_000),
    bytes=descent_bytes((4, 32, 16, 4), 10_000, 1, 4, "adam"),
)

_DIGIT_STEPS = problems.DIGIT_SAMPLES // 32
DIGITS = Workload(
    name="digits",
    title="64-32-10",
    description="relu and softmax, 1 792 images, batches of 32, float32: one "
    "step of gradient descent",
    problem=problems.digits,
    implementations={**peers("float32", scikit=True, small=True), **ours("float32")},
    tolerances={"float32": Tolerance(1e-4, atol=2e-6)},
    ours="nnlib",
    unit="step",
    units=_DIGIT_STEPS,
    flops=product_flops(problems.DIGIT_SIZES, problems.DIGIT_SAMPLES),
    bytes=descent_bytes(problems.DIGIT_SIZES, problems.DIGIT_SAMPLES, _DIGIT_STEPS, 4),
)

_MNIST_STEPS = problems.MNIST_SAMPLES // 128
# A weight whose gradient is rounding noise still moves by up to α a step: on MNIST two libraries
# end up to 6e-3 apart. The tests compare Adam's programs in float64 as well.
_ADAM = Tolerance(1e-3, atol=1e-2)
MNIST_ADAM = Workload(
    name="mnist adam",
    title="784-128-10 by Adam",
    description="relu and softmax, 12 800 images, batches of 128, float32: one epoch of Adam",
    problem=problems.mnist_adam,
    implementations={
        **peers("float32", optimizer="adam"),
        # Its ε stands beside √s, not √ŝ, which shows in the first steps where gradients are small.
        "scikit-learn": Implementation(
            forms({"": scikit_learn.descent}, EITHER),
            "float32",
            peer=True,
            tolerance=Tolerance(1e-3, atol=3e-2),
        ),
        **ours("float32"),
    },
    tolerances={"float32": _ADAM},
    ours="nnlib",
    least_count=4,
    flops=product_flops(problems.MNIST_SIZES, problems.MNIST_SAMPLES),
    bytes=descent_bytes(problems.MNIST_SIZES, problems.MNIST_SAMPLES, _MNIST_STEPS, 4, "adam"),
)

MNIST = Workload(
    name="mnist",
    title="784-128-10",
    description="the same network, images and batches: one epoch of gradient descent",
    problem=problems.mnist,
    implementations={
        "NumPy": Implementation(forms(numpy_programs.DESCENTS, EITHER), "float32", peer=True),
        **ours("float32"),
    },
    # After the 100 steps parameters differ by 2e-7, and are of the order of 0.04.
    tolerances={"float32": Tolerance(1e-4, atol=2e-6)},
    ours="nnlib",
    least_count=4,
    flops=product_flops(problems.MNIST_SIZES, problems.MNIST_SAMPLES),
    bytes=descent_bytes(problems.MNIST_SIZES, problems.MNIST_SAMPLES, _MNIST_STEPS, 4),
)

_DEEP_STEPS = problems.MNIST_SAMPLES // 64
MNIST_DEEP = Workload(
    name="mnist deep",
    title="784-128-64-10",
    description="relu and softmax, 12 800 images, batches of 64, float32: one epoch of gradient "
    "descent",
    problem=problems.mnist_deep,
    implementations={**peers("float32", scikit=True), **ours("float32")},
    # In 200 steps a unit meets relu's kink on another side: NumPy and JAX end 4e-5 to 1.4e-4 from
    # float64, nnlib 3e-7.
    tolerances={"float32": Tolerance(1e-5, atol=5e-4)},
    ours="nnlib",
    least_count=4,
    flops=product_flops(problems.DEEP_SIZES, problems.MNIST_SAMPLES),
    bytes=descent_bytes(problems.DEEP_SIZES, problems.MNIST_SAMPLES, _DEEP_STEPS, 4),
)

_WIDE_STEPS = problems.WIDE_SAMPLES // 256
WIDE = Workload(
    name="wide",
    title="1024-1024-1024-1024-10",
    description="relu and softmax, 2 048 samples, batches of 256, float32: one epoch of gradient "
    "descent",
    problem=problems.wide,
    implementations={**peers("float32", scikit=True), **ours("float32")},
    tolerances={"float32": Tolerance(1e-5, atol=2e-6)},
    ours="nnlib",
    least_count=4,
    flops=product_flops(problems.WIDE_SIZES, problems.WIDE_SAMPLES),
    bytes=descent_bytes(problems.WIDE_SIZES, problems.WIDE_SAMPLES, _WIDE_STEPS, 4),
)

ONE_POINT = Workload(
    name="one point",
    title="One call of F",
    description="F on one number, 1-2-1, sigmoid: one call from Python",
    problem=problems.exercise,
    implementations={
        "lecture, scalar": row(lecture_scalar.forward),
        "nnlib float64": row(nnlib_network.one_call),
        "nnlib float32": row(nnlib_network.one_call, "float32"),
    },
    tolerances={"float64": Tolerance(1e-14), "float32": Tolerance(1e-6)},
    ours="nnlib float64",
    unit="call",
)


PREDICT_ONE = Workload(
    name="predict one",
    title="Predict one row",
    description="one row of 64-32-10, relu and softmax, float32, libraries with a switch on one "
    "thread: one call from Python, NumPy arrays in and out",
    problem=problems.one_digit,
    implementations=predictions((1,)),
    tolerances={"float32": Tolerance(1e-4, atol=1e-6)},
    ours="nnlib",
    unit="call",
    flops=forward_flops(problems.DIGIT_SIZES, 1),
    bytes=forward_bytes(problems.DIGIT_SIZES, 1, 4),
)

PREDICT_MANY = Workload(
    name="predict many",
    title="Predict 10 000 rows",
    description="10 000 rows of 784-128-10, relu and softmax, float32: one call from Python, NumPy "
    "arrays in and out",
    problem=problems.many_images,
    implementations={
        **predictions(),
        "nnlib, 1 thread": row(nnlib_network.prediction, "float32", threads=1),
    },
    tolerances={"float32": Tolerance(1e-4, atol=1e-6)},
    ours="nnlib",
    unit="call",
    flops=forward_flops(problems.MNIST_SIZES, problems.MANY_ROWS),
    bytes=forward_bytes(problems.MNIST_SIZES, problems.MANY_ROWS, 4),
)

BLAS = Workload(
    name="blas",
    title="The machine's matrix product",
    description=f"one {blas.SIZE}³ product, the limit of wide layers",
    problem=blas.matrices,
    implementations={
        blas.row_name(library, dtype, threads): row(product, dtype, threads)
        for dtype in ("float32", "float64")
        for library, product in blas.PRODUCTS.items()
        for threads in (None, 1)
    },
    tolerances={"float32": Tolerance(1e-4), "float64": Tolerance(1e-4)},
    ours=blas.row_name(blas.LIMIT, "float32", None),
    unit="product",
    flops=blas.FLOPS,
)

START = Workload(
    name="start",
    title="Start",
    description="a fresh process to the end of its first descent (300 epochs of the exercise)",
    problem=problems.exercise,
    implementations={
        "nnlib, warm cache": row(fresh_process.warm),
        "nnlib, empty cache": row(fresh_process.cold),
        "import torch alone": row(fresh_process.import_torch, compared=False),
    },
    tolerances={"float64": Tolerance(0.0)},
    ours="nnlib, warm cache",
    unit="process",
)

WORKLOADS = {
    workload.name: workload
    for workload in (
        EXERCISE,
        LECTURE_NETWORK,
        SMALL_ADAM,
        DIGITS,
        MNIST_ADAM,
        MNIST,
        MNIST_DEEP,
        WIDE,
        *GRAPHS,
        *IMAGES,
        NORMALISED,
        *RECURRENT,
        STEPPER,
        ONE_POINT,
        PREDICT_ONE,
        PREDICT_MANY,
        *POPULATIONS,
        LSTMS,
        BLAS,
        START,
    )
}
ROWS = [(workload, name) for workload in WORKLOADS.values() for name in workload.implementations]
