"""The machine's own matrix product: what a wide network could reach."""

from __future__ import annotations

import numpy as np

from ..problems.workload import Array, Result, Run

SIZE = 1024
FLOPS = 2 * SIZE**3


def matrices() -> tuple[Array, Array]:
    """A and B of one SIZE³ product."""
    rng = np.random.default_rng(0)
    return rng.random((SIZE, SIZE)), rng.random((SIZE, SIZE))


def numpy_product(problem: tuple[Array, Array], dtype: str) -> Run:
    """C = A B by NumPy, into the same C each time."""
    a, b = (matrix.astype(dtype) for matrix in problem)
    c = np.zeros((SIZE, SIZE), dtype)

    def run(products: int) -> Result:
        for _ in range(products):
            np.matmul(a, b, out=c)
        return Result(c.ravel())

    return run


PRODUCTS = {"NumPy": numpy_product}
# The library whose product is the limit: the OpenBLAS that comes with NumPy.
LIMIT = "NumPy"


def row_name(library: str, dtype: str, threads: int | None) -> str:
    """The row of a library's product on so many threads, None for all processors.

    Examples
    --------
    >>> row_name("NumPy", "float32", None), row_name("NumPy", "float64", 1)
    ('NumPy, float32', 'NumPy, float64, 1 thread')
    """
    return f"{library}, {dtype}" + ("" if threads is None else f", {threads} thread")
