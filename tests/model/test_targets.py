"""Targets that losses take: classes or rows of probabilities, ranges."""

from __future__ import annotations

import re

import numpy as np
import pytest

import nnlib

from .loss_cases import N, network


class TestTargets:
    """Classes or rows of probabilities; ranges."""

    def test_classes_are_rows_of_one_1(self, rng):
        net = network("softmax_cross_entropy", "softmax")
        X, y = rng.normal(size=(N, 2)), np.arange(N) % 3
        expected = net.J(X, np.eye(3)[y])
        for same in (y, y.astype(float), y.astype(np.uint8), y.tolist(), np.eye(3, dtype=bool)[y]):
            assert net.J(X, same) == expected
        assert net.J(list(zip(X, y, strict=True))) == expected

    def test_probabilities_rounded_to_float32(self, rng):
        y = rng.dirichlet(np.ones(1000), size=4).astype(np.float32)
        net = nnlib.Network([2, 1000], "softmax", "softmax_cross_entropy", dtype="float32")
        assert np.isfinite(net.J(rng.normal(size=(4, 2)), y))

    @pytest.mark.parametrize(
        ("loss", "y", "words"),
        [
            ("poisson", [[0, 1, -1]] * N, ["-1", r"\(0, 2\)", "at least 0", "poisson"]),
            ("binary_cross_entropy", [[0, 1, 1.5]] * N, ["1.5", r"\(0, 2\)", "between 0 and 1"]),
            ("binary_cross_entropy", [[0, -1, 1]] * N, ["-1", r"\(0, 1\)", "between 0 and 1"]),
            ("hinge", [[1, -1, 0]] * N, ["0", r"\(0, 2\)", "1 or -1", "hinge"]),
            ("hinge", [[1, -1, 2]] * N, ["2", r"\(0, 2\)", "1 or -1", "hinge"]),
            ("kl_divergence", [0, 1, 3, *[0] * (N - 3)], ["3", "index 2", "0 to 2"]),
            ("kl_divergence", [[0.5, 0.4, 0]] * N, ["row 0", "0.9", "add up to 1"]),
            ("softmax_cross_entropy", [0, 1, 3, *[0] * (N - 3)], ["3", "index 2", "0 to 2"]),
            ("softmax_cross_entropy", [0, -1, *[0] * (N - 2)], ["-1", "index 1", "0 to 2"]),
            ("softmax_cross_entropy", [0, 0.5, *[0] * (N - 2)], ["0.5", "index 1", "whole"]),
            ("softmax_cross_entropy", [np.nan, *[0] * (N - 1)], ["nan", "index 0", "finite"]),
            ("softmax_cross_entropy", [[0]] * N, [r"\(12, 1\)", r"\(n,\)", r"\(n, 3\)"]),
            ("softmax_cross_entropy", 1, [r"\(\)", r"\(n,\)", r"\(n, 3\)"]),
            ("softmax_cross_entropy", [[2, -1, 0]] * N, ["2", r"\(0, 0\)", "between 0 and 1"]),
            ("softmax_cross_entropy", [[0.5, 0.4, 0]] * N, ["row 0", "0.9", "add up to 1"]),
            ("softmax_cross_entropy", [], ["shape", "0"]),
            ("softmax_cross_entropy", [0, 1], ["X has 12", "y has 2"]),
        ],
    )
    @pytest.mark.parametrize("method", ["J", "derJ", "descent"])
    def test_refused(self, method, loss, y, words, rng):
        net = network(loss)
        with pytest.raises(ValueError, match=words[0]) as caught:
            getattr(net, method)(rng.normal(size=(N, 2)), y)
        assert all(re.search(word, str(caught.value)) for word in words), str(caught.value)
