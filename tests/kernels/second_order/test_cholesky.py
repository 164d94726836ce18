"""The tiled Cholesky factorisation against NumPy's, with a right-hand side as last row."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib.kernels.compile.jit import entry
from nnlib.kernels.second_order import cholesky
from tests.tolerances import tolerance

# Around one tile and several, and the last row in a tile of its own.
SIZES = [1, 7, cholesky.TILE - 1, cholesky.TILE, cholesky.TILE + 1, 3 * cholesky.TILE, 150]


@entry
def factorise_rows(matrix, rows, columns, first):
    return cholesky.factorise_rows(matrix, rows, columns, first)


@entry
def substitute_back(x, matrix):
    cholesky.substitute_back(x, matrix)


def factorise(matrix):
    """All tiles of an (n + 1, n) matrix, in place; how many rows were factorised."""
    rows, columns = matrix.shape
    for first in range(0, rows, cholesky.TILE):
        if not factorise_rows(matrix.reshape(-1), rows, columns, first):
            return first
    return rows


def definite(n, rng):
    """A well-conditioned positive definite matrix and a right-hand side below it."""
    root = rng.normal(size=(n, n))
    return np.vstack([root @ root.T + n * np.eye(n), rng.normal(size=n)])


@pytest.mark.parametrize("n", SIZES)
def test_factor_and_solution(n, rng):
    system = definite(n, rng)
    matrix = system.copy()
    matrix[:n][np.triu_indices(n, 1)] = np.nan  # above the diagonal nothing is used
    assert factorise(matrix) == n + 1
    relative = tolerance(np.float64, 10 * n)
    np.testing.assert_allclose(
        np.tril(matrix[:n]), np.linalg.cholesky(system[:n]), rtol=relative, atol=relative * n
    )
    x = matrix[n].copy()
    substitute_back(x, matrix.reshape(-1))
    np.testing.assert_allclose(system[:n] @ x, system[n], rtol=relative, atol=relative * n)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("place", [0, 5, cholesky.TILE + 3])
def test_a_matrix_that_is_not_positive_definite(bad, place, rng):
    matrix = definite(100, rng)
    matrix[place, place] = bad
    assert factorise(matrix) == place // cholesky.TILE * cholesky.TILE
