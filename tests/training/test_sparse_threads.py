"""Lazy descents have the same bits for any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

import nnlib
from nnlib.training import lazy
from tests.machine.teams import force, short_slices

pytestmark = pytest.mark.cpu("sparse")


@pytest.fixture(params=["rows of a batch", "all rows"], autouse=True, scope="module")
def stepped(request):
    """Whether steps are of a batch's rows or of all, whatever batches have entries for."""
    with pytest.MonkeyPatch.context() as patch:
        least = 0.0 if request.param == "all rows" else float("inf")
        patch.setattr(lazy, "ENTRIES_A_FEATURE", least)
        yield request.param


FEATURES, EXAMPLES, UNITS = 3000, 700, 48


def descended(**options):
    rng = np.random.default_rng(5)
    X = sparse.random(EXAMPLES, FEATURES, 0.02, format="csr", random_state=5)
    y = rng.random(EXAMPLES) > 0.5
    net = nnlib.Network([FEATURES, UNITS, 1], ["relu", "sigmoid"], "binary_cross_entropy", seed=2)
    history = net.descent(X, y, batch_size=256, epochs=3, **options)
    return net, history


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "adam"},
        {"optimizer": "momentum", "weight_decay": 1e-3, "l1": 1e-4, "validation": 0.2},
        {"optimizer": "adamw", "clip_norm": 0.01},
    ],
    ids=str,
)
def test_any_number_of_threads(options, monkeypatch):
    parts = []
    own = lazy.LazyDescent._allocate

    def noted(self, *arguments):
        own(self, *arguments)
        parts.append((self._settings.chunks, self._model.parts.reshape(-1, 6)[:, 0].tolist()))

    monkeypatch.setattr(lazy.LazyDescent, "_allocate", noted)
    force(monkeypatch, 1)
    expected, history = descended(**options)
    chunks, layers = parts[0]
    assert chunks > 1, "one chunk tests nothing"
    assert layers.count(0) > 1, "one part tests nothing"
    for members in ((2,), (3,), (4, 1, 2)):
        with monkeypatch.context() as patch:
            force(patch, *members)
            short_slices(patch)
            net, found = descended(**options)
        np.testing.assert_array_equal(net.parameters, expected.parameters)
        np.testing.assert_array_equal(found.J, history.J)
