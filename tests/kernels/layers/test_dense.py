"""The dense layer's forward, delta and gradient: tiles and gemm, against one formula each."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib.kernels.formulas import activations
from nnlib.kernels.layers import dense, dense_wide
from nnlib.kernels.layers.operations import WIDE, build_table
from nnlib.kernels.network.linking import Use, linked
from tests.kernels.calling import layer_of, run_layer
from tests.tolerances import assert_close

LANES, SAMPLES = 16, 13
# Every remainder of tiles of four rows, in both dimensions, and sizes that differ.
SIZES = [(1, 1), (1, 2), (2, 1), (3, 5), (4, 3), (5, 4), (6, 7), (9, 2)]
# (wide, sample_major): tiles, gemm on columns, gemm on the user's rows.
PATHS = [
    pytest.param(0, 0, id="tiles"),
    pytest.param(1, 0, id="gemm"),
    pytest.param(1, 1, id="gemm-rows"),
]


def kind(row):
    """The kernels of a layer: its own file's, or those that are called for wide layers."""
    return dense_wide if row[WIDE] else dense


def forward(z, parameters, a, row):
    windows = {"parameters": parameters, "a_in": a, "a_out": z}
    run_layer(kind(row).forward, layer_of(row, z.dtype, LANES, **windows))


def delta(delta_in, parameters, delta_out, row):
    windows = {"parameters": parameters, "delta_in": delta_in, "delta_out": delta_out}
    run_layer(kind(row).delta, layer_of(row, parameters.dtype, LANES, **windows))


def gradient(gradient_out, delta_out, a, row, accumulate):
    windows = {"gradient": gradient_out, "delta_out": delta_out, "a_in": a}
    layer = layer_of(row, a.dtype, LANES, accumulate=accumulate, **windows)
    run_layer(kind(row).gradient, layer)


class Layer:
    """One layer's row, random parameters and a block of inputs, as the kernels want them."""

    def __init__(self, d_in, d_out, wide, sample_major, dtype, rng):
        row = dense.row(d_in, d_out, activations.IDENTITY, 0, 0, -1)
        table = build_table([row._replace(wide=wide, sample_major=sample_major)])
        self.row = linked(table, Use(dtype, train=True))
        self.W = rng.normal(size=(d_out, d_in)).astype(dtype)
        self.b = rng.normal(size=d_out).astype(dtype)
        self.parameters = np.concatenate([self.W.ravel(), self.b])
        # Feature-major blocks have padding lanes; rows of the user have none.
        self.a = np.zeros((d_in, LANES), dtype)
        self.a[:, :SAMPLES] = rng.normal(size=(d_in, SAMPLES))
        self.block = (self.a[:, :SAMPLES].T if sample_major else self.a).ravel()
        self.delta = np.zeros((d_out, LANES), dtype)
        self.delta[:, :SAMPLES] = rng.normal(size=(d_out, SAMPLES))


@pytest.fixture(params=SIZES, ids=lambda sizes: f"{sizes[0]}-{sizes[1]}")
def layer(request, wide, sample_major, dtype, rng):
    """A layer of each size, for the path that the test names."""
    return Layer(*request.param, wide, sample_major, dtype, rng)


@pytest.mark.parametrize(("wide", "sample_major"), PATHS)
def test_forward(layer):
    d_out, d_in = layer.W.shape
    z = np.full(d_out * LANES, np.nan, layer.W.dtype)
    forward(z, layer.parameters, layer.block, layer.row)
    z = z.reshape(d_out, LANES)
    expected = layer.W.astype(float) @ layer.a + layer.b[:, None]
    assert_close(z[:, :SAMPLES], expected[:, :SAMPLES], terms=d_in + 1)
    # Padding meets exp and products with a zero delta: it must not be NaN or infinite.
    assert np.isfinite(z).all()


@pytest.mark.parametrize(("wide", "sample_major"), PATHS)
def test_delta(layer):
    d_out, d_in = layer.W.shape
    out = np.full(d_in * LANES, np.nan, layer.W.dtype)
    delta(out, layer.parameters, layer.delta.ravel(), layer.row)
    expected = layer.W.T.astype(float) @ layer.delta
    assert_close(out.reshape(d_in, LANES), expected, terms=d_out)


@pytest.mark.parametrize(("wide", "sample_major"), PATHS)
@pytest.mark.parametrize("accumulate", [False, True])
def test_gradient(layer, accumulate):
    # What was there counts if accumulated and must not even be read otherwise.
    out = np.full_like(layer.parameters, 3.0 if accumulate else np.nan)
    gradient(out, layer.delta.ravel(), layer.block, layer.row, accumulate)
    dW = layer.delta.astype(float) @ layer.a.T
    db = layer.delta.astype(float).sum(axis=1)
    expected = np.concatenate([dW.ravel(), db]) + (3.0 if accumulate else 0.0)
    assert_close(out, expected, terms=SAMPLES + 1, depth=2)


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("d_out", [1, 3, 6])
def test_gradient_of_a_narrow_layer_from_rows(d_out, accumulate, dtype, rng):
    layer = Layer(2 * dense.WHOLE_VECTORS, d_out, 0, 1, dtype, rng)
    out = np.full_like(layer.parameters, 3.0 if accumulate else np.nan)
    gradient(out, layer.delta.ravel(), layer.block, layer.row, accumulate)
    dW = layer.delta.astype(float) @ layer.a.T
    db = layer.delta.astype(float).sum(axis=1)
    expected = np.concatenate([dW.ravel(), db]) + (3.0 if accumulate else 0.0)
    assert_close(out, expected, terms=SAMPLES + 1, depth=2)
