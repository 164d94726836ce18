"""Every system of the lecture against its reference numbers and closed forms."""

import itertools
import sys
from dataclasses import replace

import numpy as np
import pytest

from nnlib import DivergenceError, Network, course
from tests.devices import amount
from tests.reference import EXERCISE_TRAJECTORY, sigmoid


def coefficients(network):
    """a1 … a7 of the exercise."""
    (W1, W2), (b1, b2) = network.weights, network.biases
    return np.array([W1[0, 0], b1[0], W1[1, 0], b1[1], W2[0, 0], W2[0, 1], b2[0]])


def least_squares(X, y):
    """Weights and bias of the closed-form solution."""
    solution, *_ = np.linalg.lstsq(np.column_stack([X, np.ones(len(X))]), y, rcond=None)
    return solution[:-1], solution[-1]


# The exercise.


def test_exercise_data():
    x, y = course.exercise_data()
    blue = [(i / 10, 0.2) for i in range(20)] + [(6 + i / 10, 0.2) for i in range(20)]
    red = [(3 + i / 10, 1) for i in range(20)]
    assert list(zip(x, y, strict=True)) == blue + red


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, marks=pytest.mark.large if row[0] > 10 else (), id=f"epoch {row[0]}")
        for row in EXERCISE_TRAJECTORY
    ],
)
def test_exercise_follows_the_reference(row):
    epoch, J, *a = row
    system = course.exercise()
    if epoch:
        system.run(epochs=epoch)
    np.testing.assert_allclose(coefficients(system.network), a, rtol=1e-8)
    np.testing.assert_allclose(system.network.J(system.X, system.y, reduction="sum"), J, rtol=1e-8)


@pytest.mark.large
def test_exercise_history_holds_the_reference_costs():
    history = course.exercise().run(epochs=301)
    epochs, costs = zip(*[row[:2] for row in EXERCISE_TRAJECTORY], strict=True)
    np.testing.assert_allclose(history.J[list(epochs)], costs, rtol=1e-8)


@pytest.mark.large
@pytest.mark.parametrize(
    ("epoch", "J", "tolerance"),
    [(800, 0.1330, 0.0015), (1000, 0.0934, 0.0010), (5000, 0.01765, 0.00005)],
)
def test_exercise_reaches_the_reference_cost(epoch, J, tolerance):
    system = course.exercise()
    system.run(epochs=epoch)
    assert system.network.J(system.X, system.y, reduction="sum") == pytest.approx(J, abs=tolerance)


def test_exercise_settings_are_the_lecture_s():
    system, by_hand = course.exercise(), course.exercise()
    epochs = amount(50, 5)
    system.run(epochs=epochs)
    data, options = course.exercise_data(), {"reduction": "sum", "learning_rate": 0.1}
    by_hand.network.descent(*data, epochs=epochs, **options)
    np.testing.assert_array_equal(system.network.parameters, by_hand.network.parameters)


@pytest.mark.large
def test_exercise_runs_5000_epochs_and_separates_the_points():
    system = course.exercise()
    assert system.run().J.shape == (5000,)
    assert np.all((system.network.F(system.X) > 0.6) == (system.y == 1))


# Linear regression.


@pytest.mark.large
@pytest.mark.parametrize(
    ("call", "inputs"), [(course.blood_pressure, 1), (course.diabetes_progression, 2)]
)
def test_linear_regression_reaches_the_closed_form(call, inputs):
    system = call()
    assert system.X.shape == (442, inputs)
    assert system.y.shape == (442,)
    system.run()
    weight, bias = least_squares(system.X, system.y)
    np.testing.assert_allclose(system.network.weights[0][0], weight, rtol=1e-11)
    np.testing.assert_allclose(system.network.biases[0][0], bias, rtol=1e-11)


def test_tables_are_in_their_own_units():
    age, pressure = course.blood_pressure().X[:, 0], course.blood_pressure().y
    assert (age.min(), age.max()) == (19, 79)
    assert (pressure.min(), pressure.max()) == (62, 133)
    system = course.diabetes_progression()
    np.testing.assert_array_equal(system.X[:, 1], pressure)
    assert (system.X[:, 0].min(), system.X[:, 0].max()) == (18, 42.2)
    assert (system.y.min(), system.y.max()) == (25, 346)


