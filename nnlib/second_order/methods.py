"""Running the optimizers of full batches, L-BFGS and Levenberg-Marquardt."""

from __future__ import annotations

from ..history import SecondOrderHistory
from ..kernels.layers.operations import drops, has_rates, looks_at_batches
from ..optimizers import LBFGS, FullBatch, LevenbergMarquardt
from ..training.epoch_metrics import EpochMetrics
from ..training.options import Options
from ..training.shards import SUMMED
from .least_squares import run_levenberg_marquardt
from .minimised import Array, Minimised
from .quasi_newton import run_lbfgs
from .slices import Run, Watch, begin_from


def run(minimised: Minimised, options: Options, device: str = "cpu") -> SecondOrderHistory:
    """The optimizer that an object of `nnlib.optimizers` means, with the options of a descent.

    device is where it computes, "cpu" for Levenberg-Marquardt.

    Raises
    ------
    ValueError, DivergenceError
        As `run_lbfgs` and `run_levenberg_marquardt`.
    """
    optimizer = options.optimizer
    assert isinstance(optimizer, FullBatch)
    check_full_batch(optimizer, minimised.table)
    own = Run(
        options.epochs, options.mean, options.weight_decay, options.progress, Watch(options),
        begin_from(
            minimised.table, minimised.loss, minimised.train, options, _summed(options, device)
        ),
    )  # fmt: skip
    if isinstance(optimizer, LBFGS):
        history = run_lbfgs(minimised, optimizer, own, device, options.cluster)
    else:
        assert isinstance(optimizer, LevenbergMarquardt)
        history = run_levenberg_marquardt(minimised, optimizer, own)
    metrics: EpochMetrics | None = options.metrics
    return history if metrics is None else metrics.noted(history)


def _summed(options: Options, device: str) -> str:
    """How sums over the examples are added up, which decides bits."""
    return device if options.cluster is None else f"{device}, {SUMMED}"


def check_full_batch(optimizer: FullBatch, table: Array) -> None:
    """Refuse what a method that takes full batches and finds its own steps cannot do.

    Raises
    ------
    ValueError
    """
    reasons = {
        "layers of dropout and of random images draw anew for every step": drops(table),
        "layers with a rate_factor of their own have no meaning where there is no learning rate":
            has_rates(table),
        "batch normalisation changes its running averages with every batch":
            looks_at_batches(table),
    }  # fmt: skip
    for reason, holds in reasons.items():
        if holds:
            raise ValueError(f"optimizer={optimizer.name!r}: {reason}; use another optimizer")
