"""The way through the time on its own: states that are given and kept, and what the rows hold."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib.kernels.formulas.activations import CODES
from nnlib.kernels.layers import gru, lstm, simple_rnn
from nnlib.kernels.layers.operations import build_table, rows_of
from nnlib.kernels.layers.recurrent import Recurrence, recurrence_of
from tests.kernels.calling import layer_of, run_layer
from tests.tolerances import assert_close

UNITS, TIME = 3, 6
KINDS = {"simple_rnn": (simple_rnn, 1, 1), "gru": (gru, 3, 1), "lstm": (lstm, 4, 2)}


def recurrence(time, **changes):
    own = Recurrence(
        time, UNITS, CODES["tanh"], CODES["sigmoid"], 0, True, False, False, False, False
    )
    return own._replace(**changes)


def row_of(module, own):
    biased = (True,) if module is gru else ()
    return module.row(own, *biased, 0, 0, 0, -1)


def windows_of(row, z, parameters, lanes):
    """Fresh windows for a pass over z."""
    dtype = z.dtype
    return {
        "parameters": parameters, "a_in": z.ravel().copy(),
        "a_out": np.full(row.d_out * lanes, np.nan, dtype),
        "workspace": np.full(row.kept * lanes, np.nan, dtype),
        "delta_in": np.full(row.d_in * lanes, np.nan, dtype),
        "gradient": np.full(row.size, np.nan, dtype),
    }  # fmt: skip


@pytest.mark.parametrize("lanes", [1, 16])
@pytest.mark.parametrize("kind", KINDS)
def test_a_state_that_is_kept_and_given_joins_two_parts_of_a_sequence(kind, lanes, dtype, rng):
    module, gates, vectors = KINDS[kind]
    z = rng.normal(size=(TIME, gates * UNITS, lanes)).astype(dtype)
    whole = row_of(module, recurrence(TIME))
    parameters = rng.normal(size=whole.size).astype(dtype)
    windows = windows_of(whole, z, parameters, lanes)
    run_layer(module.forward, layer_of(build_table([whole]), dtype, lanes, **windows))
    half = row_of(module, recurrence(TIME // 2, stateful=True))
    state, found = np.zeros(vectors * UNITS * lanes, dtype), []
    for part in np.split(z, 2):
        own = windows_of(half, part, parameters, lanes)
        own["workspace"][: state.size] = state
        run_layer(module.forward, layer_of(build_table([half]), dtype, lanes, **own))
        state = own["workspace"][: state.size].copy()
        found.append(own["a_out"])
    np.testing.assert_array_equal(np.concatenate(found), windows["a_out"])


@pytest.mark.parametrize("lanes", [1, 16])
@pytest.mark.parametrize("kind", KINDS)
def test_two_parts_add_up_to_the_gradient_of_a_sequence_that_is_cut(kind, lanes, dtype, rng):
    """With a cut in the middle no δ goes from the second part to the first."""
    module, gates, vectors = KINDS[kind]
    z = rng.normal(size=(TIME, gates * UNITS, lanes)).astype(dtype)
    delta_out = rng.normal(size=TIME * UNITS * lanes).astype(dtype)
    whole = row_of(module, recurrence(TIME, cut=TIME // 2))
    parameters = rng.normal(size=whole.size).astype(dtype)
    windows = windows_of(whole, z, parameters, lanes)
    layer = layer_of(build_table([whole]), dtype, lanes, **windows, delta_out=delta_out)
    run_layer(module.forward, layer)
    run_layer(module.gradient, layer)
    half = row_of(module, recurrence(TIME // 2, stateful=True))
    state, deltas = np.zeros(vectors * UNITS * lanes, dtype), []
    gradient = np.zeros(whole.size, dtype)
    for part, delta in zip(np.split(z, 2), np.split(delta_out, 2), strict=True):
        own = windows_of(half, part, parameters, lanes)
        own["workspace"][: state.size] = state
        layer = layer_of(build_table([half]), dtype, lanes, **own, delta_out=delta)
        run_layer(module.forward, layer)
        run_layer(module.gradient, layer)
        state = own["workspace"][: state.size].copy()
        gradient += own["gradient"]
        deltas.append(own["delta_in"])
    terms = TIME * lanes * gates * UNITS
    assert_close(np.concatenate(deltas), windows["delta_in"], terms, depth=TIME)
    assert_close(gradient, windows["gradient"], terms, depth=TIME)


def test_a_row_holds_all_that_is_said_of_the_way():
    own = recurrence(
        TIME, cut=2, backwards=True, aligned=True, masked=True, stateful=True, sequences=False
    )
    table = build_table([row_of(lstm, own)])
    assert Recurrence(*map(int, recurrence_of.py_func(table))) == own
    (row,) = rows_of(table)
    assert row.d_out == UNITS
    # The mask, the given state, the states, and what the kind keeps.
    assert row.kept == TIME + 2 * UNITS + (TIME + 1) * UNITS + (2 * TIME + 5) * UNITS