@pytest.mark.large
def test_blood_pressure_is_predicted_in_the_table_s_units():
    system = course.blood_pressure()
    system.run()
    weight, bias = least_squares(system.X, system.y)
    np.testing.assert_allclose(system.network.F(50.0), weight[0] * 50 + bias, rtol=1e-11)


@pytest.mark.large
def test_plain_descent_on_raw_inputs_diverges():
    """Why the tables are standardised."""
    system = replace(course.blood_pressure(), standardize=False)
    with pytest.raises(DivergenceError):
        system.run()


# Standardised inputs.


def test_standardized_run_is_the_descent_on_standardized_inputs():
    system = course.diabetes_progression()
    epochs = amount(7, 2)
    history = system.run(epochs=epochs)
    mean, scale = system.X.mean(axis=0), system.X.std(axis=0)
    other = Network([2, 1], activation="identity", initializer="zeros")
    expected = other.descent((system.X - mean) / scale, system.y, learning_rate=0.1, epochs=epochs)
    np.testing.assert_allclose(history.J, expected.J, rtol=1e-12)
    np.testing.assert_allclose(
        system.network.F(system.X), other.F((system.X - mean) / scale), rtol=1e-12
    )


def test_second_run_goes_on():
    once, twice = course.diabetes_progression(), course.diabetes_progression()
    first, second = amount((12, 8), (2, 1))
    history = once.run(epochs=first + second)
    parts = [twice.run(epochs=first).J, twice.run(epochs=second).J]
    np.testing.assert_allclose(np.concatenate(parts), history.J, rtol=1e-12)
    np.testing.assert_allclose(twice.network.parameters, once.network.parameters, rtol=1e-12)


def test_network_is_in_the_table_s_units_after_an_error():
    system = course.diabetes_progression()
    system.run(epochs=amount(5, 1))
    before = system.network.parameters.copy()
    with pytest.raises(ValueError, match="epochs"):
        system.run(epochs=-1)
    np.testing.assert_allclose(system.network.parameters, before, rtol=1e-12)


@pytest.mark.large
def test_network_is_in_the_table_s_units_after_a_divergence():
    system = course.blood_pressure()
    with pytest.raises(DivergenceError) as raised:
        system.run(learning_rate=10.0)
    J = raised.value.history.J
    last = J[np.isfinite(J)][-1]
    assert system.network.J(system.X, system.y) == pytest.approx(last, rel=1e-6)


# Logistic regression.


@pytest.fixture
def breast_cancer():
    system = course.breast_cancer()
    system.run()
    return system


@pytest.mark.large
def test_breast_cancer_both_forms_of_the_decision_agree(breast_cancer):
    network, X = breast_cancer.network, breast_cancer.X
    z = X @ network.weights[0][0] + network.biases[0][0]
    np.testing.assert_allclose(network.F(X)[:, 0], sigmoid(z), rtol=1e-9)
    np.testing.assert_array_equal(network.F(X)[:, 0] > 1 / 2, z > 0)


@pytest.mark.large
def test_breast_cancer_cost_falls_in_every_epoch():
    J = course.breast_cancer().run().J
    assert J[0] == pytest.approx(1 / 8, rel=1e-12)  # ½ (σ(0) − y)² for y = 0 and 1
    assert np.all(np.diff(J) < 0)
    assert J[-1] < 0.007


@pytest.mark.large
def test_breast_cancer_decides_unseen_patients():
    system = course.breast_cancer()
    assert system.X.shape == (569, 30)
    assert set(system.y) == {0.0, 1.0}
    replace(system, X=system.X[::2], y=system.y[::2]).run()
    benign = system.network.F(system.X[1::2])[:, 0] > 1 / 2
    assert np.mean(benign == system.y[1::2]) > 0.96


# Networks with given weights.


