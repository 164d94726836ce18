"""The row of a residual network with batch normalisation, see `bench.rows.workloads`."""

from __future__ import annotations

from ..problems import normalised_problem as problems
from ..problems.work import parameter_bytes
from ..problems.workload import Implementation, Tolerance, Workload
from ..programs import normalised_images as programs
from .builders import EITHER, forms, row

_STEPS = problems.SAMPLES // problems.BATCH
_PARAMETERS = 9 * problems.CHANNELS * (1 + 2 * problems.BLOCKS * problems.CHANNELS)
NORMALISED = Workload(
    name="residual images",
    title="Residual network of images",
    description="MNIST's images, a unit of 16 filters of 3 × 3 with batch normalisation and three "
    "blocks h + g(f(h)) of such units, the mean over all places, 10 classes, softmax "
    "cross-entropy, 1 024 samples, batches of 64, float32: one step of Adam",
    problem=problems.residual_images,
    implementations={
        "nnlib": row(programs.nnlib_descent, "float32"),
        "nnlib, 1 thread": row(programs.nnlib_descent, "float32", threads=1),
        "PyTorch": Implementation(forms(programs.PYTORCH, EITHER), "float32", peer=True),
        "JAX": row(programs.jax_descent, "float32", peer=True),
    },
    # Adam's steps have length α whatever the gradient, and rounding decides about a ReLU.
    tolerances={"float32": Tolerance(1e-3, atol=5e-3)},
    ours="nnlib",
    unit="step",
    units=_STEPS,
    flops=problems.normalised_flops(),
    bytes=parameter_bytes(_PARAMETERS, problems.SIDE**2 + 1, problems.SAMPLES, _STEPS, 4, "adam"),
)
