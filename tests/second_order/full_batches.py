"""Running the optimizers of full batches on a Network, and watching them work."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from nnlib.kernels.formulas import losses
from nnlib.kernels.second_order import lbfgs, levenberg_marquardt
from nnlib.second_order import methods

RUN = {
    "lbfgs": methods.run_lbfgs,
    "levenberg_marquardt": methods.run_levenberg_marquardt,
}
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
    if method == "lbfgs":
        settings["device"] = net.device
    return RUN[method](
        net.architecture.training_table,
        net.parameters,
        net.architecture.units,
        X.reshape(len(X), -1),
        y.reshape(len(y), -1),
        np.asarray(weights, net.dtype),
        epochs=epochs,
        mean=reduction == "mean",
        weight_decay=weight_decay,
        loss=losses.CODES[net.loss],
        progress=False,
        **settings,
    )


def watch(monkeypatch, method, budget=1):
    """Let the driver stop after every `budget`; returns the list of copied states it fills."""
    states, driver = [], DRIVER[method]
    descend = driver.descend

    def one_slice(model, data, state, settings, _):
        descend(model, data, state, settings, budget)
        states.append(copy.deepcopy(state))

    monkeypatch.setattr(driver, "descend", one_slice)
    return states
