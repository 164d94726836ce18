"""Losses and activations of the user's own: what they train is what the built-in ones train."""

from __future__ import annotations

import copy
import math
import pickle
import re
import sys
import threading

import numpy as np
import pytest

import nnlib
from nnlib.model import device
from tests.tolerances import assert_close

from . import own

pytestmark = pytest.mark.cpu("formulas")
N = 30


@pytest.fixture
def data(rng, dtype):
    X = rng.normal(size=(N, 2)).astype(dtype)
    return X, np.sin(X[:, :1]).astype(dtype), rng.integers(0, 3, N)


def twins(dtype, sizes=(2, 5, 1)):
    """A network of the user's own formulas, and one of the built-in ones."""
    activation = own.activation()
    mine = nnlib.Network(list(sizes), [activation, "identity"], own.loss(), dtype)
    return mine, nnlib.Network(list(sizes), ["tanh", "identity"], dtype=dtype)


def test_cost_and_gradient(data, dtype):
    X, y, weights = data
    mine, built_in = twins(dtype)
    assert_close(mine.F(X), built_in.F(X), terms=5, depth=2)
    given = {"sample_weight": weights, "weight_decay": 0.1}
    assert_close(mine.J(X, y, **given), built_in.J(X, y, **given), terms=N, depth=2, dtype=dtype)
    for mine_part, part in zip(mine.derJ(X, y, **given), built_in.derJ(X, y, **given), strict=True):
        for actual, expected in zip(mine_part, part, strict=True):
            assert_close(actual, expected, terms=N, depth=4)
    assert_close(mine.F(X[0]), built_in.F(X[0]), terms=5, depth=2)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_size": 7, "optimizer": "adam", "learning_rate": 0.01},
        {"optimizer": "lbfgs", "epochs": 4, "learning_rate": None},
        {"validation": 0.3, "patience": 50},
    ],
    ids=str,
)
def test_descent(options, data, dtype):
    X, y, weights = data
    mine, built_in = twins(dtype)
    given = {"learning_rate": 0.1, "epochs": 20, "sample_weight": weights, **options}
    for net in (mine, built_in):
        net.descent(X, y, **given)
    assert_close(mine.parameters, built_in.parameters, terms=N, depth=100)
    if dtype == np.float64:
        np.testing.assert_allclose(mine.parameters, built_in.parameters, rtol=1e-10, atol=1e-12)


def test_the_loss_alone_has_the_bits_of_the_built_in_one(data, dtype):
    """Its formula in float64 is that of the kernels, operation for operation."""
    X, y, weights = data
    nets = [nnlib.Network([2, 5, 1], "tanh", loss) for loss in (own.loss(), "half_squared_error")]
    for net in nets:
        net.descent(X, y, epochs=50, sample_weight=weights)
    np.testing.assert_array_equal(nets[0].parameters, nets[1].parameters)


