"""Gradients along the channels against those along the samples, and where they are used."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib import layers
from nnlib.kernels.layers import convolution, turned_gradient
from nnlib.kernels.layers.kinds import kind_of
from nnlib.layers.shaped import Place, Source
from tests.kernels.calling import layer_of, run_layer
from tests.tolerances import assert_close

# Shape of the images, filters, lanes, and how windows lie: all that cut what a row of the image
# gives, rows that are turned in several parts, the most weights.
CASES = {
    "one pixel": ((5, 6, 16), 16, 16, {"kernel_size": 1}),
    "same": ((5, 7, 32), 16, 32, {"kernel_size": 3, "padding": "same"}),
    "valid, rows in parts": ((4, 40, 16), 18, 64, {"kernel_size": (2, 5)}),
    "strides": ((7, 9, 16), 17, 16, {"kernel_size": (3, 2), "strides": 2, "padding": "same"}),
    "stride beyond the kernel": ((8, 9, 16), 16, 16, {"kernel_size": 2, "strides": 3}),
    "dilation": ((9, 11, 16), 16, 16, {"kernel_size": 3, "dilation_rate": 3, "padding": "same"}),
    "most weights": ((2, 3, 128), 128, 64, {"kernel_size": 1}),
}


def table_row(shape, filters, **windows):
    value = layers.Conv2D(filters, **windows)
    value(layers.Input(shape))
    return value.called.rows(Place(0, 0, (Source(10**6, shape),)))[0]


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_gradients_are_those_along_the_samples(case, accumulate, dtype, rng):
    shape, filters, lanes, windows = case
    row = table_row(shape, filters, **windows)
    assert turned_gradient.suits(row, dtype)
    sizes = {"a_in": row.d_in * lanes, "delta_out": row.d_out * lanes, "gradient": row.size}
    numbers = {name: rng.normal(size=size).astype(dtype) for name, size in sizes.items()}
    found, expected = (
        layer_of(
            np.array(row), np.dtype(kind), lanes, accumulate=accumulate,
            parameters=np.zeros(row.size, kind),
            **{name: array.astype(kind) for name, array in numbers.items()},
        )
        for kind in (dtype, np.float64)
    )  # fmt: skip
    run_layer(turned_gradient.gradient, found)
    run_layer(convolution.gradient, expected)
    terms = row.d_out // filters * lanes
    assert_close(found.gradient, expected.gradient, terms, dtype=dtype)


@pytest.mark.parametrize(
    ("shape", "arguments", "dtype"),
    [
        ((9, 9, 24), {}, np.float32),
        ((9, 9, 12), {}, np.float64),
        ((9, 9, 16), {"groups": 2}, np.float32),
        ((9, 9, 16), {"filters": 15}, np.float32),
        ((9, 9, 144), {"kernel_size": 1}, np.float32),
        ((9, 9, 128), {"kernel_size": 3}, np.float32),
    ],
)
def test_other_gradients_are_along_the_samples(shape, arguments, dtype):
    row = table_row(shape, **{"filters": 16, "kernel_size": 5} | arguments)
    kind = kind_of(row, dtype, single=False, short=True)
    assert kind.gradient is convolution.gradient


def test_winograd_and_single_examples_keep_their_own():
    row = table_row((10, 10, 16), 16, kernel_size=3)
    chosen = {
        (dtype, single): kind_of(row, dtype, single, short=True).gradient
        for dtype in (np.float32, np.float64)
        for single in (False, True)
    }
    assert chosen[np.float64, False] is turned_gradient.gradient
    assert turned_gradient.gradient not in (
        chosen[np.float32, False], chosen[np.float32, True], chosen[np.float64, True],
    )  # fmt: skip
