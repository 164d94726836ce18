"""Every way to multiply, on shapes that fill no block, against float64."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from tests.tolerances import ROUNDED, product_tolerance, rounded, tolerance

if not numba.config.ENABLE_CUDASIM:
    pytest.skip("needs NUMBA_ENABLE_CUDASIM=1", allow_module_level=True)

from nnlib.cuda import launch
from nnlib.kernels.cuda.compile.instructions import INSTRUCTIONS as ALL_INSTRUCTIONS
from nnlib.kernels.cuda.compile.jit import cuda, entry
from nnlib.kernels.cuda.wide import gemm, tensor_gemm
from nnlib.kernels.cuda.wide.slabs import Matrix, multiplication
from tests.cuda.schedule import every_order

INSTRUCTIONS = {instruction.name: instruction for instruction in ALL_INSTRUCTIONS}


def way_of(precision, tile):
    """A way to multiply, with tile × tile sums in a thread."""
    if precision in INSTRUCTIONS:
        return tensor_gemm.way(INSTRUCTIONS[precision], tile)
    return gemm.way(getattr(numba.types, precision), tile)


def put(to, row, column, value):
    """What the kernels below do with a sum; every element once."""
    columns = 100
    assert np.isnan(to[row * columns + column])
    to[row * columns + column] = value


def multiplied(way, left, right, along, first, last, edged):
    """Σ left_mk right_nk by a kernel, and the sums of the left rows in another column."""
    (rows, steps), columns = left.shape, len(right)
    multiply = multiplication(way)

    @entry
    def kernel(out, lefts, rights):
        left_matrix = Matrix(lefts, rows, steps if along[0] else rows, along[0])
        right_matrix = Matrix(rights, columns, steps if along[1] else columns, along[1])
        multiply(put, out, left_matrix, right_matrix, first, last, edged)

    block = way.block
    out = cuda.device_array(rows * 100, left.dtype)
    given = [m if own else m.T for m, own in zip((left, right), along, strict=True)]
    there = [cuda.to_device(np.ascontiguousarray(values).ravel()) for values in given]
    blocks = launch.grid(block, rows, columns)
    kernel[blocks, block.threads, 0, block.shared](out, *there)
    return out.copy_to_host().reshape(rows, 100)[:, : columns + edged]


@pytest.mark.parametrize("tile", [4, 8])
@pytest.mark.parametrize("precision", ["float32", "float64", "tf32", "bf16"])
@pytest.mark.parametrize(
    ("rows", "columns", "first", "last", "along"),
    [
        (37, 19, 0, 35, (True, False)),  # as W a
        (33, 17, 0, 16, (False, False)),  # as Wᵀ δ
        (5, 34, 3, 47, (True, True)),  # as δ aᵀ, a part of the samples
        (70, 1, 7, 8, (True, True)),
        (1, 40, 20, 20, (True, False)),  # no steps
    ],
)
def test_products(precision, tile, rows, columns, first, last, along, monkeypatch, rng):
    dtype = np.dtype(np.float64 if precision == "float64" else np.float32)
    left = rng.normal(size=(rows, 48)).astype(dtype)
    right = rng.normal(size=(columns, 48)).astype(dtype)
    way, edged = way_of(precision, tile), along == (True, True)

    def compute():
        return [multiplied(way, left, right, along, first, last, edged)]

    (found,) = every_order(monkeypatch, compute)
    part, terms = slice(first, last), last - first
    exact = [matrix[:, part].astype(np.float64) for matrix in (left, right)]
    magnitudes = np.abs(exact[0]) @ np.abs(exact[1].T)
    factors = [rounded(matrix, precision) for matrix in exact]
    sums = np.abs(found[:, :columns] - factors[0] @ factors[1].T)
    assert (sums <= tolerance(dtype, terms) * magnitudes).all()
    from_exact = np.abs(found[:, :columns] - exact[0] @ exact[1].T)
    assert (from_exact <= product_tolerance(precision, dtype, terms) * magnitudes).all()
    if terms > 1 and precision in ROUNDED:
        assert from_exact.max() > tolerance(dtype, terms) * magnitudes.max()
    if edged:
        edge = np.abs(found[:, columns] - exact[0].sum(axis=1))
        assert (edge <= tolerance(dtype, terms) * np.abs(exact[0]).sum(axis=1)).all()


@pytest.mark.parametrize("precision", ["tf32", "bf16"])
@pytest.mark.parametrize("order", [(1, 0, 2, 3, 4, 5), (0, 2, 1, 3, 4, 5), (0, 1, 2, 3, 5, 4)])
def test_a_fragment_in_the_wrong_order_is_noticed(precision, order, rng):
    right = INSTRUCTIONS[precision]

    def multiply(*operands):
        return right.multiply(*(operands[i] for i in order), *operands[6:])

    left, other = (rng.normal(size=(16, 16)).astype(np.float32) for _ in "ab")
    way = tensor_gemm.way(right._replace(multiply=multiply), 4)
    found = multiplied(way, left, other, (True, True), 0, 16, False)
    magnitudes = np.abs(left) @ np.abs(other.T)
    allowed = product_tolerance(precision, np.float32, 16) * magnitudes
    assert (np.abs(found - left @ other.T) > allowed).any()
