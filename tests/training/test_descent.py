"""Gradient descent: the lecture's trajectory, the oracle's, mini-batches, history."""

from __future__ import annotations

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

import nnlib
from tests import reference
from tests.devices import amount
from tests.kernels.formulas.shuffle_reference import Xoshiro256PlusPlus
from tests.strategies import cases
from tests.tolerances import assert_close

LEARNING_RATE = 0.0625


def layers_of(net):
    """Copies of (W, b) of every layer."""
    return [(W.copy(), b.copy()) for W, b in zip(net.weights, net.biases, strict=True)]


def in_order(n, epochs):
    """The orders of epochs that are not shuffled."""
    return [np.arange(n)] * epochs


def shuffled(seed, n, epochs):
    """The orders that the driver draws from this seed, by the reference in plain Python."""
    generator = Xoshiro256PlusPlus(np.random.SeedSequence(seed).generate_state(4, np.uint64))
    return [np.array(generator.next_order(n)) for _ in range(epochs)]


@pytest.fixture
def exercise(dtype, exercise_start):
    """The lecture's network in either dtype."""
    return nnlib.Network([1, 2, 1], dtype=dtype, initializer=exercise_start)


class TestTheLecturesExercise:
    """The lecture: sum convention, α = 0.1, full batch."""

    @pytest.mark.parametrize(
        "row",
        [
            pytest.param(row, marks=pytest.mark.large if row[0] > 10 else (), id=str(row[0]))
            for row in reference.EXERCISE_TRAJECTORY[1:]
        ],
    )
    def test_coefficients(self, row, exercise_data, exercise_start):
        epochs, J, a1, a2, a3, a4, a5, a6, a7 = row
        net = nnlib.Network([1, 2, 1], initializer=exercise_start)
        net.descent(*exercise_data, reduction="sum", learning_rate=0.1, epochs=epochs)
        np.testing.assert_allclose(net.parameters, [a1, a3, a2, a4, a5, a6, a7], rtol=1e-8)
        np.testing.assert_allclose(net.J(*exercise_data, reduction="sum"), J, rtol=1e-8)

    @pytest.mark.large
    def test_costs(self, exercise_data, exercise_start):
        net = nnlib.Network([1, 2, 1], initializer=exercise_start)
        history = net.descent(*exercise_data, reduction="sum", learning_rate=0.1, epochs=5001)
        for epoch, J, *_ in reference.EXERCISE_TRAJECTORY:
            assert history.J[epoch] == pytest.approx(J, rel=1e-8)
        for epoch, J, spread in reference.EXERCISE_COSTS:
            assert history.J[epoch] == pytest.approx(J, abs=spread)

    @pytest.mark.large
    def test_costs_in_float32(self, exercise_data, exercise_start):
        net = nnlib.Network([1, 2, 1], dtype="float32", initializer=exercise_start)
        history = net.descent(*exercise_data, reduction="sum", learning_rate=0.1, epochs=5001)
        for epoch, J, *_ in reference.EXERCISE_TRAJECTORY[:4]:
            assert history.J[epoch] == pytest.approx(J, rel=1e-5)
        # After the chaotic stretch the costs come together again.
        epoch, J, spread = reference.EXERCISE_COSTS[-1]
        assert history.J[epoch] == pytest.approx(J, abs=4 * spread)


