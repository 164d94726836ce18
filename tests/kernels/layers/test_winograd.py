"""Convolutions by Winograd's algorithm against direct sums in float64, and where they are used."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib import layers
from nnlib.kernels.layers import convolution, winograd
from nnlib.kernels.layers.kinds import kind_of
from nnlib.layers.shaped import Place, Source
from tests.kernels.calling import layer_of, run_layer
from tests.tolerances import winograd_tolerance

# Shape of the images, filters, padding, whether biased, lanes: tiles that the border cuts on each
# side, several groups of tiles, the fewest and the most channels.
CASES = {
    "same": ((9, 8, 8), 8, "same", True, 16),
    "valid, several vectors of lanes": ((11, 14, 8), 24, "valid", False, 48),
    "many channels": ((8, 9, 64), 16, "same", True, 16),
    "many filters": ((8, 10, 9), 64, "same", False, 16),
    "most weights": ((10, 13, 32), 32, "valid", True, 32),
}


def table_row(shape, filters, padding, biased, **others):
    value = layers.Conv2D(filters, 3, padding=padding, use_bias=biased, **others)
    value(layers.Input(shape))
    return value.called.rows(Place(0, 0, (Source(10**6, shape),)))[0]


def layer_pair(case, distribution, accumulate=False):
    """The same numbers as layers of float32 and of float64."""
    *arguments, lanes = case
    row = table_row(*arguments)
    rng = np.random.default_rng(3)
    sizes = {
        "parameters": row.size, "a_in": row.d_in * lanes, "a_out": row.d_out * lanes,
        "delta_out": row.d_out * lanes, "delta_in": row.d_in * lanes, "gradient": row.size,
    }  # fmt: skip
    numbers = {name: distribution(rng, size).astype(np.float32) for name, size in sizes.items()}
    return tuple(
        layer_of(
            np.array(row), np.dtype(dtype), lanes, accumulate=accumulate,
            **{name: array.astype(dtype) for name, array in numbers.items()},
        )
        for dtype in ("float32", "float64")
    )  # fmt: skip


def uniform(rng, size):
    return rng.uniform(-1, 1, size)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_outputs_and_deltas_are_those_of_direct_sums(case):
    (_, _, channels), filters, *_ = case
    found, expected = layer_pair(case, uniform)
    for name, written, terms in (("forward", "a_out", channels), ("delta", "delta_in", filters)):
        run_layer(getattr(winograd, name), found)
        run_layer(getattr(convolution, name), expected)
        bound = winograd_tolerance("float32", terms, output=True) * terms
        error = np.abs(getattr(found, written) - getattr(expected, written))
        assert error.max() <= bound


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_gradients_are_those_of_direct_sums(case, accumulate):
    found, expected = layer_pair(case, uniform, accumulate)
    run_layer(winograd.gradient, found)
    run_layer(convolution.gradient, expected)
    (height, width, _), _, padding, _, lanes = case
    lost = 2 if padding == "valid" else 0
    terms = -(-(height - lost) // 4) * -(-(width - lost) // 4) * lanes
    bound = winograd_tolerance("float32", terms, output=False) * terms
    assert np.abs(found.gradient - expected.gradient).max() <= bound


def test_errors_are_a_few_times_those_of_direct_sums():
    case = ((28, 28, 16), 16, "same", False, 16)
    exact = layer_pair(case, np.random.Generator.standard_normal)[1]
    errors = {}
    for module in (convolution, winograd):
        found = layer_pair(case, np.random.Generator.standard_normal)[0]
        for name in ("forward", "delta", "gradient"):
            run_layer(getattr(module, name), found)
            run_layer(getattr(convolution, name), exact)
        for written in ("a_out", "delta_in", "gradient"):
            apart = getattr(found, written) - getattr(exact, written)
            errors[module, written] = np.sqrt(np.mean(apart**2))
    for written in ("a_out", "delta_in", "gradient"):
        assert errors[winograd, written] <= 5 * errors[convolution, written]


@pytest.mark.parametrize(
    "arguments",
    [
        {"filters": 7}, {"shape": (9, 9, 65)}, {"shape": (9, 9, 33), "filters": 32},
        {"shape": (7, 20, 8)}, {"shape": (9, 9, 8), "padding": "valid"}, {"strides": 2},
        {"dilation_rate": 2}, {"groups": 2},
    ],
)  # fmt: skip
def test_other_convolutions_are_computed_directly(arguments):
    arguments = {"shape": (10, 12, 16), "filters": 16, "padding": "same"} | arguments
    row = table_row(biased=True, **arguments)
    assert kind_of(row, np.float32, single=False, short=True).forward is convolution.forward


def test_doubles_and_single_examples_are_computed_directly():
    row = table_row((10, 12, 16), 16, "same", True)
    chosen = {
        (dtype, single): kind_of(row, dtype, single, short=True).forward
        for dtype in (np.float32, np.float64)
        for single in (False, True)
    }
    assert chosen.pop((np.float32, False)) is winograd.forward
    assert set(chosen.values()) == {convolution.forward}
