"""FANN, the Fast Artificial Neural Network library, through a small C program (fann.c)."""

from __future__ import annotations

import ctypes

import numpy as np

from ..problems.problem import Problem
from ..problems.workload import Array, Result, Run, UnavailableError
from .c_compiler import FLAGS, compiled

# FANN's number of the activation, the steepness that makes it ours, and the part of the output's
# error that FANN keeps: it halves the error of functions that go from −1 to 1.
_ACTIVATIONS = {"sigmoid": (3, 0.5, 1.0), "tanh": (5, 1.0, 0.5)}
_LIBRARIES = {"float64": "doublefann", "float32": "floatfann"}


def descent(problem: Problem, dtype: str) -> Run:
    """Full batches, one activation for all layers, half squared error: `fann_train_epoch`.

    FANN keeps its learning rate and its error in single precision whatever the weights are.
    """
    library = _LIBRARIES[dtype]
    function = compiled("fann.c", (*FLAGS, f'-DFANN_HEADER="{library}.h"'), (f"-l{library}", "-lm"))
    pointer, whole, real = ctypes.c_void_p, ctypes.c_uint, ctypes.c_double
    function.argtypes = [whole, pointer, ctypes.c_int, real, whole, *[pointer] * 3, real,
                         ctypes.c_long]  # fmt: skip
    function.restype = real
    code, steepness, error_kept = _ACTIVATIONS[problem.activations[0]]
    X, y = problem.X.astype(dtype), problem.y.astype(dtype)
    sizes, n = np.array(problem.sizes, np.uintc), len(X)
    # FANN divides the gradient by the number of examples.
    rate = problem.rate / error_kept * (1 if problem.reduction == "mean" else n)
    mean_to_cost = 0.5 * y.shape[1] / error_kept**2 * (1 if problem.reduction == "mean" else n)

    def run(epochs: int) -> Result:
        weights = np.concatenate([np.column_stack(layer).ravel() for layer in problem.start])
        weights = weights.astype(dtype)
        error = function(len(sizes), sizes.ctypes.data, code, steepness, n, X.ctypes.data,
                         y.ctypes.data, weights.ctypes.data, rate, epochs)  # fmt: skip
        if error < 0:
            raise UnavailableError("FANN could not make the network")
        return Result(_in_our_order(problem, weights), error * mean_to_cost)

    return run


def _in_our_order(problem: Problem, weights: Array) -> Array:
    """W then b of each layer, out of FANN's rows (w, b) of each unit."""
    parts, first = [], 0
    for W, b in problem.start:
        rows = weights[first : first + W.size + b.size].reshape(len(b), -1)
        parts += [rows[:, :-1].ravel(), rows[:, -1]]
        first += rows.size
    return np.concatenate(parts)
