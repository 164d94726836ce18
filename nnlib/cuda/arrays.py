"""Arrays that lie on the GPU already: CuPy's, PyTorch's, anything with __cuda_array_interface__."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks.values import OF_CLASSES, OF_PROBABILITIES, PROBABILITY_ERROR, on_gpu
from ..kernels.cuda.compile.jit import as_cuda_array, cuda, launcher
from ..kernels.cuda.network import evaluate
from .launch import MOST_THREADS, processors

Array = NDArray[Any]


def flat(values: Any) -> Any:
    """The same values as a vector, without a copy."""
    return values.reshape(-1)


def on_device(values: Any) -> Any:
    """The same values on the GPU, without a copy if they are there already."""
    return values if on_gpu(values) else cuda.to_device(values)


def gpu_rows(argument: str, values: Any, width: int, dtype: np.dtype[Any]) -> Any:
    """Examples on the GPU as (n, width), n ≥ 1, with no copy made; (n,) too where width is 1.

    Raises
    ------
    TypeError, ValueError
        If they have another form, another dtype, are not contiguous or not finite.
    """
    array = as_cuda_array(values)
    if array.dtype != dtype:
        raise TypeError(
            f"{argument} lies on the GPU with dtype {array.dtype}, wanted {dtype}: it is used "
            "without a copy"
        )
    if array.ndim == 1 and width == 1:
        array = array.reshape(len(array), 1)
    if array.ndim != 2 or array.shape[1] != width:
        columns = f"(n, {width})" + (" or (n,)" if width == 1 else "")
        raise ValueError(f"{argument} has shape {array.shape}, wanted {columns}")
    if not array.size:
        raise ValueError(f"{argument} is empty, wanted at least one example")
    if not array.is_c_contiguous():
        raise ValueError(f"{argument} is not C-contiguous, wanted rows one after the other")
    if _survey(array)[0]:
        raise ValueError(f"{argument} holds NaN or infinite numbers, wanted finite ones")
    return array


def gpu_targets(values: Any, d_out: int, dtype: np.dtype[Any], loss: str) -> Any:
    """y (n, d_L) on the GPU with values that the loss has a meaning for.

    Raises
    ------
    TypeError, ValueError
        As `gpu_rows`.
    """
    if loss in OF_CLASSES and len(values.shape) == 1:
        raise ValueError(
            "y lies on the GPU as classes (n,); there wanted are rows of probabilities "
            f"(n, {d_out})"
        )
    y = gpu_rows("y", values, d_out, dtype)
    _, below, above = _survey(y)
    if loss == "poisson" and below:
        raise ValueError("y holds negative numbers, wanted counts of at least 0")
    if loss in (*OF_CLASSES, *OF_PROBABILITIES) and (below or above):
        raise ValueError("y holds numbers outside 0 … 1, wanted probabilities")
    if loss == "hinge" and (abs(y.copy_to_host()) != 1).any():
        raise ValueError("y holds other numbers than 1 and -1, which the loss hinge needs")
    if loss in OF_CLASSES:
        errors = cuda.device_array(len(y), np.float64)
        launcher(evaluate.row_errors, processors(), MOST_THREADS)(errors, flat(y))
        if errors.copy_to_host().max() > PROBABILITY_ERROR:
            raise ValueError("a row of y does not add up to 1, wanted probabilities that do")
    return y


def _survey(array: Any) -> Array:
    """How many values are not finite, below 0, above 1."""
    blocks, threads = processors(), MOST_THREADS
    found = cuda.device_array(3 * blocks, np.float64)
    launcher(evaluate.survey, blocks, threads, 8 * threads)(found, flat(array))
    counts: Array = found.copy_to_host().reshape(-1, 3).sum(axis=0)
    return counts


def gpu_examples(
    X: Any, y: Any, d_in: int, d_out: int, dtype: np.dtype[Any], loss: str
) -> tuple[Any, Any]:
    """X and y, both on the GPU, checked there.

    Raises
    ------
    TypeError, ValueError
        If one of them is on the host, or as `gpu_rows` and `gpu_targets`.
    """
    if not (on_gpu(X) and on_gpu(y)):
        here, there = ("X", "y") if on_gpu(y) else ("y", "X")
        raise TypeError(f"{there} lies on the GPU and {here} does not, wanted both on one side")
    X, y = gpu_rows("X", X, d_in, dtype), gpu_targets(y, d_out, dtype, loss)
    if len(X) != len(y):
        raise ValueError(f"X has {len(X)} examples and y has {len(y)}, wanted equally many")
    return X, y
