"""Running the optimizers of full batches on a Network, and watching them work."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from nnlib import optimizers
from nnlib.checks.examples import Examples
from nnlib.kernels.formulas import losses
from nnlib.kernels.second_order import lbfgs, levenberg_marquardt
from nnlib.second_order.least_squares import run_levenberg_marquardt
from nnlib.second_order.minimised import Minimised
from nnlib.second_order.quasi_newton import run_lbfgs
from nnlib.second_order.slices import Run

RUN = {"lbfgs": run_lbfgs, "levenberg_marquardt": run_levenberg_marquardt}
DRIVER = {"lbfgs": lbfgs, "levenberg_marquardt": levenberg_marquardt}
METHODS = [
    "lbfgs",
    pytest.param("levenberg_marquardt", marks=pytest.mark.cpu("levenberg_marquardt")),
]


def optimize(
    method, net, X, y, reduction="mean", epochs=500, weight_decay=0.0, weights=(), **settings
):
    """Run a method on a network; X is (n, d_1) or (n,), y is (n, d_L) or (n,)."""
    X, y = np.asarray(X, net.dtype), np.asarray(y, net.dtype)
    own = net.architecture
    train = Examples(X.reshape(len(X), -1), y.reshape(len(y), -1), np.asarray(weights, net.dtype))
    minimised = Minimised(
        own.training_table, net.parameters, own.units, losses.CODES[net.loss], train
    )
    run = Run(epochs, reduction == "mean", weight_decay, progress=False)
    optimizer = optimizers.OPTIMIZERS[method](**settings)
    where = (net.device,) if method == "lbfgs" else ()
    return RUN[method](minimised, optimizer, run, *where)


def watch(monkeypatch, method, budget=1):
    """Let the driver stop after every `budget`; returns the list of copied states it fills."""
    states, driver = [], DRIVER[method]
    descend = driver.descend

    def one_slice(model, data, state, settings, _):
        descend(model, data, state, settings, budget)
        states.append(copy.deepcopy(state))

    monkeypatch.setattr(driver, "descend", one_slice)
    return states
