"""The rows of networks that are no chain, see `bench.rows.workloads`."""

from __future__ import annotations

from ..problems import graph_problem as problems
from ..problems.work import descent_bytes, graph_bytes, product_flops
from ..problems.workload import Implementation, Tolerance, Workload
from ..programs import jax_loop, nnlib_network, numpy_graph, pytorch, pytorch_compiled
from .builders import EITHER, Programs, forms, row


def _rows() -> dict[str, Implementation]:
    """Everybody's descent by Adam, float32.

    PyTorch's compiled form takes one thread, as for all small networks: four steps of nine layers
    compile for half a minute.
    """
    programs: dict[str, Programs] = {
        "NumPy": ({"": numpy_graph.descent}, EITHER),
        "JAX": (jax_loop.DESCENTS, (None,)),
        "PyTorch": (pytorch.descents("adam"), EITHER),
        "PyTorch compiled": ({"": pytorch_compiled.descent}, (1,)),
    }
    peers = {
        name: Implementation(forms(*way), "float32", peer=True) for name, way in programs.items()
    }
    return peers | {
        "nnlib": row(nnlib_network.descent, "float32"),
        "nnlib, 1 thread": row(nnlib_network.descent, "float32", threads=1),
    }


_STEPS = problems.SAMPLES // problems.BATCH
RESIDUAL = Workload(
    name="residual",
    title="Residual 16-64, 4 blocks",
    description="16-64, four blocks h + W₂ relu(W₁ h + b₁) + b₂ of width 64, 64-1, half squared "
    "error, 4 096 samples, batches of 64, float32: one step of Adam",
    problem=problems.residual,
    implementations=_rows(),
    # In 64 steps a few units meet relu's kink on another side: JAX and PyTorch's graph end 2e-3
    # from float64, the others 2e-6. The tests compare the programs in float64 as well.
    tolerances={"float32": Tolerance(1e-4, atol=5e-3)},
    ours="nnlib",
    unit="step",
    units=_STEPS,
    flops=product_flops(problems.RESIDUAL_SIZES, problems.SAMPLES),
    bytes=descent_bytes(problems.RESIDUAL_SIZES, problems.SAMPLES, _STEPS, 4, "adam"),
)

_TOWER = problems.TOWER_SIZES
# The last layer stands behind one of the towers.
_CHAINS = ((*_TOWER, 1), _TOWER)
TWO_TOWERS = Workload(
    name="two towers",
    title="Two towers 16-32-16",
    description="two inputs, 16-32-16 with relu for each, their product, 16-1, half squared error, "
    "4 096 samples, batches of 64, float32: one step of Adam",
    problem=problems.two_towers,
    implementations=_rows(),
    # Adam's first steps have length α whatever the gradient: parameters are of the order of 0.1.
    tolerances={"float32": Tolerance(1e-4, atol=1e-5)},
    ours="nnlib",
    unit="step",
    units=_STEPS,
    flops=sum(product_flops(sizes, problems.SAMPLES) for sizes in _CHAINS),
    bytes=graph_bytes(_CHAINS, 2 * _TOWER[0] + 1, problems.SAMPLES, _STEPS, 4, "adam"),
)

GRAPHS = (RESIDUAL, TWO_TOWERS)
