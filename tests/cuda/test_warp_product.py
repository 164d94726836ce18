"""Products of narrow layers on tensor cores, the instruction emulated, and descents by them."""

from __future__ import annotations

import numba
import numpy as np
import pytest

import nnlib
from tests.tolerances import ROUNDED, product_tolerance, rounded, tolerance

if not numba.config.ENABLE_CUDASIM:
    pytest.skip("needs NUMBA_ENABLE_CUDASIM=1", allow_module_level=True)

from nnlib.cuda import launch
from nnlib.kernels.cuda.compile.jit import cuda, entry
from nnlib.kernels.cuda.products.block import ADD, MULTIPLY, WRITE, Product
from nnlib.kernels.cuda.products.block_product import BF16, LEAST_SIDE, TF32, product
from nnlib.kernels.cuda.products.warp_product import LANES
from tests.cuda.schedule import every_order

CODES = {"tf32": TF32, "bf16": BF16}


@entry
def multiply(out, left, right, start, sizes):
    """`product`, with everything that it is told in one vector."""
    scratch = cuda.shared.array(0, numba.types.float64)
    own = Product(
        out, left, right, start, sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5],
        sizes[6], sizes[7],
    )  # fmt: skip
    product(own, scratch, sizes[8])


@pytest.mark.parametrize("precision", list(CODES))
@pytest.mark.parametrize(
    ("rows", "columns", "inner", "transposed", "mode"),
    [
        (16, 32, 16, (False, False), WRITE),  # as W a, whole instructions
        (19, 37, 21, (True, False), MULTIPLY),  # as Wᵀ δ
        (33, 5, 7, (False, True), ADD),  # as δ aᵀ
        (4, 4, 4, (False, False), WRITE),
        (8, 33, 40, (False, True), WRITE),
    ],
)
def test_products(precision, rows, columns, inner, transposed, mode, monkeypatch, rng):
    left, right = rng.normal(size=(rows, inner)), rng.normal(size=(inner, columns))
    start, before = rng.normal(size=rows), rng.normal(size=(rows, columns))
    left, right, start, before = (m.astype(np.float32) for m in (left, right, start, before))
    strides = (
        *((1, rows) if transposed[0] else (inner, 1)),
        *((1, inner) if transposed[1] else (columns, 1)),
    )

    def compute():
        out = cuda.to_device(before.ravel())
        given = [m.T if flip else m for m, flip in zip((left, right), transposed, strict=True)]
        there = [cuda.to_device(np.ascontiguousarray(m).ravel()) for m in (*given, start)]
        sizes = cuda.to_device(np.array([rows, columns, inner, *strides, mode, CODES[precision]]))
        multiply[1, LANES, 0, 8 * LANES](out, *there, sizes)
        return [out.copy_to_host()]

    (out,) = every_order(monkeypatch, compute)
    found = out.reshape(rows, columns)
    a, b = (rounded(matrix, precision) for matrix in (left, right))
    magnitudes = np.abs(a) @ np.abs(b) + np.abs(start)[:, None] + np.abs(before)
    value = a @ b + start[:, None]
    wanted = {WRITE: value, ADD: before + value, MULTIPLY: before * value}[mode]
    scale = np.abs(before) if mode == MULTIPLY else 1
    assert (np.abs(found - wanted) <= tolerance(np.float32, inner + 3) * magnitudes * scale).all()
    exact = left.astype(np.float64) @ right + start[:, None]
    wanted = {WRITE: exact, ADD: before + exact, MULTIPLY: before * exact}[mode]
    off = np.abs(found - wanted)
    assert (off <= product_tolerance(precision, np.float32, inner + 3) * magnitudes * scale).all()
    assert (off > tolerance(np.float32, inner + 3) * magnitudes * scale).any()


def test_small_products_are_float32(rng):
    rows, columns, inner = LEAST_SIDE - 1, 9, 9
    left, right = (rng.normal(size=s).astype(np.float32) for s in ((rows, inner), (inner, columns)))
    out, none = cuda.to_device(np.zeros(rows * columns, np.float32)), np.zeros(0, np.float32)
    there = [cuda.to_device(m.ravel()) for m in (left, right, none)]
    sizes = np.array([rows, columns, inner, inner, 1, columns, 1, WRITE, BF16])
    multiply[1, LANES, 0, 8 * LANES](out, *there, cuda.to_device(sizes))
    np.testing.assert_allclose(
        out.copy_to_host().reshape(rows, columns), left @ right, rtol=1e-5, atol=1e-5
    )


def network():
    """A narrow network for the GPU, the same every time."""
    return nnlib.Network([6, 8, 5, 2], "tanh", dtype="float32", device="cuda")


OPTIONS = {"epochs": 2, "batch_size": 12, "seed": 4, "learning_rate": 0.1}


@pytest.mark.parametrize("precision", list(CODES))
def test_descents(precision, rng, monkeypatch):
    monkeypatch.setattr(launch, "WORK_OF_ONE_BLOCK", 0)
    data = rng.normal(size=(21, 6)), rng.normal(size=(21, 2))
    start, exact, net = (network() for _ in range(3))
    exact.descent(*data, **OPTIONS)
    history = net.descent(*data, **OPTIONS, precision=precision)
    way = np.abs(exact.parameters - start.parameters).max()
    off = np.abs(net.parameters - exact.parameters).max()
    # Four steps, whose gradients come through six products each.
    assert tolerance(np.float32, 12) * way < off < 24 * ROUNDED[precision] * way
    assert np.isfinite(history.J).all()


def test_descents_in_every_order(rng, monkeypatch):
    monkeypatch.setattr(launch, "WORK_OF_ONE_BLOCK", 0)
    data = rng.normal(size=(12, 6)), rng.normal(size=(12, 2))

    def descend():
        net = network()
        history = net.descent(*data, epochs=1, batch_size=7, validation=0.3, precision="tf32")
        return [history.J, net.parameters]

    every_order(monkeypatch, descend)
