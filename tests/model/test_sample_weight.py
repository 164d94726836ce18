"""Example weights: J = Σ v_i J_i / Σ v_i."""

from __future__ import annotations

import re

import numpy as np
import pytest

import nnlib
from nnlib.kernels.formulas import losses
from nnlib.model.arguments import LOGITS
from tests.tolerances import assert_close

from .loss_cases import N, data, network


class TestSampleWeight:
    """J = Σ v_i J_i / Σ v_i."""

    def test_by_hand(self):
        # F = 0; J_i = ½, 2; weights 3 and 1.
        net = nnlib.Network([1, 1], "identity", initializer="zeros")
        assert net.J([0, 1], [1, 2], sample_weight=[3, 1]) == (3 * 0.5 + 1 * 2) / 4
        assert net.J([0, 1], [1, 2], "sum", sample_weight=[3, 1]) == 3 * 0.5 + 1 * 2
        assert net.J([0, 1], [1, 2], weight_decay=1, sample_weight=[3, 1]) == 3.5 / 4
        dW, db = net.derJ([0, 1], [1, 2], sample_weight=[3, 1])
        assert (dW[0].item(), db[0].item()) == (-2 / 4, -5 / 4)

    @pytest.mark.parametrize("loss", losses.CODES)
    @pytest.mark.parametrize("reduction", ["mean", "sum"])
    def test_whole_weights_repeat_examples(self, loss, reduction, rng):
        net = network(loss, LOGITS.get(loss, ["identity"])[0])
        X, y = data(rng, loss)
        times = rng.integers(0, 3, N)
        weighted = net.derJ(X, y, reduction, sample_weight=times)
        repeated = net.derJ(np.repeat(X, times, 0), np.repeat(y, times, 0), reduction)
        for one, other in zip(
            [*weighted[0], *weighted[1]], [*repeated[0], *repeated[1]], strict=True
        ):
            assert_close(one, other, terms=2 * N)
        expected = net.J(np.repeat(X, times, 0), np.repeat(y, times, 0), reduction)
        actual = net.J(X, y, reduction, sample_weight=times)
        assert_close(actual, expected, terms=2 * N, dtype=float)

    def test_only_ratios_count_for_the_mean(self, dtype, rng):
        net = network(dtype=dtype)
        X, y = data(rng, "half_squared_error")
        v = rng.integers(1, 9, N).astype(dtype)
        expected = net.J(X, y, sample_weight=v)
        for factor in (2.0**60, 2.0**-60, np.finfo(dtype).max / 16):
            actual = net.J(X, y, sample_weight=v * dtype.type(factor))
            assert_close(actual, expected, terms=N, dtype=dtype)

    def test_equal_weights_are_none(self, rng):
        net = network()
        X, y = data(rng, "half_squared_error")
        assert net.J(X, y, sample_weight=np.full(N, 0.5)) == net.J(X, y)
        assert net.J(X, y, "sum", sample_weight=np.ones(N)) == net.J(X, y, "sum")

    def test_the_caller_s_array_is_left_alone(self, rng):
        v = rng.uniform(size=N)
        before = v.copy()
        network().J(*data(rng, "half_squared_error"), sample_weight=v)
        np.testing.assert_array_equal(v, before)

    def test_more_examples_than_a_block(self, rng):
        net = nnlib.Network([3, 1], "identity")
        X, y, v = rng.normal(size=(3000, 3)), rng.normal(size=3000), rng.uniform(size=3000)
        error = (net.F(X)[:, 0] - y) ** 2 / 2
        np.testing.assert_allclose(
            net.J(X, y, sample_weight=v), np.average(error, weights=v), rtol=1e-12
        )

    @pytest.mark.parametrize(
        ("weights", "error", "words"),
        [
            (np.ones(N - 1), ValueError, [r"\(11,\)", r"\(12,\)"]),
            (np.ones((N, 1)), ValueError, [r"\(12, 1\)", r"\(12,\)"]),
            (1.0, ValueError, [r"\(\)", r"\(12,\)"]),
            ([*np.ones(N - 1), -1], ValueError, ["-1", "index 11", "at least 0"]),
            ([*np.ones(N - 1), np.nan], ValueError, ["nan", "index 11", "finite"]),
            ([*np.ones(N - 1), np.inf], ValueError, ["inf", "index 11", "finite"]),
            (np.zeros(N), ValueError, ["0 for every example", "at least one"]),
            (["1"] * N, TypeError, ["real numbers"]),
        ],
    )
    @pytest.mark.parametrize("method", ["J", "derJ"])
    def test_refused(self, method, weights, error, words, rng):
        net = network()
        with pytest.raises(error, match=r"^sample_weight") as caught:
            getattr(net, method)(*data(rng, "half_squared_error"), sample_weight=weights)
        assert all(re.search(word, str(caught.value)) for word in words), str(caught.value)