@hypothesis.given(
    case=cases(),
    batch=st.one_of(st.none(), st.integers(1, 20)),
    shuffle=st.booleans(),
    seed=st.integers(0, 2**40),
)
def test_descent_agrees_with_the_oracle(case, batch, shuffle, seed):
    """Any network, reduction, weight decay, batch size and order, for three epochs."""
    hypothesis.assume(case.distance_to_a_kink() > 1e-4)
    n, epochs = len(case.X), 3
    batch = None if batch is None else min(batch, n)
    net = case.network()
    history = net.descent(
        case.X, case.Y, learning_rate=LEARNING_RATE / n, epochs=epochs, batch_size=batch,
        shuffle=shuffle, seed=seed, **case.settings,
    )  # fmt: skip
    orders = shuffled(seed, n, epochs) if shuffle else in_order(n, epochs)
    layers, costs = reference.descent(
        case.layers, case.activations, case.X, case.Y, LEARNING_RATE / n, orders,
        batch_size=batch, **case.settings,
    )  # fmt: skip
    steps = epochs * -(-n // (batch or n))
    depth = case.depth * steps
    assert_close(net.parameters, reference.flat(layers), terms=case.terms, depth=depth)
    assert_close(history.J, costs, terms=case.terms, depth=depth, dtype=case.dtype)


@pytest.mark.parametrize(
    "sizes",
    [[2, 3, 1], *amount([[40, 30, 2], [7, 36, 33, 3]], [[9, 4, 2], [3, 9, 10, 3]])],
    ids=str,
)
@pytest.mark.parametrize("batch_size", [None, amount(64, 15)])
@pytest.mark.parametrize("shuffle", [False, True])
def test_many_blocks_agree_with_the_oracle(sizes, batch_size, shuffle, dtype, rng):
    """Narrow layers by loops and wide ones by gemm, batches of several blocks, the last short."""
    n, epochs = amount(1100, 40), 2
    net = nnlib.Network(sizes, activation="tanh", dtype=dtype, seed=3)
    X = rng.normal(size=(n, sizes[0])).astype(dtype)
    Y = rng.normal(size=(n, sizes[-1])).astype(dtype)
    before = layers_of(net)
    history = net.descent(
        X, Y, learning_rate=0.5, epochs=epochs, batch_size=batch_size, shuffle=shuffle, seed=8
    )
    orders = shuffled(8, n, epochs) if shuffle else in_order(n, epochs)
    layers, costs = reference.descent(
        before, net.activations, X, Y, 0.5, orders, batch_size=batch_size
    )
    depth = 6 * epochs
    assert_close(net.parameters, reference.flat(layers), terms=n, depth=depth)
    assert_close(history.J, costs, terms=n, depth=depth, dtype=dtype)


def test_one_step_is_the_gradient_of_derJ(dtype, rng):
    net = nnlib.Network([3, 4, 2], dtype=dtype)
    X, Y = rng.normal(size=(30, 3)), rng.normal(size=(30, 2))
    dW, db = net.derJ(X, Y, weight_decay=0.25)
    expected = net.parameters - 0.125 * reference.flat(zip(dW, db, strict=True))
    net.descent(X, Y, learning_rate=0.125, epochs=1, weight_decay=0.25)
    assert_close(net.parameters, expected, terms=30)


def test_weight_decay_shrinks_weights_and_not_biases():
    # Heaviside has no gradient, so decay is all that happens: W ← (1 − αλ) W.
    net = nnlib.Network([1, 1], activation="heaviside", initializer=[([[2.0]], [3.0])])
    history = net.descent([1.0], [1.0], learning_rate=0.5, weight_decay=0.5, epochs=2)
    np.testing.assert_array_equal(net.parameters, [2 * 0.75**2, 3])
    np.testing.assert_allclose(history.J, [0.25 * 4, 0.25 * 1.5**2], rtol=1e-15)


def test_defaults_are_the_mean_and_the_full_batch(exercise_data):
    one, other = nnlib.Network([1, 2, 1]), nnlib.Network([1, 2, 1])
    one.descent(*exercise_data, epochs=5)
    other.descent(*exercise_data, learning_rate=0.1 / 60, epochs=5, reduction="sum", batch_size=60)
    assert_close(one.parameters, other.parameters, terms=60, depth=5)
    assert not np.array_equal(one.parameters, nnlib.Network([1, 2, 1]).parameters)


class TestOrderOfExamples:
    """Seeds and shuffles."""

    @pytest.mark.parametrize(
        ("of_network", "of_order"), [(5, None), (0, 1)], ids=["network", "order"]
    )
    def test_a_seed_gives_the_same_bits_again(self, of_network, of_order, exercise_data):
        nets = [nnlib.Network([1, 2, 1], seed=of_network) for _ in range(2)]
        for net in nets:
            net.descent(*exercise_data, batch_size=7, epochs=4, seed=of_order)
        np.testing.assert_array_equal(nets[0].parameters, nets[1].parameters)

    def test_another_order_gives_other_parameters(self, exercise_data):
        nets = [nnlib.Network([1, 2, 1]) for _ in range(3)]
        nets[0].descent(*exercise_data, batch_size=7, epochs=4, seed=1)
        nets[1].descent(*exercise_data, batch_size=7, epochs=4, seed=2)
        nets[2].descent(*exercise_data, batch_size=7, epochs=4, shuffle=False)
        assert len({net.parameters.tobytes() for net in nets}) == 3

    def test_a_second_descent_draws_new_orders(self, exercise_data):
        net = nnlib.Network([1, 2, 1])
        start = net.parameters.copy()
        net.descent(*exercise_data, batch_size=7, epochs=1)
        first = net.parameters.copy()
        net.parameters = start
        net.descent(*exercise_data, batch_size=7, epochs=1)
        assert not np.array_equal(net.parameters, first)

    def test_the_full_batch_is_not_shuffled(self, exercise_data):
        nets = [nnlib.Network([1, 2, 1]) for _ in range(2)]
        nets[0].descent(*exercise_data, epochs=4, shuffle=True, seed=1)
        nets[1].descent(*exercise_data, epochs=4, shuffle=False)
        np.testing.assert_array_equal(nets[0].parameters, nets[1].parameters)

    def test_the_user_s_data_stays_in_order(self, exercise_data):
        X, y = (column.copy() for column in exercise_data)
        nnlib.Network([1, 2, 1]).descent(X, y, batch_size=7, epochs=3)
        np.testing.assert_array_equal(X, exercise_data[0])
        np.testing.assert_array_equal(y, exercise_data[1])


@pytest.mark.parametrize("batch_size", [None, 7])
def test_several_descents_continue_one_another(exercise, exercise_data, batch_size):
    settings, epochs = {"batch_size": batch_size, "shuffle": False}, amount(10, 2)
    twin = nnlib.Network([1, 2, 1], dtype=exercise.dtype)
    twin.parameters = exercise.parameters
    history = exercise.descent(*exercise_data, epochs=3 * epochs, **settings)
    parts = [twin.descent(*exercise_data, epochs=epochs, **settings) for _ in range(3)]
    np.testing.assert_array_equal(exercise.parameters, twin.parameters)
    np.testing.assert_array_equal(history.J, np.concatenate([part.J for part in parts]))


@pytest.mark.parametrize("batch_size", [None, 7, amount(700, 14)])
@pytest.mark.parametrize("sizes", [[1, 2, 1], amount([1, 40, 40, 1], [1, 9, 9, 1])], ids=str)
def test_slices_leave_no_trace(sizes, batch_size, monkeypatch, rng):
    """A driver that returns after every single block ends at the same bits."""
    X, y = rng.normal(size=(2, amount(1500, 30)))
    nets = [nnlib.Network(sizes, activation="tanh") for _ in range(2)]
    histories = [nets[0].descent(X, y, epochs=3, batch_size=batch_size)]
    monkeypatch.setattr("nnlib.training.slices.SLICE_SECONDS", 1e-12)
    histories.append(nets[1].descent(X, y, epochs=3, batch_size=batch_size))
    np.testing.assert_array_equal(nets[0].parameters, nets[1].parameters)
    np.testing.assert_array_equal(histories[0].J, histories[1].J)


class TestHistory:
    """What a descent returns."""

    def test_attributes(self, exercise, exercise_data):
        history = exercise.descent(*exercise_data, epochs=3)
        assert history.J.shape == (3,)
        assert history.J.dtype == np.float64
        assert history.epochs == 3
        assert history.seconds > 0
        assert "epochs=3" in repr(history)

    def test_first_cost_is_J_before(self, exercise, exercise_data):
        settings = {"reduction": "sum", "weight_decay": 0.5}
        before = exercise.J(*exercise_data, **settings)
        history = exercise.descent(*exercise_data, epochs=2, **settings)
        assert_close(history.J[0], before, terms=60, dtype=exercise.dtype)
        assert history.J[1] != history.J[0]

    def test_no_epochs(self, exercise, exercise_data):
        before = exercise.parameters.copy()
        history = exercise.descent(*exercise_data, epochs=0)
        assert history.J.shape == (0,)
        assert repr(history)
        np.testing.assert_array_equal(exercise.parameters, before)


class TestProgress:
    """The bar shows on a terminal, or where it is asked for."""

    @pytest.fixture(autouse=True)
    def at_once(self, monkeypatch):
        """No wait before the bar shows."""
        monkeypatch.setattr("nnlib.training.progress.DELAY_SECONDS", 0)

    @pytest.mark.parametrize("progress", [None, False])
    def test_silent_where_output_is_no_terminal(self, progress, exercise, exercise_data, capfd):
        exercise.descent(*exercise_data, epochs=amount(2000, 5), progress=progress)
        assert capfd.readouterr() == ("", "")

    def test_shows_where_asked_for(self, exercise_data, capfd):
        net = nnlib.Network([1, 2, 1])
        # Long enough for the bar to move, which tqdm lets it do every 0.1 s.
        net.descent(*exercise_data, epochs=amount(1_000_000, 12), progress=True)
        output, errors = capfd.readouterr()
        assert output == ""
        assert amount("1.00M", "12.0") in errors
        assert "J=" in errors

    def test_shows_on_a_terminal(self, exercise, exercise_data, capfd, monkeypatch):
        monkeypatch.setattr("sys.stderr.isatty", lambda: True)
        exercise.descent(*exercise_data, epochs=amount(2000, 5))
        assert "epochs" in capfd.readouterr().err
