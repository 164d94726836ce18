"""Examples as the kernels take them: those of weight 0, padding lanes, and validation splits."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnlib
from nnlib.checks.examples import Examples
from nnlib.kernels.formulas.losses import CODES
from nnlib.network_training import split
from nnlib.training.options import Options
from tests.devices import amount
from tests.strategies import targets
from tests.tolerances import assert_close

# The last output activation of each loss, and inputs whose outputs overflow in that dtype.
OUTPUTS = {"binary_cross_entropy": "sigmoid", "softmax_cross_entropy": "softmax"}
HUGE = {"float64": 1.7e308, "float32": 3e38}


def network(loss, dtype, hidden=5, **settings):
    """Two inputs, three outputs; with inputs as large as `HUGE` its hidden units overflow."""
    output = OUTPUTS.get(loss, "identity")
    return nnlib.Network([2, hidden, 3], ["relu", output], loss, dtype, seed=1, **settings)


@st.composite
def spoiled(draw):
    """A loss and its data, with examples of weight 0 anywhere whose cost overflows."""
    loss, dtype = draw(st.sampled_from(list(CODES))), draw(st.sampled_from(list(HUGE)))
    n = draw(st.integers(2, amount(40, 6)))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    kept = generator.random(n) < 0.6
    kept[generator.integers(n)] = True
    X, y = generator.normal(size=(n, 2)), targets(generator, loss, n, 3).astype(float)
    X[~kept] = generator.choice([-1, 1], size=(n, 2))[~kept] * HUGE[dtype]
    weights = np.where(kept, generator.integers(1, 4, n), 0)
    return loss, dtype, X, y, weights


@given(spoiled(), st.sampled_from(["mean", "sum"]))
def test_weight_0_is_leaving_out(case, reduction):
    loss, dtype, X, y, weights = case
    kept = weights > 0
    net = network(loss, dtype)
    cost = net.J(X, y, reduction, sample_weight=weights)
    expected = net.J(X[kept], y[kept], reduction, sample_weight=weights[kept])
    assert_close(cost, expected, terms=3 * len(X), depth=3, dtype=dtype)
    gradient = net.derJ(X, y, reduction, sample_weight=weights)
    wanted = net.derJ(X[kept], y[kept], reduction, sample_weight=weights[kept])
    for actual, reference in zip(chain(*gradient), chain(*wanted), strict=True):
        assert_close(actual, reference, terms=3 * len(X), depth=4, dtype=dtype)


WAYS = {
    "all the data": {},
    "mini-batches": {"batch_size": 5},
    "in the order of the data": {"batch_size": 5, "shuffle": False, "optimizer": "adam"},
    "lbfgs": {"optimizer": "lbfgs", "learning_rate": None},
    "compiled": {"compile": True},
}


def some_of_weight_0(dtype, n=17):
    """Data whose every third example has weight 0 and overflows."""
    generator = np.random.default_rng(5)
    X, y = generator.normal(size=(n, 2)), generator.normal(size=(n, 3))
    weights = np.where(np.arange(n) % 3 == 0, 0.0, 1.0)
    X[weights == 0] = HUGE[dtype]
    return X, y, weights


@pytest.mark.parametrize("way", [name for name in WAYS if name != "compiled"])
@pytest.mark.parametrize("threads", [1, 2])
def test_descents_do_not_see_weight_0(way, threads, dtype, monkeypatch):
    """Whatever X and y of an example of weight 0 are, the bits are the same."""
    monkeypatch.setattr("nnlib.machine.threads.get_threads", lambda: threads)
    assert_blind(WAYS[way], dtype.name, hidden=5)


@pytest.mark.cpu("compile")
def test_a_compiled_descent_does_not_see_weight_0(dtype):
    assert_blind(WAYS["compiled"], dtype.name, hidden=2)


def assert_blind(options, dtype, hidden):
    X, y, weights = some_of_weight_0(dtype)
    options = {"learning_rate": 0.01, "epochs": amount(6, 2), "sample_weight": weights, **options}
    nets = [network("half_squared_error", dtype, hidden) for _ in range(2)]
    history = nets[0].descent(X, y, **options)
    X[weights == 0], y[weights == 0] = 0.5, 7
    other = nets[1].descent(X, y, **options)
    np.testing.assert_array_equal(nets[0].parameters, nets[1].parameters)
    np.testing.assert_array_equal(history.J, other.J)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
def test_a_population_does_not_see_weight_0(optimizer, dtype):
    """In lanes and one after another; one row of weights for all, and a row for each."""
    dtype = dtype.name
    X, y, weights = some_of_weight_0(dtype)
    rows = np.stack([weights, 2 * weights])
    for given_weights in (weights, rows):
        options = {"sample_weight": given_weights, "epochs": 3, "optimizer": optimizer}
        trained = []
        for spoil in (HUGE[dtype], 0.5):
            X[weights == 0] = spoil
            trained.append(
                nnlib.train_many([2, 4, 3], X, y, n=2, dtype=dtype, learning_rate=0.01, **options)
            )
        assert np.isfinite(trained[0].cost).all()
        np.testing.assert_array_equal(trained[0].parameters, trained[1].parameters)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
def test_a_fold_whose_cost_overflows_does_not_spoil_the_training(optimizer):
    X, y = np.array([1.0, 2, 3, 1e200]), np.array([0.0, 1, 1, 0])
    population = nnlib.train_many(
        [1, 1], X, y, activation="identity", n=1, folds=[0, 0, 0, 1], epochs=2,
        optimizer=optimizer, learning_rate=0.01,
    )  # fmt: skip
    assert population.ended == ["diverged", "epochs"]
    assert np.isfinite(population.cost[1])
    assert population.validation_cost[1] == np.inf


def test_padding_does_not_touch_a_sum(dtype):
    """F(0) overflows, F(1) is 0: three examples are padded to a vector, sixteen are not."""
    big = {"float64": 1e200, "float32": 1e30}[dtype.name]
    start = [([[big]], [-big]), ([[big]], [0])]
    net = nnlib.Network([1, 1, 1], "identity", dtype=dtype, initializer=start)
    for n in (3, 16):
        X, y = np.ones(n), np.zeros(n)
        assert net.J(X, y) == 0
        for part in net.derJ(X, y):
            for gradient in part:
                np.testing.assert_array_equal(gradient, 0)


def test_an_infinite_cost_stays_infinite():
    net = nnlib.Network([1, 1], "identity", initializer=[([[1e200]], [0])])
    for n in (3, 16):
        assert net.J(np.ones(n), np.zeros(n)) == np.inf


class TestValidationSplit:
    X = np.arange(10.0)
    y = X / 10

    def split(self, **options):
        """The two sides that a descent would train and watch with."""
        given = Examples(self.X[:, None], self.y[:, None], np.empty(0))
        return split(nnlib.Network([1, 1]), given, Options(epochs=0, **options))

    def test_a_series_keeps_its_end(self):
        train, held_out = self.split(validation=0.3, shuffle=False)
        assert train.X.ravel().tolist() == [0, 1, 2, 3, 4, 5, 6]
        assert held_out.X.ravel().tolist() == [7, 8, 9]
        assert held_out.y.ravel().tolist() == self.y[7:].tolist()

    def test_shuffled_examples_are_drawn(self):
        _, held_out = self.split(validation=0.3, seed=2)
        assert held_out.X.ravel().tolist() != [7, 8, 9]

    @pytest.mark.parametrize("reduction", ["mean", "sum"])
    def test_each_side_is_weighed_by_its_own_weights(self, reduction, request):
        weights = np.arange(1.0, 11)
        options = {"epochs": 1, "reduction": reduction, "learning_rate": 0.01}
        nets = [nnlib.Network([1, 1], "identity", initializer="zeros") for _ in range(2)]
        history = nets[0].descent(
            self.X, self.y, sample_weight=weights, validation=0.3, shuffle=False, **options
        )
        alone = nets[1].descent(self.X[:7], self.y[:7], sample_weight=weights[:7], **options)
        np.testing.assert_array_equal(nets[0].parameters, nets[1].parameters)
        np.testing.assert_array_equal(history.J, alone.J)
        if request.config.getoption("--device") == "cuda":
            return  # its kernels take weights for one side alone
        watched = nets[1].J(self.X[7:], self.y[7:], reduction, sample_weight=weights[7:])
        assert history.validation_J[0] == pytest.approx(watched, rel=1e-12)

    @pytest.mark.parametrize(
        ("weights", "side"),
        [
            (np.arange(10) < 7, r"that validation=0\.3 holds out"),
            (np.arange(10) > 6, r"that validation=0\.3 leaves to train with"),
        ],
    )
    def test_a_side_without_weight_is_refused(self, weights, side):
        net = nnlib.Network([1, 1])
        before = net.parameters.copy()
        options = {"sample_weight": weights * 1.0, "validation": 0.3, "shuffle": False}
        with pytest.raises(ValueError, match=f"sample_weight is 0 for every example {side}"):
            net.descent(self.X, self.y, **options)
        np.testing.assert_array_equal(net.parameters, before)
        with pytest.raises(ValueError, match=f"sample_weight is 0 for every example {side}"):
            nnlib.train_many([1, 1], self.X, self.y, n=1, **options)
