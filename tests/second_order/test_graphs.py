"""L-BFGS and Levenberg-Marquardt on graphs, against the oracle's gradients and Jacobian."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib import layers
from tests import graph_reference
from tests.graph_examples import DENSE, GRAPHS, SMOOTH, all_kinds, residual, two_outputs, two_towers
from tests.tolerances import assert_close

pytestmark = pytest.mark.cpu("graphs")


def trained(case):
    """Which elements of the flat vector of parameters are trained."""
    flags = [
        {name: np.full(a.shape, layer.trainable) for name, a in layer.weights.items()}
        for layer in case.drawing.layers
    ]
    return case.flat(flags).astype(bool)


def oracle_gradient(case, **settings):
    """The oracle's as one vector."""
    return case.flat(
        graph_reference.gradients(case.graph, case.parameters, case.X, case.Y, **settings)
    )


def residuals_and_jacobian(case):
    """r, one element for each example and output, and ∂r/∂p, for the half squared error.

    The gradient of ½ Σ (a − y)² is that of a_k where a − y is 1 at k and else 0.
    """
    values = graph_reference.predict(case.graph, case.parameters, case.X)
    errors, rows = [], []
    for s in range(case.n):
        a, x = [one[s] for one in values], [one[s] for one in case.X]
        for number, one in enumerate(a):
            for k in range(one.size):
                y = [given.copy() for given in a]
                y[number].reshape(-1)[k] -= 1
                gradient, _ = graph_reference.example_gradients(case.graph, case.parameters, x, y)
                rows.append(case.flat(gradient))
                errors.append((one - case.Y[number][s]).reshape(-1)[k])
    return np.array(errors), np.array(rows)


def levenberg_marquardt_step(case):
    """Parameters after one iteration: the first damping whose step lowers the cost."""
    errors, jacobian = residuals_and_jacobian(case)
    free = trained(case)
    jacobian = jacobian[:, free]
    start, before = case.net.parameters.copy(), case.net.J(*case.data)
    for damping in 1e-3 * 10.0 ** np.arange(8):
        normal = jacobian.T @ jacobian + damping * np.eye(jacobian.shape[1])
        found = start.copy()
        found[free] -= np.linalg.solve(normal, jacobian.T @ errors)
        case.net.parameters = found
        if case.net.J(*case.data) < before:
            break
    case.net.parameters = start
    return found


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("name", GRAPHS)
def test_the_first_step_of_lbfgs_is_along_the_gradient(name, frozen):
    case = GRAPHS[name]()
    case.drawing.layers[0].trainable = not frozen
    before, free, gradient = case.net.parameters.copy(), trained(case), oracle_gradient(case)
    case.net.descent(*case.data, optimizer="lbfgs", epochs=1)
    step = case.net.parameters - before
    np.testing.assert_array_equal(case.net.parameters[~free], before[~free])
    length = np.linalg.norm(step) / np.linalg.norm(gradient[free])
    assert length > 0
    np.testing.assert_allclose(step[free], -length * gradient[free], rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("name", SMOOTH)
def test_lbfgs_ends_where_the_gradient_vanishes(name, frozen):
    case = GRAPHS[name]()
    case.drawing.layers[0].trainable = not frozen
    free, before = trained(case), case.net.parameters.copy()
    history = case.net.descent(*case.data, optimizer="lbfgs", epochs=500, weight_decay=0.1)
    assert np.all(np.diff(history.J) <= 0)
    np.testing.assert_array_equal(case.net.parameters[~free], before[~free])
    assert np.max(np.abs(oracle_gradient(case, weight_decay=0.1)[free])) < 1e-5


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("name", DENSE)
def test_levenberg_marquardt_step(name, frozen):
    case = GRAPHS[name]()
    case.drawing.layers[0].trainable = not frozen
    expected, before = levenberg_marquardt_step(case), case.net.parameters.copy()
    case.net.descent(*case.data, optimizer="levenberg_marquardt", epochs=1)
    # A solution is as far off as the matrix is ill-conditioned: 1e3 over its damping.
    np.testing.assert_allclose(case.net.parameters, expected, rtol=1e-8, atol=1e-8)
    free = trained(case)
    np.testing.assert_array_equal(case.net.parameters[~free], before[~free])


def test_levenberg_marquardt_of_several_outputs():
    case = two_outputs()
    value = case.drawing.values[case.outputs[0]]
    hidden = value.sources[0]
    net = nnlib.Network(inputs=case.drawing.values[0], outputs=[value, layers.Dense(2)(hidden)])
    rng = np.random.default_rng(0)
    y = [case.Y[0], rng.normal(size=(case.n, 2))]
    before = net.J(case.X[0], y)
    history = net.descent(case.X[0], y, optimizer="levenberg_marquardt", epochs=30)
    assert np.all(np.diff(history.J) <= 0)
    assert net.J(case.X[0], y) < 0.8 * before


def test_levenberg_marquardt_fits_what_a_network_of_the_same_graph_gives():
    teacher, pupil = two_towers(seed=1), two_towers(seed=2)
    y = teacher.net.F(teacher.data[0])
    for _ in range(3):
        pupil.net.descent(teacher.data[0], y, optimizer="levenberg_marquardt", epochs=200)
    assert pupil.net.J(teacher.data[0], y) < 1e-3
    assert_close(pupil.net.F(teacher.data[0]), y, terms=1, dtype="float16")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"losses": ["huber"]}, "loss='huber': it minimises sums of squares"),
        ({"loss_weights": [2.0]}, "takes no loss_weights"),
    ],
)
def test_what_levenberg_marquardt_refuses(settings, words):
    case = residual()
    net = nnlib.Network(
        inputs=case.drawing.values[0],
        outputs=case.drawing.values[case.outputs[0]],
        loss=settings.get("losses", ["half_squared_error"]),
        loss_weights=settings.get("loss_weights"),
    )
    with pytest.raises(ValueError, match=words):
        net.descent(*case.data, optimizer="levenberg_marquardt", epochs=1)


def test_kinds_without_a_jacobian_are_named():
    case = all_kinds()
    with pytest.raises(ValueError, match=r"no Jacobian of layers of kind '(scale|prelu|maximum)'"):
        case.net.descent(*case.data, optimizer="levenberg_marquardt", epochs=1)


@pytest.mark.parametrize("optimizer", ["lbfgs", "levenberg_marquardt"])
def test_rates_of_layers_and_dropout_are_refused(optimizer):
    case = residual()
    case.net.layers[0].rate_factor = 0.5
    with pytest.raises(ValueError, match="rate_factor"):
        case.net.descent(*case.data, optimizer=optimizer, epochs=1)
    x = layers.Input(3)
    net = nnlib.Network(inputs=x, outputs=layers.Dense(1)(layers.Dropout(0.5)(x)))
    with pytest.raises(ValueError, match=r"[Dd]ropout"):
        net.descent(case.X[0], case.Y[0], optimizer=optimizer, epochs=1)
