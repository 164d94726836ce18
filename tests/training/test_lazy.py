"""Which steps descents on sparse examples make, and how their W is cut into parts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

import nnlib
from nnlib.kernels.formulas.adam_series import MOST_MISSED
from nnlib.kernels.layers.operations import BY_ENTRIES, COLUMNS, IN_STEP, LAZY
from nnlib.training import lazy
from tests.tolerances import assert_close

pytestmark = pytest.mark.cpu("sparse")

FEATURES = 64


def random_words(examples, entries):
    """Examples with so many entries each."""
    rng = np.random.default_rng(3)
    full = np.zeros((examples, FEATURES))
    for row in full:
        row[rng.choice(FEATURES, entries, replace=False)] = 1
    return sparse.csr_array(full)


def descended(X, **options):
    net = nnlib.Network([FEATURES, 3, 1], ["tanh", "sigmoid"], "binary_cross_entropy", seed=1)
    y = np.arange(X.shape[0]) % 2
    net.descent(X, y, epochs=2, **options)
    return net.parameters


@pytest.mark.parametrize(
    ("batch_size", "expected"), [(4, LAZY), (8, BY_ENTRIES), (None, BY_ENTRIES)]
)
def test_all_rows_are_stepped_where_batches_have_entries_for_many(
    batch_size, expected, monkeypatch
):
    ways = []
    own = lazy.LazyDescent._allocate

    def noted(self, *arguments):
        own(self, *arguments)
        ways.append(self._model.table.reshape(-1, COLUMNS)[0, IN_STEP])

    monkeypatch.setattr(lazy.LazyDescent, "_allocate", noted)
    entries = int(FEATURES * lazy.ENTRIES_A_FEATURE / 8)
    X = random_words(40, entries)
    found = descended(X, batch_size=batch_size, optimizer="adam")
    assert ways == [expected]
    assert_close(found, descended(X.toarray(), batch_size=batch_size, optimizer="adam"), 10_000)


@pytest.mark.parametrize("optimizer", ["momentum", "rmsprop", "adam", "adamw"])
def test_a_row_that_misses_more_steps_than_there_are_sums_for(optimizer):
    """Feature 0 is in the first example alone; the others come again soon."""
    X = random_words(2 * MOST_MISSED + 60, 4).tolil()
    X[:, 0] = 0
    X[0, 0] = 1
    X, options = X.tocsr(), {"batch_size": 2, "shuffle": False, "optimizer": optimizer}
    assert lazy.ENTRIES_A_FEATURE * FEATURES > 2 * 4, "all rows are stepped"
    found, expected = descended(X, **options), descended(X.toarray(), **options)
    assert_close(found, expected, 100_000)


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_parts_have_as_much_work_as_one_another(parts):
    rng = np.random.default_rng(0)
    features = 5000
    columns = np.minimum(rng.zipf(1.3, 200_000) - 1, features - 1).astype(np.uint32)
    columns[::2] = rng.integers(0, features, 100_000)
    bounds = lazy.even_bounds(columns, features, parts)
    assert bounds[0] == 0
    assert bounds[-1] == features
    assert len(bounds) == parts + 1
    counts = np.bincount(columns, minlength=features)
    work = np.add.reduceat(counts + 4, bounds[:-1])
    # No part can have less than the most frequent features, which it begins with.
    assert work.max() < 1.1 * max(work.sum() / parts, counts[:16].sum())


def test_features_without_entries_have_parts_too():
    bounds = lazy.even_bounds(np.empty(0, np.uint32), 50, 4)
    assert bounds.tolist() == [0, 16, 32, 48, 50]
