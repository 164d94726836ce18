"""What the tests of populations share: data, and the network that a member is, trained alone."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from tests.devices import amount
from tests.tolerances import tolerance

# Trained member by member, so with the bits of the network alone; plain descents on all the data
# train in vector lanes, with sums in another order.
EXACT = {"optimizer": "momentum", "learning_rate": 0.05}


# Examples.
N = amount(40, 12)


def data(n=N, d_in=3, d_out=2, seed=0):
    """Inputs and targets in (0, 1)."""
    generator = np.random.default_rng(seed)
    return generator.normal(size=(n, d_in)), generator.uniform(size=(n, d_out))


@pytest.fixture(autouse=True)
def cut_as_members(request, monkeypatch):
    """On a GPU a network alone is left to one block, as a member is: the sums have one order."""
    if request.config.getoption("--device") == "cuda":
        monkeypatch.setattr("nnlib.cuda.launch.WORK_OF_ONE_BLOCK", 10**12)


def alone(population, member, X, y, network=None, **options):
    """The member's network, trained alone: the network and its history."""
    choice = dict(population.choices[population.choice[member]])
    arguments = dict(network or {})
    for name in ("sizes", "activation", "initializer"):
        if name in choice:
            arguments[name] = choice.pop(name)
    net = nnlib.Network(**arguments, seed=int(population.seed[member]))
    return net, net.descent(X, y, progress=False, **{**options, **choice})


def assert_same_descent(population, member, net, history):
    """The member has the bits of the network trained alone, and its trace."""
    np.testing.assert_array_equal(population[member].parameters, net.parameters)
    reached = population.trace[population.trace < history.epochs]
    np.testing.assert_array_equal(population.J[member, : reached.size], history.J[reached])
    assert np.isnan(population.J[member, reached.size :]).all()
    assert population.epochs[member] == history.epochs


def rounding(dtype, n, steps):
    """How far two orders of summation may lead `steps` steps of a tame descent apart."""
    return tolerance(dtype, n, depth=4) * steps
