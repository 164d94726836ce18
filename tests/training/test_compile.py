"""descent(compile=True): a kernel for one network alone, its pass written out."""

from __future__ import annotations

import re

import numpy as np
import pytest

import nnlib
from nnlib.kernels.training import unrolled
from nnlib.schedules import ReduceOnPlateau
from tests.tolerances import assert_close

pytestmark = pytest.mark.cpu("compile")

EPOCHS = 20
# 17 inputs are more than a vector, so that the ordinary descent reads the user's rows.
NETWORKS = [
    ([1, 2, 1], "sigmoid", "half_squared_error", "float64"),
    ([1, 2, 1], "sigmoid", "half_squared_error", "float32"),
    ([3, 3, 4, 2, 2], "tanh", "huber", "float64"),
    ([2, 3, 1], ["relu", "sigmoid"], "binary_cross_entropy", "float64"),
    ([2, 2, 1], ["elu", "identity"], "poisson", "float32"),
    ([2, 2], "leaky_relu", "absolute_error", "float64"),
    ([16, 2, 1], ["tanh", "identity"], "log_cosh", "float64"),
]


def examples(sizes, n, dtype):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, sizes[0])).astype(dtype)
    return X, rng.uniform(0.1, 0.9, size=(n, sizes[-1])).astype(dtype)


def pair(sizes, activation="sigmoid", loss="half_squared_error", dtype="float64"):
    return [nnlib.Network(sizes, activation, loss=loss, dtype=dtype, seed=3) for _ in range(2)]


@pytest.mark.parametrize(("sizes", "activation", "loss", "dtype"), NETWORKS)
def test_it_is_the_same_descent_but_for_rounding(sizes, activation, loss, dtype):
    own, general = pair(sizes, activation, loss, dtype)
    X, y = examples(sizes, 70, dtype)
    weight = np.random.default_rng(1).uniform(0.5, 2, size=70)
    options = {"epochs": EPOCHS, "learning_rate": 0.05, "sample_weight": weight}
    got = own.descent(X, y, compile=True, **options)
    expected = general.descent(X, y, **options)
    assert own.J(X, y) < nnlib.Network(sizes, activation, loss=loss, dtype=dtype, seed=3).J(X, y)
    terms = 70 * len(sizes)
    assert_close(own.parameters, general.parameters, terms, depth=EPOCHS, dtype=dtype)
    assert_close(got.J, expected.J, terms, depth=EPOCHS, dtype=dtype)


@pytest.mark.parametrize("most", [32, 8192])
@pytest.mark.parametrize("batch_size", [None, 50, 7])
def test_batches_in_order_and_several_blocks(most, batch_size, monkeypatch):
    monkeypatch.setattr(unrolled, "_MOST_LANES", most)
    own, general = pair([1, 2, 1])
    X, y = examples([1, 1], 110, "float64")
    options = {"epochs": EPOCHS, "batch_size": batch_size, "shuffle": False, "reduction": "sum"}
    own.descent(X, y, compile=True, learning_rate=0.01, **options)
    general.descent(X, y, learning_rate=0.01, **options)
    assert_close(own.parameters, general.parameters, 330, depth=EPOCHS)


def test_going_on_gives_the_same_bits(tmp_path):
    whole, parts = pair([1, 2, 1])
    X, y = examples([1, 1], 60, "float64")
    whole.descent(X, y, compile=True, epochs=50)
    path = tmp_path / "descent"
    options = {"compile": True, "epochs": 50, "checkpoint": path, "callback_epochs": 20}
    parts.descent(X, y, callback=lambda report: True, **options)
    again = nnlib.Network([1, 2, 1], seed=3)
    again.descent(X, y, resume=True, callback=lambda report: None, **options)
    np.testing.assert_array_equal(again.parameters, whole.parameters)
    with pytest.raises(ValueError, match="compile"):
        again.descent(X, y, resume=True, epochs=50, checkpoint=path)


def test_divergence_leaves_the_last_finite_parameters():
    own, general = pair([2, 2], "identity")
    X, y = examples([2, 2], 40, "float64")
    for net, options in ((own, {"compile": True}), (general, {})):
        with pytest.raises(nnlib.DivergenceError):
            net.descent(X, y, learning_rate=1e12, epochs=100, **options)
    assert np.isfinite(own.parameters).all()
    assert_close(own.parameters, general.parameters, 200, depth=100)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"optimizer": "adam"}, "optimizer='adam'"),
        ({"optimizer": "lbfgs"}, "compile=True"),
        ({"weight_decay": 0.1}, "weight_decay=0.1"),
        ({"validation": 0.2}, "validation=0.2"),
        ({"target_cost": 0.1}, "target_cost=0.1"),
        ({"target_cost": 0.0}, "target_cost=0.0"),
        ({"dropout": 0.5}, "dropout"),
        ({"batch_size": 8}, "batch_size (unless shuffle is False)=8"),
        ({"learning_rate": ReduceOnPlateau(0.1)}, "learning_rate"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_options_that_it_leaves_out_are_refused_by_name(options, named):
    net = nnlib.Network([1, 2, 1])
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=re.escape(named)):
        net.descent([0, 1, 2], [0, 1, 0], compile=True, **options)
    np.testing.assert_array_equal(net.parameters, before)


@pytest.mark.parametrize(
    ("sizes", "activation", "loss", "reason"),
    [
        ([4, 16, 1], "tanh", "half_squared_error", "97 parameters"),
        ([1, 2, 1], "gelu", "half_squared_error", "'gelu'"),
        ([2, 2, 2], ["tanh", "softmax"], "softmax_cross_entropy", "softmax_cross_entropy"),
    ],
)
def test_networks_that_cannot_be_written_out_are_refused(sizes, activation, loss, reason):
    net = nnlib.Network(sizes, activation, loss=loss)
    X, y = np.zeros((2, sizes[0])), np.eye(2)[:, : sizes[-1]]
    with pytest.raises(ValueError, match=f"cannot be written out.*{re.escape(reason)}"):
        net.descent(X, y, compile=True)


def test_compile_is_true_or_false():
    with pytest.raises(TypeError, match="compile must be True or False; got 'yes'"):
        nnlib.Network([1, 1]).descent([0, 1], [0, 1], compile="yes")


def test_many_networks_refuse_it():
    with pytest.raises((TypeError, ValueError), match="compile"):
        nnlib.train_many([1, 2, 1], [0.0, 1.0], [0.0, 1.0], n=2, compile=True)


def test_the_cache_tells_written_out_networks_apart():
    names = [
        unrolled.descend_of(f"def descend():\n    {i}\n", {}).__code__.co_filename
        for i in (1, 2, 2)
    ]
    assert names[0] != names[1] == names[2]
