"""What a population offers: members, rankings, predictions, a table, figures."""

from __future__ import annotations

import sys
import tracemalloc

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot

import nnlib
from tests.devices import amount
from tests.population.cases import data

# Members with one learning rate.
N = amount(15, 3)


@pytest.fixture(scope="module")
def population():
    X, y = nnlib.course.exercise_data()
    grid = {"learning_rate": [0.1, 0.05]}
    epochs = amount(400, 3)
    return nnlib.train_many([1, 2, 1], X, y, n=N, grid=grid, epochs=epochs, reduction="sum")


@pytest.fixture(autouse=True)
def no_screen():
    """Draw into memory, and close what was drawn."""
    with mpl.rc_context():
        mpl.use("Agg")
        yield
        pyplot.close("all")


def test_members_are_networks(population):
    assert len(population) == 2 * N
    assert [net.parameters.tolist() for net in population] == population.parameters.tolist()
    np.testing.assert_array_equal(population[-1].parameters, population.parameters[2 * N - 1])
    assert population[3].sizes == (1, 2, 1)
    with pytest.raises(IndexError):
        population[2 * N]


def test_a_member_is_a_copy(population):
    before = population.parameters[4].copy()
    population[4].parameters[:] = 0
    np.testing.assert_array_equal(population.parameters[4], before)


def test_parts_keep_their_rows(population):
    for chosen in (slice(1, 20, 3), [N, 2], population.cost < np.median(population.cost)):
        part = population[chosen]
        np.testing.assert_array_equal(part.parameters, population.parameters[chosen])
        np.testing.assert_array_equal(part.J, population.J[chosen])
        np.testing.assert_array_equal(part.seed, population.seed[chosen])
        np.testing.assert_array_equal(part[0].parameters, part.parameters[0])


def test_the_best_come_first(population):
    top = population.top(N)
    assert top.cost.tolist() == np.sort(population.cost)[:N].tolist()
    np.testing.assert_array_equal(population.best.parameters, top.parameters[0])
    X, y = population.data
    assert population.best.J(X, y, reduction="sum") == pytest.approx(population.cost.min())


def test_outputs_of_all(population):
    X = [0.0, 3.5, 7.0]
    F = population.F(X)
    np.testing.assert_array_equal(F, [net.F(X) for net in population])
    mean, spread = population.predict(X)
    np.testing.assert_allclose(mean, F.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(spread, F.std(axis=0), rtol=1e-10)
    assert population.F(1.0).shape == (2 * N,)


def test_outputs_of_members_of_all_sizes():
    X, y = data()
    sizes = {"sizes": [[3, 2], [3, 5, 2]]}
    population = nnlib.train_many(None, X, y, grid=sizes, n=2, epochs=2)
    np.testing.assert_array_equal(population.F(X), [net.F(X) for net in population])


def test_the_diverged_do_not_predict():
    X, y = data()
    grid = {"learning_rate": [0.1, 1e6]}
    population = nnlib.train_many(
        [3, 2], X, y, grid=grid, n=3, activation="identity", epochs=amount(1000, 30)
    )
    mean = population.predict(X)[0]
    np.testing.assert_allclose(mean, population[:3].F(X).mean(axis=0), rtol=1e-12)
    assert "3 diverged" in repr(population)
    rows = population.by_choice()
    assert [row["learning_rate"] for row in rows] == [0.1, 1e6]
    assert rows[0]["mean"] == pytest.approx(population.cost[:3].mean())
    assert rows[0]["spread"] == pytest.approx(population.cost[:3].std())
    assert (rows[1]["mean"], rows[1]["members"]) == (np.inf, 3)


def test_frame(population):
    pytest.importorskip("pandas")
    frame = population.to_frame()
    assert list(frame) == ["learning_rate", "seed", "cost", "epochs", "ended"]
    assert frame.learning_rate.tolist() == [0.1] * N + [0.05] * N
    assert frame.cost.tolist() == population.cost.tolist()
    assert frame.seed.tolist() == [*range(N), *range(N)]
    X, y = data()
    folded = nnlib.train_many([3, 2], X, y, n=1, folds=2, epochs=1).to_frame()
    assert list(folded) == ["seed", "fold", "cost", "validation_cost", "epochs", "ended"]


def test_says_what_to_install_without_pandas(population, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        population.to_frame()


def test_plot_draws_costs_and_fits(population):
    costs, fits = population.plot().axes
    (curves,) = costs.collections[:1]
    assert len(curves.get_segments()) == 2 * N
    by_label = {line.get_label(): line for line in costs.lines}
    np.testing.assert_allclose(
        by_label["the middle"].get_ydata(), np.median(population.J, axis=0), rtol=1e-12
    )
    best = int(population.order[0])
    (best_line,) = [line for label, line in by_label.items() if label.startswith("the best")]
    np.testing.assert_array_equal(best_line.get_ydata(), population.J[best])
    by_label = {line.get_label(): line for line in fits.lines}
    x, F = by_label["the best"].get_data()
    np.testing.assert_array_equal(F, population.best.F(x))
    x, F = by_label["the middle"].get_data()
    np.testing.assert_allclose(F, np.median(population.F(x), axis=0), rtol=1e-12)


def test_plot_draws_the_distribution_of_other_networks():
    X, y = data()
    population = nnlib.train_many([3, 4, 2], X, y, n=amount(12, 3), folds=2, epochs=amount(30, 2))
    _, bars = population.plot().axes
    assert sum(patch.get_height() for patch in bars.patches) == 2 * amount(12, 3)
    assert bars.get_xlabel() == "validation J"


def test_plot_of_few_epochs_and_of_those_that_ended_early():
    X, y = data()
    grid = {"learning_rate": [0.1, 1e6]}
    # After 26 epochs the costs of the latter are 1e306, of which an axis has no tenth more.
    for options in ({"epochs": 1}, {"grid": grid, "activation": "identity", "epochs": 30}):
        nnlib.train_many([3, 2], X, y, n=2, **options).plot()
    with pytest.raises(ValueError, match="empty"):
        nnlib.train_many([3, 2], X, y, n=2, epochs=1)[:0].plot()


def test_says_what_to_install_without_matplotlib(population, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        population.plot()


def test_text(population):
    assert repr(population).startswith(f"Population({2 * N} networks, cost ")
    assert repr(population[:0]).startswith("Population(0 networks, ")


@pytest.mark.cpu("kernels")
def test_a_million_members_take_less_than_a_gigabyte():
    """The arithmetic: what grows with the members, from what two populations hold and need."""
    X, y = nnlib.course.exercise_data()

    def train(members):
        return nnlib.train_many([1, 2, 1], X, y, n=members, epochs=60, dtype="float32")

    train(10)
    needed = []
    for members in (2_000, 12_000):
        tracemalloc.start()
        population = train(members)
        needed.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(population) == members
    per_member = (needed[1] - needed[0]) / 10_000
    assert per_member * 1e6 < 1e9
