"""What a network and the options of a descent cannot do together, refused before any work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks.splits import is_drawn, is_split_off
from ..checks.values import on_gpu
from ..errors import DeviceError
from ..kernels.layers.operations import drops, has_lazy_layers, has_rates, looks_at_batches
from ..kernels.training import unrolled
from ..layers.shaped import ShapedLayer
from ..layers.through_time import RecurrentLayer
from ..optimizers import LevenbergMarquardt
from .options import OPTIONS, Options

Array = NDArray[Any]


def _splits(options: Options) -> bool:
    """Whether some of the examples are to be split off for validation."""
    return options.validation is not None and is_split_off(options.validation)


def check_device(options: Options, device: str) -> None:
    """Refuse options that the network's device cannot do."""
    other = "cpu" if device == "cuda" else "cuda"
    for name, entry in OPTIONS.items():
        value = getattr(options, name)
        if device in entry.refused_on and value != entry.default:
            raise ValueError(
                f"{name}={value!r} {entry.refused_on[device]} and the network is on {device!r}: "
                f"use net.to({other!r}), or leave {name} out"
            )


def check_cuda(options: Options, X: Any) -> None:
    """Refuse what a GPU cannot do."""
    if _splits(options) and on_gpu(X):
        raise ValueError(
            f"validation={options.validation} would split arrays that lie on the GPU: give a "
            "pair (X, y) that lies there too, or X and y on the host"
        )
    if isinstance(options.optimizer, LevenbergMarquardt):
        raise ValueError(
            f"optimizer {options.optimizer.name!r} runs on the CPU only and the network is on "
            "'cuda': use net.to('cpu'), or another optimizer"
        )


def check_for(options: Options, layers: Sequence[ShapedLayer], dtype: Any) -> None:
    """Refuse what layers like these, or numbers of this dtype, have no use for."""
    check_precision(options.precision, dtype)
    recurrent = any(isinstance(layer, RecurrentLayer) for layer in layers)
    if options.tbptt is not None and not recurrent:
        raise ValueError(
            f"tbptt is {options.tbptt}, wanted None: no layer of this network is recurrent, so no "
            "gradient goes back through time"
        )


def check_precision(precision: str | None, dtype: Any) -> None:
    """Refuse products on tensor cores for a dtype or a GPU that has none."""
    if precision is None:
        return
    if dtype != np.float32:
        raise ValueError(
            f"precision={precision!r} is for products of float32 and the network's dtype is "
            f"{dtype}: use dtype='float32', or leave precision out"
        )
    from ..kernels.cuda.compile.jit import capability

    if capability() < (8, 0):
        major, minor = capability()
        raise DeviceError(
            f"precision={precision!r} needs a GPU of compute capability 8.0 or newer; this one "
            f"has {major}.{minor}: leave precision out"
        )


def check_seed(options: Options, known: bool, drops: bool) -> None:
    """A checkpoint needs everything drawn at the start to be drawn again when it is resumed.

    known says whether the network's seed was given: the program that resumes would draw another.
    drops says whether layers of the network drop values.
    """
    if options.checkpoint is None or options.seed is not None or known:
        return
    drawn = _splits(options) and is_drawn(options.validation) and options.shuffle
    if drawn or drops or options.dropout:
        what = f"validation={options.validation}" if drawn else f"dropout={options.dropout}"
        if drops and not drawn:
            what = "layers of dropout or of random images"
        raise ValueError(
            f"checkpoint with {what} needs a seed, here or of the "
            "network: without one, nothing is drawn the same way when it is resumed"
        )


def is_plain(options: Options, table: Array) -> bool:
    """Whether a descent is plain, see `kernels.training.descent`: by its options and its table."""
    more = drops(table), has_rates(table), has_lazy_layers(table), looks_at_batches(table)
    return options.plain and not any(more)


def check_compiled(table: Array, parameters: int, loss: int) -> None:
    """Refuse networks whose pass cannot be written out."""
    reason = unrolled.obstacle(table, parameters, loss)
    if reason is not None:
        raise ValueError(f"compile=True, but this network cannot be written out: {reason}")
