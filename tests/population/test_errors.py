"""What `train_many` refuses, before any work: the argument, what came, what was wanted."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import nnlib
from tests.devices import amount
from tests.population.cases import N, data

NET = nnlib.Network([3, 4, 2])

REFUSED = {
    "no number": ({}, ValueError, "n is missing"),
    "n": ({"n": 0}, ValueError, "n is 0, wanted a whole number of at least 1"),
    "n's type": ({"n": 2.5}, TypeError, "n must be a whole number"),
    "n and seeds": ({"n": 2, "seeds": [1]}, ValueError, "n and seeds are both given"),
    "seeds": ({"seeds": [1, -1]}, ValueError, r"seeds\[1\] is -1"),
    "no seeds": ({"seeds": []}, ValueError, "seeds is empty"),
    "seeds' type": ({"seeds": 7}, TypeError, "seeds must be a list"),
    "trace": ({"n": 2, "trace": 0}, ValueError, "trace is 0"),
    "seed": ({"n": 2, "seed": "x"}, TypeError, "seed must be a whole number"),
    "typo": ({"n": 2, "learning_rat": 1}, TypeError, "did you mean 'learning_rate'"),
    "checkpoint_seconds": (
        {"n": 2, "checkpoint_seconds": 5},
        ValueError,
        "takes no checkpoint_seconds",
    ),
    "resume": ({"n": 2, "resume": True}, ValueError, "resume is True but checkpoint is None"),
    "partial": ({"n": 2, "partial": True}, ValueError, "takes no partial"),
    "rate": ({"n": 2, "learning_rate": -1}, ValueError, "learning_rate is -1"),
    "batch": (
        {"n": 2, "batch_size": N + 1},
        ValueError,
        f"batch_size is {N + 1}, wanted .* at most {N}",
    ),
    "grid's name": ({"grid": {"learning_rates": [1]}}, ValueError, "did you mean 'learning_rate'"),
    "grid's value": (
        {"grid": {"learning_rate": [0.1, -3], "l1": [0]}},
        ValueError,
        r"learning_rate is -3.*in the grid, with \{'learning_rate': -3, 'l1': 0\}",
    ),
    "grid's list": ({"grid": {"l1": 0.1}}, TypeError, r"grid\['l1'\] must be a list"),
    "grid's text": ({"grid": {"optimizer": "adam"}}, TypeError, r"grid\['optimizer'\] must be"),
    "empty list": ({"grid": {"l1": []}}, ValueError, r"grid\['l1'\] is empty"),
    "grid": ({"grid": 3}, TypeError, "grid must be a dict"),
    "grids": ({"grid": []}, ValueError, "grid is empty"),
    "in grids": ({"grid": [3]}, TypeError, "grid must be a dict"),
    "sizes": ({"grid": {"sizes": [[3, 2], [4, 2]]}}, ValueError, "the same inputs and outputs"),
    "no sizes": ({"net": None, "n": 2}, ValueError, "sizes are missing"),
    "halving": ({"n": 2, "halving": 1}, ValueError, "halving is 1.0, wanted .* greater than 1"),
    "cannot pause": ({"n": 2, "halving": 2, "optimizer": "lbfgs"}, ValueError, "cannot pause"),
    "net's own": ({"net": NET, "n": 2, "loss": "huber"}, ValueError, "loss: given beside"),
    "net and sizes": ({"net": NET, "grid": {"sizes": [[3, 2]]}}, ValueError, "sizes: in the grid"),
    "activation": ({"n": 2, "activation": "sigmoïd"}, ValueError, "did you mean 'sigmoid'"),
    "initializer": ({"n": 2, "initializer": "he"}, ValueError, "initializer is 'he'"),
    "y": ({"n": 2, "y": np.ones((7, 2))}, ValueError, f"{N} examples and y has 7"),
    "callback": ({"n": 2, "callback": 3}, TypeError, "callback must be callable"),
    "dropout": ({"n": 2, "dropout": [0.1, 0.1]}, ValueError, "dropout is"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_before_any_work(name, monkeypatch):
    arguments, kind, message = REFUSED[name]
    X, y = data()
    arguments = {"net": [3, 4, 2], "X": X, "y": y, **arguments}

    def work(_):
        pytest.fail("work has begun")

    module = importlib.import_module("nnlib.train_many")  # the name is the function's too
    monkeypatch.setattr(module, "_engine", lambda *_: work)
    with pytest.raises(kind, match=message):
        nnlib.train_many(**arguments)


def test_a_callbacks_error_ends_all():
    X, y = data()

    def broken(report):
        raise RuntimeError("broken callback")

    with pytest.raises(RuntimeError, match="broken callback"):
        nnlib.train_many([3, 4, 2], X, y, n=4, epochs=amount(10**7, 10**4), callback=broken)


def test_parameters_of_the_network_must_be_finite():
    X, y = data()
    net = nnlib.Network([3, 4, 2])
    net.parameters[3] = np.nan
    with pytest.raises(ValueError, match="parameters holds nan"):
        nnlib.train_many(net, X, y, grid={"l1": [0.0]})
