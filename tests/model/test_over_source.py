"""F, J, derJ, predictions and scores over a source: those of the same rows in memory."""

import numpy as np
import pytest

import nnlib
from nnlib import layers
from tests.tolerances import tolerance

pytestmark = pytest.mark.cpu("data")

N = 300
X = np.random.default_rng(0).normal(size=(N, 3))
V = np.random.default_rng(1).integers(0, 3, N).astype(float)
LABELS = np.where(X @ [1, -2, 0.5] > 0.2, "high", "low")


def source(y, weighted=False, X=X):
    return nnlib.data.arrays(X, y, sample_weight=V if weighted else None, part_rows=70)


def network(classes):
    if not classes:
        return nnlib.Network([3, 5, 1], ["tanh", "identity"], seed=1)
    net = nnlib.Network([3, 5, 1], ["tanh", "sigmoid"], "binary_cross_entropy", seed=1)
    net.classes = ["high", "low"]
    return net


@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_costs_gradients_and_scores(classes, weighted, reduction):
    net, y = network(classes), LABELS if classes else np.sin(X.sum(1))
    data, weights = source(y, weighted), V if weighted else None
    options = {"reduction": reduction, "weight_decay": 0.1}
    near = {"rtol": tolerance("float64", N, depth=4)}
    here = net.J(X, y, sample_weight=weights, **options)
    np.testing.assert_allclose(net.J(data, **options), here, **near)
    wanted = net.derJ(X, y, sample_weight=weights, flat=True, **options)
    found = net.derJ(data, flat=True, **options)
    np.testing.assert_allclose(found, wanted, atol=near["rtol"] * abs(wanted).max())
    np.testing.assert_allclose(net.score(data), net.score(X, y, sample_weight=weights), **near)


@pytest.mark.parametrize("classes", [False, True])
def test_outputs_and_predictions_have_the_bits_of_memory(classes):
    net, data = network(classes), source(LABELS if classes else np.sin(X.sum(1)))
    np.testing.assert_array_equal(net.F(data), net.F(X))
    np.testing.assert_array_equal(net.predict(data), net.predict(X))
    if classes:
        np.testing.assert_array_equal(net.predict_proba(data), net.predict_proba(X))


def test_targets_are_not_looked_at_by_predictions():
    net = network(True)
    data = source(np.where(LABELS == "low", "unheard of", "high"))
    np.testing.assert_array_equal(net.predict(data), net.predict(X))
    with pytest.raises(ValueError, match="unheard of") as caught:
        net.J(data)
    assert caught.value.__notes__ == ["In part 0 of arrays."]


def test_outputs_with_axes():
    rows = np.random.default_rng(2).normal(size=(40, 6, 2))
    net = nnlib.Network([layers.Input((6, 2)), layers.GRU(3, return_sequences=True)], seed=0)
    data = nnlib.data.arrays(rows, np.zeros((40, 6, 3)), part_rows=11)
    np.testing.assert_array_equal(net.F(data), net.F(rows))
    assert net.J(data) == pytest.approx(net.J(rows, np.zeros((40, 6, 3))), rel=1e-12)


def test_other_columns_are_refused():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    net, y = network(False), np.sin(X.sum(1))
    net.descent(source(y, X=frame), batch_size=50, epochs=1)
    assert net.feature_names == ("a", "b", "c")
    other = source(y, X=frame[["b", "a", "c"]])
    for use in (net.F, net.J, net.score, lambda own: net.descent(own, batch_size=50)):
        with pytest.raises(ValueError, match="X has its columns in the order 'b', 'a'"):
            use(other)


def test_refused():
    net, y = network(False), np.sin(X.sum(1))
    data = source(y)
    with pytest.raises(ValueError, match="y is given as well, wanted None"):
        net.J(data, y)
    with pytest.raises(ValueError, match="sample_weight is given as well"):
        net.score(data, sample_weight=V)
    with pytest.raises(ValueError, match="lengths is given, and X is a source"):
        net.F(data, lengths=[3])
    with pytest.raises(ValueError, match="the weights of arrays are all 0"):
        net.J(nnlib.data.arrays(X, y, sample_weight=0 * V))
    with pytest.raises(TypeError, match=r"X is a source of nnlib\.data, wanted arrays here"):
        nnlib.train_many([3, 1], data, y, n=2, epochs=1)
    with pytest.raises(ValueError, match=r"X has shape \(300,\), wanted \(n, 3\)"):
        net.F(nnlib.data.arrays(y, y))
    steps = nnlib.Network([layers.Input((None, 2)), layers.GRU(3), layers.Dense(1)], seed=0)
    with pytest.raises(ValueError, match="takes sequences of any length"):
        steps.F(nnlib.data.arrays(np.zeros((9, 7, 2)), np.zeros(9)))
