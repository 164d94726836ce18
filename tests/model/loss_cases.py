"""Networks of two inputs for the tests of losses, and data for them."""

from __future__ import annotations

import nnlib
from tests.strategies import targets

N = 12


def network(loss="half_squared_error", output="identity", hidden="tanh", d_out=3, **settings):
    """A network of two inputs."""
    return nnlib.Network([2, 4, d_out], [hidden, output], loss, seed=3, **settings)


def data(rng, loss, d_out=3):
    """Inputs, and targets that the loss takes."""
    return rng.normal(size=(N, 2)), targets(rng, loss, N, d_out).astype(float)
