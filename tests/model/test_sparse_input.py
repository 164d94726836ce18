"""What a network computes of a sparse matrix is what it computes of the dense one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

import nnlib
from nnlib import layers
from tests.tolerances import assert_close

pytestmark = pytest.mark.cpu("sparse")


def sparse_matrix(n, features, density, seed):
    """Standard normal entries, in every row as many as chance has it."""
    rng = np.random.default_rng(seed)
    return sparse.csr_array(rng.normal(size=(n, features)) * (rng.random((n, features)) < density))


@given(
    n=st.integers(1, 40), features=st.integers(1, 30), units=st.integers(1, 18),
    density=st.sampled_from([0.0, 0.2, 1.0]), dtype=st.sampled_from(["float32", "float64"]),
    form=st.sampled_from(["csr", "csc", "coo"]), seed=st.integers(0, 99),
)  # fmt: skip
def test_F_J_and_derJ(n, features, units, density, dtype, form, seed):
    X = sparse_matrix(n, features, density, seed).asformat(form)
    y = np.random.default_rng(seed).normal(size=(n, 2))
    net = nnlib.Network([features, units, 2], ["tanh", "identity"], dtype=dtype, seed=seed)
    full, terms = X.toarray(), max(n, features, units)
    assert_close(net.F(X), net.F(full), terms, depth=4)
    assert_close(net.J(X, y), net.J(full, y), terms, depth=8, dtype=dtype)
    weights = np.arange(n) + 1.0
    found, wanted = (net.derJ(one, y, sample_weight=weights, flat=True) for one in (X, full))
    assert_close(found, wanted, n * terms, depth=8)


def test_one_values_matrices_of_words():
    X = sparse_matrix(20, 12, 0.3, 0) != 0
    net = nnlib.Network([12, 3, 1], "tanh")
    assert_close(net.F(X), net.F(X.toarray().astype(float)), 12, depth=4)


def test_predictions_and_score():
    X = sparse_matrix(30, 6, 0.5, 1)
    y = np.array(["good", "bad"])[(X.sum(axis=1) > 0).astype(int)]
    net = nnlib.Network([6, 4, 1], "sigmoid", "binary_cross_entropy")
    net.descent(X, y, epochs=30, learning_rate=1.0)
    full = X.toarray()
    assert net.classes.tolist() == ["bad", "good"]
    assert net.predict(X).tolist() == net.predict(full).tolist()
    assert_close(net.predict_proba(X), net.predict_proba(full), 6, depth=4)
    assert net.score(X, y) == net.score(full, y) > 0.5


def test_several_dense_layers_may_read_a_sparse_input():
    x = layers.Input(5)
    h = layers.Dense(3, "tanh")(x) + layers.Dense(3, "relu")(x)
    net = nnlib.Network(inputs=x, outputs=[layers.Dense(1)(h), layers.Dense(2)(h)])
    X = sparse_matrix(9, 5, 0.5, 2)
    for found, wanted in zip(net.F(X), net.F(X.toarray()), strict=True):
        assert_close(found, wanted, 5, depth=8)
    y = [np.ones((9, 1)), np.zeros((9, 2))]
    gradient = net.derJ(X, y, flat=True)
    assert_close(gradient, net.derJ(X.toarray(), y, flat=True), 45, depth=16)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda x: layers.Dense(1)(layers.Dropout(0.5)(x)), "its layer 'dropout' reads all"),
        (lambda x: layers.Dense(1)(layers.Scale()(x)), "its layer 'scale' reads all features"),
        (lambda x: x, "the network's input is one of its outputs"),
    ],
)
def test_networks_that_need_all_features_say_so(make, reason):
    x = layers.Input(5)
    net = nnlib.Network(inputs=x, outputs=[make(x), layers.Dense(1)(x)])
    with pytest.raises(TypeError, match=rf"X is a sparse matrix .*{reason}.*X.toarray\(\)"):
        net.F(sparse_matrix(4, 5, 0.5, 0))


def test_several_inputs_are_refused():
    one, two = layers.Input(5), layers.Input(5)
    net = nnlib.Network(inputs=[one, two], outputs=layers.Dense(1)(one + two))
    with pytest.raises(TypeError, match="several inputs"):
        net.F(sparse_matrix(4, 5, 0.5, 0))


def test_what_must_be_dense_is_refused_by_name():
    X = sparse_matrix(4, 5, 0.5, 0)
    net = nnlib.Network([5, 1])
    for call in (
        lambda: net.J(X.toarray(), X),
        lambda: net.J(X, np.ones(4), sample_weight=X),
        lambda: net.gradient(X),
    ):
        with pytest.raises(TypeError, match=r"is a sparse matrix .*give \w+\.toarray\(\)"):
            call()
    with pytest.raises(ValueError, match="X has 4 examples and y has 3"):
        net.J(X, np.ones(3))
    with pytest.raises(ValueError, match=r"X has shape \(4, 5\), wanted \(n, 4\)"):
        nnlib.Network([4, 1]).F(X)