@pytest.mark.parametrize("options", [{}, {"optimizer": "momentum", "learning_rate": 0.05}], ids=str)
def test_members_of_a_population(options, data, dtype):
    """In the lanes of a vector, and one after the other."""
    X, y, _ = data
    mine, built_in = own.activation(), "tanh"
    grid = {"activation": [[mine, "identity"], [built_in, "identity"], [mine, built_in]]}
    population = nnlib.train_many(
        [2, 5, 1], X, y, n=2, grid=grid, loss=own.loss(), dtype=dtype, epochs=10, **options
    )
    for member in range(6):
        activation = grid["activation"][member // 2]
        net = nnlib.Network([2, 5, 1], activation, own.loss(), dtype, seed=member % 2)
        net.descent(X, y, epochs=10, **options)
        assert_close(population[member].parameters, net.parameters, terms=N, depth=40)
        assert population[member].activations == tuple(activation)


def test_a_grid_tells_formulas_of_one_name_apart(data):
    X, y, _ = data
    grid = {"activation": [own.scaled_activation(factor) for factor in (1.0, 2.0)]}
    population = nnlib.train_many([2, 1], X, y, n=1, grid=grid, epochs=1, learning_rate=1e-9)
    one, other = population[0].F(X), population[1].F(X)
    np.testing.assert_allclose(other, 2 * one, rtol=1e-6)


class TestOneName:
    """Two formulas of one name in one process."""

    def test_losses(self, data):
        X, y, _ = data
        nets = [nnlib.Network([2, 1], "identity", own.scaled_loss(factor)) for factor in (1.0, 3.0)]
        assert nets[1].J(X, y) == pytest.approx(3 * nets[0].J(X, y), rel=1e-6)
        for one, other in zip(nets[0].derJ(X, y), nets[1].derJ(X, y), strict=True):
            np.testing.assert_allclose(3 * one[0], other[0], rtol=1e-5)

    def test_activations(self, data):
        X, _, _ = data
        nets = [nnlib.Network([2, 1], own.scaled_activation(factor)) for factor in (1.0, 3.0)]
        np.testing.assert_allclose(nets[1].F(X), 3 * nets[0].F(X), rtol=1e-5)
        given = [net.F(X) - 1 for net in nets]  # errors of 1: the gradients are those of F
        slopes = [net.derJ(X, a)[1][0] for net, a in zip(nets, given, strict=True)]
        np.testing.assert_allclose(slopes[1], 3 * slopes[0], rtol=1e-5)

    def test_their_digests_differ(self):
        one, other, same = (own.scaled_loss(factor) for factor in (1.0, 3.0, 1.0))
        assert one != other
        assert one == same
        assert hash(one) == hash(same)
        assert (one.digest == same.digest) > (one.digest == other.digest)
        assert own.scaled_loss(1.0, "another") != one


def test_many_threads_declare_one(data):
    X, y, _ = data
    found = []

    def declare():
        net = nnlib.Network([2, 1], own.scaled_activation(7.0), own.scaled_loss(7.0))
        found.append(net.J(X, y))

    threads = [threading.Thread(target=declare) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


def test_an_example_of_weight_0_may_overflow(dtype):
    """And padding, whose targets are 0, may be no number: J is ln of a ratio."""
    ratio = nnlib.losses.Custom(
        lambda a, y: math.log(a / y) ** 2 if a * y > 0 else math.nan,
        lambda a, y: 2 * math.log(a / y) / a if a * y > 0 else math.nan,
    )
    net = nnlib.Network([1, 1], "identity", ratio, dtype, initializer=[([[1]], [0])])
    X, y, weights = [2, 3, -5], [1, 6, 1], [1, 1, 0]
    expected = 2 * math.log(2) ** 2 / 2
    assert net.J(X, y, sample_weight=weights) == pytest.approx(expected, rel=1e-6)
    dW, db = net.derJ(X, y, sample_weight=weights)
    assert np.isfinite([dW[0].item(), db[0].item()]).all()
    population = nnlib.train_many(net, X, y, sample_weight=weights, grid={"learning_rate": [0.01]})
    assert np.isfinite(population.cost).all()
    with pytest.raises(nnlib.DivergenceError):
        net.descent(X, y, epochs=3)


class TestObjects:
    """Custom as a value."""

    def test_shown(self):
        loss, activation = own.loss("cost"), own.activation("act")
        net = nnlib.Network([1, 1], activation, loss)
        assert (net.loss, net.activations) == (loss, (activation,))
        text = f"activation=Custom(name='act', digest='{activation.digest}'), loss=Custom(name="
        assert text in repr(net)

    def test_names(self):
        given = own.squared_error, own.error
        assert nnlib.losses.Custom(*given).name == "squared_error"
        unnamed = nnlib.activations.Custom(lambda z: z, lambda z: 1)
        assert unnamed.name == "custom"
        for wrong in ("", 3):
            with pytest.raises(TypeError, match="name must be a text"):
                nnlib.losses.Custom(*given, name=wrong)

    def test_a_class_is_refused(self):
        with pytest.raises(TypeError, match="activation is the class Custom, wanted an object"):
            nnlib.Network([1, 1], nnlib.activations.Custom)

    def test_the_wrong_kind_is_refused(self):
        with pytest.raises(TypeError, match=r"^activation must be one of"):
            nnlib.Network([1, 1], own.loss())
        with pytest.raises(TypeError, match=r"^loss must be one of"):
            nnlib.Network([1, 1], loss=own.activation())

    def test_pickled_and_copied(self, data):
        X, y, _ = data
        net = nnlib.Network([2, 3, 1], own.activation(), own.loss())
        for twin in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
            assert twin.J(X, y) == net.J(X, y)
            assert twin.loss == net.loss

    def test_a_lambda_cannot_be_pickled(self):
        net = nnlib.Network([1, 1], "identity", own.scaled_loss(1.0))
        with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
            pickle.dumps(net)
        assert copy.deepcopy(net).loss == net.loss


LOSS, ACTIVATION = nnlib.losses.Custom, nnlib.activations.Custom
OTHER = {LOSS: lambda a, y: a, ACTIVATION: lambda z: z}


@pytest.mark.parametrize("kind", [LOSS, ACTIVATION])
@pytest.mark.parametrize(
    ("functions", "words"),
    [
        ((lambda a, y: a.real_part, lambda z: z.real_part), ["does not compile", "'real_part'"]),
        ((lambda a, y: a + "b", lambda z: z + "b"), ["does not compile", "add"]),
        ((lambda a, y: math.gamm(a), lambda z: math.gamm(z)), ["does not compile", "gamm"]),
        ((lambda a, y: [a][0], lambda z: [z][0]), ["does not compile", "NRT"]),
        ((lambda a, y: a + 1j, lambda z: z + 1j), ["returns complex128", "a real number"]),
        ((lambda a, y: np.zeros(1), lambda z: np.zeros(1)), ["does not compile|returns array"]),
        ((lambda a, y: (a, y), lambda z: (z, z)), ["returns UniTuple", "a real number"]),
        ((lambda a, y: None, lambda z: None), ["returns none", "a real number"]),
        ((lambda a, y: a if y > 0 else None, lambda z: z if z > 0 else None), ["returns Option"]),
        ((lambda a, y: "b", lambda z: "b"), ["returns", "a real number"]),
        ((math.atan2, math.tanh), ["must be a plain Python function"]),
        ((lambda a: a, lambda z, y: z), ["signature", "wanted a function of"]),
    ],
)  # fmt: skip
def test_what_is_no_formula(kind, functions, words):
    """As one function and as the other, in one line."""
    function = functions[kind is ACTIVATION]
    first = "function" if kind is ACTIVATION else "cost"
    for given, name in (((function, OTHER[kind]), first), ((OTHER[kind], function), "derivative")):
        with pytest.raises(TypeError, match=f"^{name} ") as caught:
            kind(*given)
        message = str(caught.value)
        assert "\n" not in message
        assert all(re.search(word, message) for word in words), message


def test_a_wrong_derivative():
    with pytest.raises(ValueError, match=r"derivative\(a, y\) is .* at a=0\.23, y=0\.37, but"):
        LOSS(own.squared_error, lambda a, y: 2 * (a - y))
    with pytest.raises(ValueError, match=r"derivative\(z\) is .* at z=0\.23, but the difference"):
        ACTIVATION(math_sine, math_sine)


def math_sine(z):
    return math.sin(z)


def test_kinks_are_left_out():
    LOSS(lambda a, y: abs(a - y), lambda a, y: 1 if a > y else -1)
    ACTIVATION(lambda z: max(z, 0.23), lambda z: z > 0.23)  # a point of the check


class TestRefusals:
    """Ways that do not know such a formula say so before any work."""

    def test_a_pass_that_is_written_out(self):
        for net, words in (
            (nnlib.Network([1, 1], own.activation("act")), "it has activation 'act'"),
            (nnlib.Network([1, 1], "tanh", own.loss("cost")), "its loss is 'cost'"),
        ):
            with pytest.raises(ValueError, match=f"cannot be written out: {words}"):
                net.descent([0, 1], [0, 1], compile=True, epochs=1)

    def test_levenberg_marquardt(self):
        net = nnlib.Network([1, 1], "tanh", own.loss("cost"))
        with pytest.raises(ValueError, match="with loss='cost'"):
            net.descent([0, 1], [0, 1], optimizer="levenberg_marquardt", epochs=1)

    def test_levenberg_marquardt_takes_an_activation(self, data):
        X, y, _ = data
        nets = [nnlib.Network([2, 3, 1], name) for name in (own.activation(), "tanh")]
        for net in nets:
            net.descent(X, y, optimizer="levenberg_marquardt", epochs=3)
        np.testing.assert_allclose(nets[0].parameters, nets[1].parameters, rtol=1e-6)

    @pytest.mark.parametrize(
        ("activation", "loss", "words"),
        [(own.activation("act"), "huber", r"activation Custom\(name='act'"),
         ("tanh", own.loss("cost"), r"loss Custom\(name='cost'")],
        ids=["activation", "loss"],
    )  # fmt: skip
    def test_a_gpu(self, activation, loss, words, monkeypatch):
        for module in (device, sys.modules["nnlib.train_many"]):
            monkeypatch.setattr(module, "chosen_device", lambda name: "cuda")
        doing = [
            lambda: nnlib.Network([1, 1], activation, loss, device="cuda"),
            lambda: nnlib.Network([1, 1], activation, loss, device="auto").to("cuda"),
            lambda: nnlib.train_many(
                nnlib.Network([1, 1], activation, loss, device="auto"), [0, 1], [0, 1], n=2,
                device="cuda", epochs=1,
            ),
        ]  # fmt: skip
        for do in doing:
            with pytest.raises(ValueError, match=f"^{words}.* runs on the CPU only"):
                do()
