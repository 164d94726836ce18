"""Outputs of populations of networks with several inputs and outputs."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib import layers

pytestmark = pytest.mark.cpu("graphs")


@pytest.mark.parametrize("named", [True, False])
def test_every_output_has_members_mean_and_spread(rng, named):
    a, b = layers.Input(2), layers.Input(3)
    h = layers.Dense(4, "tanh")(a) * layers.Dense(4)(b)
    outputs = [layers.Dense(1)(h), layers.Dense(2)(h)]
    net = nnlib.Network(
        inputs=[a, b], outputs={"p": outputs[0], "q": outputs[1]} if named else outputs
    )
    X = [rng.normal(size=(20, 2)), rng.normal(size=(20, 3))]
    y = [rng.normal(size=20), rng.normal(size=(20, 2))]
    population = nnlib.train_many(net, X, y, n=3, epochs=3)
    found, (mean, spread) = population.F(X), population.predict(X)
    for key, shape in zip(("p", "q") if named else (0, 1), [(20, 1), (20, 2)], strict=True):
        assert found[key].shape == (3, *shape)
        np.testing.assert_array_equal(found[key][1], population[1].F(X)[key])
        np.testing.assert_allclose(mean[key], found[key].mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(spread[key], found[key].std(axis=0), rtol=1e-9, atol=1e-15)