def test_perceptron_decides_by_the_side_of_the_line():
    network = course.perceptron()
    points = np.array(list(itertools.product(np.arange(-5, 6), repeat=2)))
    z = points[:, 0] - 2 * points[:, 1] + 1
    assert np.any(z == 0)
    np.testing.assert_array_equal(network.F(points)[:, 0], z >= 0)


def test_xor_truth_table():
    np.testing.assert_array_equal(
        course.xor().F([[0, 0], [0, 1], [1, 0], [1, 1]]), [[0], [1], [1], [0]]
    )


def test_xor_is_three_heaviside_neurons():
    network = course.xor()
    assert sum(network.sizes[1:]) == 3
    assert set(network.activations) == {"heaviside"}

    def H(z):
        return np.where(z >= 0, 1.0, 0.0)

    x, y = np.meshgrid(np.linspace(-2, 2, 17), np.linspace(-2, 2, 17))
    expected = H(H(x - y - 1) + H(-x + y - 1) - 1)
    points = np.column_stack([x.ravel(), y.ravel()])
    np.testing.assert_array_equal(network.F(points)[:, 0], expected.ravel())


def test_layers_3_3_4_2_1_counts():
    network = course.layers_3_3_4_2_1()
    assert network.sizes == (3, 3, 4, 2, 1)
    assert [W.size for W in network.weights] == [9, 12, 8, 2]
    assert [b.size for b in network.biases] == [3, 4, 2, 1]


def test_layers_3_3_4_2_1_follows_its_seed():
    one, same, other = (course.layers_3_3_4_2_1(seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.parameters, same.parameters)
    assert np.any(one.parameters != other.parameters)


# Text.


@pytest.mark.large
def test_film_reviews_judge_the_lecture_s_review():
    system = course.film_reviews()
    history = system.run()
    assert history.J[-1] < 0.01
    reviews = ["bon film à voir absolument", "À éviter, absolument mauvais", "super super super"]
    positive = system.network.F(course.TEN_WORDS.encode(reviews))[:, 0] > 1 / 2
    assert positive.tolist() == [True, False, True]


def test_film_reviews_contain_every_word_of_the_vocabulary():
    X = course.film_reviews().X
    assert X.shape == (10, 10)
    assert np.all(X.sum(axis=0) > 0)


# What a call returns.


def test_calls_do_not_share_state():
    one, other = course.exercise(), course.exercise()
    one.run(epochs=1)
    one.X[0] = 5
    np.testing.assert_array_equal(coefficients(other.network), EXERCISE_TRAJECTORY[0][2:])
    assert other.X[0] == 0


def test_run_passes_changes_to_the_descent():
    system = course.exercise()
    assert system.run(epochs=3, batch_size=20, shuffle=False).J.shape == (3,)
    with pytest.raises(TypeError, match="learning_rte"):
        system.run(learning_rte=0.1)


def test_repr_tells_what_runs():
    text = repr(course.exercise())
    assert text.startswith("System(the exercise: height of red and blue points from x; Network([1,")
    assert text.endswith("X (60,), y (60,); learning_rate=0.1, epochs=5000, reduction='sum')")


def test_show_draws_the_data_and_the_curve():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    axes = course.blood_pressure().show(ax=figure.subplots())
    points = np.concatenate([dots.get_offsets() for dots in axes.collections])
    assert points.shape == (442, 2)
    assert len(axes.lines) == 1


@pytest.mark.parametrize(
    "call", [course.blood_pressure, course.diabetes_progression, course.breast_cancer]
)
def test_tables_without_scikit_learn_name_the_extra(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match="pip install scikit-learn"):
        call()


def test_cost_of_a_system_is_in_its_own_reduction():
    """The first cost of the lecture's descent, a sum over the 60 points."""
    system = course.exercise()
    cost = system.J()
    assert cost == pytest.approx(60 * system.network.J(system.X, system.y), rel=1e-12)
    assert cost == pytest.approx(system.run(epochs=1).J[0], rel=1e-12)
    system = course.film_reviews()
    assert system.J() == system.network.J(system.X, system.y)
