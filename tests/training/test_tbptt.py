"""Truncated back-propagation through time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import nnlib
from nnlib import layers

pytestmark = pytest.mark.cpu("graphs")

TIME, UNITS, N = 7, 3, 5
KINDS = ("SimpleRNN", "GRU", "LSTM")


def network(kind="SimpleRNN", **options):
    made = getattr(layers, kind)(UNITS, return_sequences=True, **options)
    dense = layers.TimeDistributed(layers.Dense(1))
    net = nnlib.Network([layers.Input((TIME, 2)), made, dense], seed=0)
    net.parameters[:] = np.random.default_rng(1).normal(size=net.parameters.size) * 0.5
    return net


@pytest.fixture
def sequences(rng):
    return rng.normal(size=(N, TIME, 2)), rng.normal(size=(N, TIME, 1))


def step(net, X, y, **options):
    """What one step of gradient descent subtracts from the parameters."""
    before = net.parameters.copy()
    net.descent(X, y, epochs=1, learning_rate=1.0, **options)
    return before - net.parameters


def truncated_cost(parameters, fixed, X, y, cut):
    """J of the network of `SimpleRNN`, whose states at a cut are those of the fixed parameters."""
    w, b, u, v, c = np.split(parameters, np.cumsum([2 * UNITS, UNITS, UNITS**2, UNITS]))
    h = np.zeros((N, UNITS), parameters.dtype)
    own = h if fixed is None else np.zeros((N, UNITS))
    J = 0
    for k in range(TIME):
        if fixed is not None and k % cut == 0:
            h = own
        h = np.tanh(X[:, k] @ w.reshape(UNITS, 2).T + b + h @ u.reshape(UNITS, UNITS).T)
        if fixed is not None:
            W, B, U = np.split(fixed, np.cumsum([2 * UNITS, UNITS, UNITS**2]))[:3]
            own = np.tanh(X[:, k] @ W.reshape(UNITS, 2).T + B + own @ U.reshape(UNITS, UNITS).T)
        J = J + 0.5 * np.sum((h @ v + c - y[:, k, 0]) ** 2)
    return J / N


@pytest.mark.parametrize("cut", [1, 3, 6, 7, 20])
def test_the_step_is_the_gradient_with_the_states_of_a_cut_held_fixed(sequences, cut):
    (X, y), net = sequences, network()
    start = net.parameters.copy()
    for k, found in enumerate(step(net, X, y, tbptt=cut)):
        moved = start.astype(complex)
        moved[k] += 1e-30j
        wanted = truncated_cost(moved, start, X, y, cut).imag / 1e-30
        assert found == pytest.approx(wanted, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_parts_as_long_as_the_sequence_are_all_of_it(sequences, kind):
    X, y = sequences
    whole = step(network(kind), X, y)
    np.testing.assert_array_equal(step(network(kind), X, y, tbptt=TIME), whole)
    assert abs(step(network(kind), X, y, tbptt=2) - whole).max() > 1e-4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backwards", [False, True])
def test_parts_of_one_step_let_nothing_go_back(sequences, kind, backwards):
    """Then U learns what single steps learn that begin with these states."""
    (X, y), net = sequences, network(kind, go_backwards=backwards)
    X = X[:, ::-1] if backwards else X
    changed = step(net, X, y, tbptt=1)
    other = network(kind)
    np.testing.assert_allclose(
        changed, step(other, X[:, ::-1] if backwards else X, y, tbptt=1), rtol=1e-12, atol=1e-15
    )


def test_populations_threads_and_checkpoints(sequences, tmp_path):
    X, y = sequences
    options = {"epochs": 6, "batch_size": 2, "optimizer": "adam", "tbptt": 2}
    net = network("LSTM")
    net.descent(X, y, **options)
    cut, whole = (
        nnlib.train_many(network("LSTM"), X, y, seeds=[0], **{**options, "tbptt": tbptt})[0]
        for tbptt in (2, None)
    )
    assert np.isfinite(cut.parameters).all()
    assert abs(cut.parameters - whole.parameters).max() > 1e-5
    broken = network("LSTM")
    path = tmp_path / "descent"
    broken.descent(X, y, checkpoint=path, **{**options, "epochs": 3})
    with pytest.raises(ValueError, match="checkpoint"):
        network("LSTM").descent(X, y, checkpoint=path, resume=True, **{**options, "tbptt": 3})
    before = nnlib.set_threads(1)
    try:
        alone = network("LSTM")
        alone.descent(X, y, **options)
    finally:
        nnlib.set_threads(before)
    np.testing.assert_array_equal(alone.parameters, net.parameters)


def test_groups_parts_and_a_recipe_from_a_file(sequences, tmp_path):
    X, y = sequences
    options = {"epochs": 3, "optimizer": "adam", "tbptt": 2}
    key = np.array([0, 1, 0, 1, 0])
    population = nnlib.train_many(network(), X, y, groups=key, **options)
    for group in (0, 1):
        alone = network()
        alone.descent(X[key == group], y[key == group], **options)
        np.testing.assert_array_equal(population.of_group(group).parameters, alone.parameters)
    many = nnlib.train_many(network(), X, y, n=2, **options)
    with ThreadPoolExecutor(1) as executor:
        parts = nnlib.train_many(network(), X, y, n=2, cluster=executor, **options)
    np.testing.assert_array_equal(parts.parameters, many.parameters)
    path = tmp_path / "many.safetensors"
    many.save(path)
    refitted = nnlib.Population.load(path).refit(seed=1)
    np.testing.assert_array_equal(refitted.parameters, many.refit(seed=1).parameters)
    assert abs(refitted.parameters - nnlib.train_many(
        network(), X, y, seeds=[1], epochs=3, optimizer="adam"
    )[0].parameters).max() > 1e-5  # fmt: skip


def test_what_is_refused(sequences):
    X, y = sequences
    with pytest.raises(ValueError, match="tbptt is 3, wanted None: no layer of this network is"):
        nnlib.train_many([1, 1], [1.0], [1.0], n=2, tbptt=3)
    with pytest.raises(ValueError, match="tbptt is 3, wanted None: no layer of this network is"):
        nnlib.Network([1, 1]).descent([1.0], [1.0], tbptt=3)
    with pytest.raises(ValueError, match="tbptt is 0, wanted a whole number of at least 1"):
        network().descent(X, y, tbptt=0)
    with pytest.raises(ValueError, match="'lbfgs' and tbptt=3 contradict"):
        network().descent(X, y, tbptt=3, optimizer="lbfgs")
