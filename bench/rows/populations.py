"""The rows of many networks at once, see `bench.rows.workloads`.

What is compared are costs of single members, at an epoch before rounding differences have grown.
The first row is nnlib's own, since it needs no library beside it.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..problems import population_problem as problems
from ..problems.workload import Implementation, Prepare, Tolerance, Workload
from ..programs import (
    population_jax,
    population_nnlib,
    population_pytorch,
    population_scikit_learn,
)
from .builders import forms, row


def _ours(prepare: Prepare) -> dict[str, Implementation]:
    """nnlib on all processors and on one thread."""
    return {
        "nnlib": row(prepare, "float32"),
        "nnlib, 1 thread": row(prepare, "float32", threads=1),
    }


def _peer(programs: Mapping[str, Prepare]) -> Implementation:
    return Implementation(forms(programs, (None,)), "float32", peer=True)


_EXERCISES = problems.EXERCISE_EPOCHS * 1_000
THOUSAND = Workload(
    name="1 000 networks",
    title="1 000 exercises",
    description=f"1-2-1 from 1 000 starts, sigmoid, 60 points, full batch, float32, "
    f"{problems.EXERCISE_EPOCHS} epochs: one epoch of one network",
    problem=problems.thousand_exercises,
    implementations={
        **_ours(population_nnlib.descents),
        "JAX": _peer(population_jax.DESCENTS),
        "PyTorch": _peer(population_pytorch.DESCENTS),
    },
    tolerances={"float32": Tolerance(1e-5)},
    ours="nnlib",
    unit="network and epoch",
    units=_EXERCISES,
)

HUNDRED_THOUSAND = Workload(
    name="100 000 networks",
    title="100 000 exercises",
    description="the same from 100 000 starts",
    problem=problems.many_exercises,
    implementations={"nnlib": row(population_nnlib.descents, "float32")},
    tolerances={"float32": Tolerance(0.0)},
    ours="nnlib",
    unit="network and epoch",
    units=100 * _EXERCISES,
)

DIGIT_NETWORKS = Workload(
    name="64 networks",
    title="64 times 64-32-10",
    description="64 starts, relu and softmax, 1 792 images, batches of 32, float32, 20 epochs of "
    "gradient descent: one epoch of one network",
    problem=problems.digit_networks,
    implementations={
        **_ours(population_nnlib.descents),
        "JAX": _peer(population_jax.DESCENTS),
    },
    tolerances={"float32": Tolerance(1e-4)},
    ours="nnlib",
    unit="network and epoch",
    units=64 * problems.DIGIT_EPOCHS,
)

SEARCH = Workload(
    name="search",
    title="Search for a learning rate",
    description="30-16-2, tanh and softmax, breast cancer, 20 rates × 5 folds, 50 epochs of Adam, "
    "batches of 200, float32: the whole search, GridSearchCV with two processes",
    problem=problems.breast_cancer_search,
    implementations={
        **_ours(population_nnlib.search),
        "scikit-learn": _peer(population_scikit_learn.SEARCHES),
    },
    # Other starts and batches: the lowest mean loss over the folds, about 0.06, agrees to 9 %.
    tolerances={"float32": Tolerance(0.25)},
    ours="nnlib",
    unit="search",
)

POPULATIONS = (THOUSAND, HUNDRED_THOUSAND, DIGIT_NETWORKS, SEARCH)
