"""Options of a descent on graphs: they do what they do for a chain that computes the same."""

from __future__ import annotations

import re

import numpy as np
import pytest

import nnlib
from nnlib import layers
from tests import graph_steps
from tests.graph_examples import GRAPHS, residual, two_outputs, two_towers
from tests.machine.teams import force
from tests.tolerances import assert_close
from tests.training.checkpointed import assert_same, interrupted_after

pytestmark = pytest.mark.cpu("graphs")

N = 40
OPTIONS = {
    "mini-batches": {"batch_size": 9},
    "in the order of the data": {"batch_size": 9, "shuffle": False},
    "adam": {"optimizer": "adam", "learning_rate": 0.01},
    "validation": {"validation": 0.25, "batch_size": 10},
    "patience": {"validation": 0.25, "patience": 3, "learning_rate": 1.0},
    "weights of examples": {"sample_weight": np.arange(N) % 3, "batch_size": 8},
    "a schedule": {"learning_rate": nnlib.schedules.Cosine(0.3)},
    "penalties": {"l1": 1e-3, "weight_decay": 1e-2, "max_norm": 1.0, "reduction": "sum"},
    "clipping": {"clip_norm": 0.1, "clip_value": 0.05},
    "target": {"target_cost": 0.4},
    "sum": {"reduction": "sum", "learning_rate": 0.01},
    "lbfgs": {"optimizer": "lbfgs"},
}


def data(d_out=2):
    rng = np.random.default_rng(9)
    return rng.normal(size=(N, 3)), rng.normal(size=(N, d_out))


def chain():
    return nnlib.Network([3, 5, 2], ["tanh", "identity"], seed=5)


def graph():
    """The same function and parameters, with joins of one value on the way."""
    x = layers.Input(3)
    h = layers.Reshape((5, 1))(layers.Add()([layers.Dense(5, "tanh")(x)]))
    out = layers.Dense(2)(layers.Flatten()(layers.Average()([h, h])))
    net = nnlib.Network(inputs=x, outputs=out, seed=5)
    net.parameters = chain().parameters
    return net


@pytest.mark.parametrize("name", OPTIONS)
def test_options_do_what_they_do_for_a_chain(name):
    options = {"learning_rate": 0.1, "epochs": 12, **OPTIONS[name]}
    if options.get("optimizer") == "lbfgs":
        options.pop("learning_rate")
    nets = chain(), graph()
    histories = [net.descent(*data(), **options) for net in nets]
    np.testing.assert_allclose(nets[1].parameters, nets[0].parameters, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(histories[1].J, histories[0].J, rtol=1e-8)
    assert histories[1].stopped == histories[0].stopped
    if "validation" in options:
        assert histories[1].best_epoch == histories[0].best_epoch
        np.testing.assert_allclose(histories[1].validation_J, histories[0].validation_J, rtol=1e-8)


@pytest.mark.parametrize("name", GRAPHS)
def test_examples_of_weight_zero_do_not_count(name):
    case = GRAPHS[name]()
    weights = np.arange(case.n) % 4
    kept = weights > 0
    X, y = case.data
    few = [
        one[kept] if isinstance(one, np.ndarray) else [part[kept] for part in one] for one in (X, y)
    ]
    before = case.net.parameters.copy()
    case.net.descent(X, y, epochs=3, sample_weight=weights)
    found = case.net.parameters.copy()
    case.net.parameters = before
    case.net.descent(*few, epochs=3, sample_weight=weights[kept])
    assert_close(found, case.net.parameters, terms=case.terms, depth=3 * case.depth)
    assert case.net.J(X, y, sample_weight=weights) == pytest.approx(
        case.net.J(*few, sample_weight=weights[kept]), rel=1e-12
    )


def test_weights_of_examples_in_a_descent_are_the_oracles():
    case = two_outputs()
    weights = np.arange(case.n) % 3
    expected = graph_steps.descent(
        case.graph, case.parameters, case.X, case.Y, [np.arange(case.n)] * 3, "sgd", 0.05,
        sample_weight=weights,
    )  # fmt: skip
    case.net.descent(*case.data, learning_rate=0.05, epochs=3, sample_weight=weights)
    assert_close(case.net.parameters, case.flat(expected), terms=case.terms, depth=60)


@pytest.mark.parametrize("name", GRAPHS)
def test_validation_restores_the_best_parameters(name):
    case = GRAPHS[name]()
    X, y = GRAPHS[name](seed=8).data
    history = case.net.descent(
        *case.data, epochs=60, learning_rate=0.5, batch_size=5, validation=(X, y)
    )
    assert history.validation_J.min() == pytest.approx(case.net.J(X, y), rel=1e-12)
    assert len(history.validation_J) == 60


def test_a_callback_sees_the_network_and_stops_it():
    case, seen = two_towers(), []

    def callback(report):
        seen.append((report.epoch, case.net.J(*case.data)))
        return report.epoch >= 6

    history = case.net.descent(*case.data, epochs=20, callback=callback, callback_epochs=2)
    assert [epoch for epoch, _ in seen] == [2, 4, 6]
    assert history.stopped == "callback"
    np.testing.assert_allclose([J for _, J in seen[:-1]], history.J[[2, 4]], rtol=1e-12)


@pytest.mark.parametrize("name", GRAPHS)
def test_a_descent_goes_on_with_the_bits_of_one_that_was_not_interrupted(
    name, tmp_path, monkeypatch
):
    options = {
        "optimizer": "adam", "epochs": 12, "batch_size": 7, "validation": 0.2, "weight_decay": 0.01
    }  # fmt: skip
    whole, other = GRAPHS[name](), GRAPHS[name]()
    expected = whole.net, whole.net.descent(*whole.data, **options)
    options["checkpoint"] = tmp_path / "descent"
    with interrupted_after(20, monkeypatch):
        other.net.descent(*other.data, **options)
    again = GRAPHS[name]()
    found = again.net, again.net.descent(*again.data, resume=True, **options)
    assert_same(expected, found)


@pytest.mark.parametrize("optimizer", ["lbfgs", "levenberg_marquardt"])
def test_full_batches_go_on_too(optimizer, tmp_path, monkeypatch):
    options = {"optimizer": optimizer, "epochs": 15}
    whole = residual()
    whole.net.descent(*whole.data, **options)
    options["checkpoint"] = tmp_path / "descent"
    with interrupted_after(6, monkeypatch):
        other = residual()
        other.net.descent(*other.data, **options)
    again = residual()
    again.net.descent(*again.data, resume=True, **options)
    np.testing.assert_array_equal(again.net.parameters, whole.net.parameters)


@pytest.mark.parametrize(
    "change",
    [
        lambda net: setattr(net.layers[0], "trainable", False),
        lambda net: setattr(net.layers[0], "rate_factor", 0.5),
        lambda net: setattr(net.layers[0], "decay_factor", 0.5),
    ],
    ids=["trainable", "rate_factor", "decay_factor"],
)
def test_a_checkpoint_is_of_a_network_whose_layers_train_so(change, tmp_path, monkeypatch):
    options = {"epochs": 12, "batch_size": 7, "checkpoint": tmp_path / "descent"}
    with interrupted_after(5, monkeypatch):
        case = residual()
        case.net.descent(*case.data, **options)
    other = residual()
    change(other.net)
    with pytest.raises(ValueError, match="is the checkpoint of another descent"):
        other.net.descent(*other.data, resume=True, **options)


def test_a_checkpoint_is_of_one_graph(tmp_path, monkeypatch):
    options = {"epochs": 12, "batch_size": 7, "checkpoint": tmp_path / "descent"}
    X, y = data()
    with interrupted_after(5, monkeypatch):
        graph().descent(X, y, **options)
    with pytest.raises(ValueError, match="is the checkpoint of another descent"):
        chain().descent(X, y, resume=True, **options)


def dropping(rate=0.4, **settings):
    """A shared layer behind dropout, and dropout of a join."""
    x, shared = layers.Input(3), layers.Dense(6, "tanh")
    h = layers.Dropout(rate)(layers.Dense(6, "tanh")(x))
    h = layers.Dropout(rate)(h + shared(h) * shared(shared(h)))
    return nnlib.Network(inputs=x, outputs=layers.Dense(2)(h), **settings)


def test_F_J_derJ_and_validation_drop_nothing():
    X, y = data()
    net, plain = dropping(), dropping(rate=0.0)
    np.testing.assert_array_equal(net.F(X), plain.F(X))
    assert net.J(X, y) == plain.J(X, y)
    np.testing.assert_array_equal(net.derJ(X, y, flat=True), plain.derJ(X, y, flat=True))
    history = net.descent(X, y, epochs=4, validation=(X, y))
    assert history.validation_J.min() == pytest.approx(net.J(X, y), rel=1e-12)
    assert history.J[0] != pytest.approx(plain.J(X, y), rel=1e-3)


def test_layers_drop_what_the_option_drops():
    """A chain with a layer behind each hidden one has the table of the option."""
    X, y = data()
    x = layers.Input(3)
    h = layers.Dropout(0.25)(layers.Dense(5, "tanh")(x))
    net = nnlib.Network(inputs=x, outputs=layers.Dense(2)(h), seed=5)
    twin = chain()
    net.parameters = twin.parameters
    for one, options in ((net, {}), (twin, {"dropout": 0.25})):
        one.descent(X, y, epochs=5, batch_size=10, **options)
    np.testing.assert_array_equal(net.parameters, twin.parameters)


def test_a_step_is_the_gradient_of_the_thinned_network():
    """The one hidden unit is dropped, or not and divided by its probability."""
    steps = set()
    for seed in range(20):
        x = layers.Input(1)
        h = layers.Dropout(0.5)(layers.Dense(1)(x))
        net = nnlib.Network(
            inputs=x, outputs=layers.Dense(1)(h), initializer=[([[3]], [0]), ([[1]], [0])]
        )
        net.descent([[1.0]], [[2.0]], learning_rate=0.1, epochs=1, seed=seed)
        steps.add(tuple(net.parameters.round(12)))
    # Dropped: F = 0, so only the last bias moves. Kept, at twice its value: F = 6, δ = 4.
    dropped = (3.0, 0.0, 1.0, 0.2)
    kept = (3 - 0.1 * 8, -0.1 * 8, 1 - 0.1 * 4 * 6, -0.1 * 4)
    assert steps == {tuple(np.round(dropped, 12)), tuple(np.round(kept, 12))}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_dropout_has_the_same_bits_for_any_threads_and_when_it_goes_on(
    dtype, tmp_path, monkeypatch
):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20_000, 3)), rng.normal(size=(20_000, 2))
    options = {"epochs": 4, "batch_size": 10_000, "optimizer": "momentum"}
    found = []
    for members in (1, 2, 3):
        force(monkeypatch, members)
        net = dropping(dtype=dtype)
        net.descent(X, y, **options)
        found.append(net.parameters.copy())
    options["checkpoint"] = tmp_path / "descent"
    with interrupted_after(5, monkeypatch):
        dropping(dtype=dtype).descent(X, y, **options)
    net = dropping(dtype=dtype)
    net.descent(X, y, resume=True, **options)
    for one in (*found[1:], net.parameters):
        np.testing.assert_array_equal(one, found[0])


def test_a_seed_decides_what_is_dropped():
    X, y = data()
    found = []
    for seed in (1, 1, 2):
        net = dropping()
        net.descent(X, y, epochs=3, seed=seed)
        found.append(net.parameters.copy())
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_a_checkpoint_with_dropout_needs_a_seed(tmp_path):
    X, y = data()
    options = {"epochs": 2, "checkpoint": tmp_path / "descent"}
    with pytest.raises(ValueError, match=r"checkpoint with .*ropout.* needs a seed"):
        dropping(seed=None).descent(X, y, **options)
    dropping(seed=None).descent(X, y, seed=3, **options)


def test_the_option_is_for_chains():
    case = residual()
    with pytest.raises(ValueError, match=re.escape("put layers.Dropout where values are to be")):
        case.net.descent(*case.data, dropout=0.5)


def test_compiling_names_what_it_does_not_know():
    case = residual()
    with pytest.raises(ValueError, match="cannot be written out: it has a layer of kind"):
        case.net.descent(*case.data, compile=True)


def test_compiling_a_chain_with_frozen_layers_or_rates_is_refused():
    for setting in ({"trainable": False}, {"rate_factor": 0.5}):
        net = chain()
        for name, value in setting.items():
            setattr(net.layers[0], name, value)
        with pytest.raises(ValueError, match="cannot be written out"):
            net.descent(*data(), compile=True, epochs=1)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rprop", "lbfgs", "levenberg_marquardt"])
def test_a_network_without_parameters_stays_as_it_is(optimizer):
    x = layers.Input((2, 2))
    net = nnlib.Network(inputs=x, outputs=layers.Flatten()(x))
    X, y = np.ones((5, 2, 2)), np.zeros((5, 4))
    history = net.descent(X, y, optimizer=optimizer, epochs=2)
    np.testing.assert_array_equal(history.J, 2.0)
    assert net.derJ(X, y, flat=True).size == 0


def test_dropout_alone_is_a_network():
    net = nnlib.Network([layers.Input(3), layers.Dropout(0.5)])
    X = np.ones((40, 3))
    np.testing.assert_array_equal(net.F(X), X)
    costs = net.descent(X, X, epochs=4).J
    # Every value is 0 or 2 where 1 is wanted.
    np.testing.assert_allclose(costs, 1.5, rtol=1e-12)


def test_going_on_with_what_the_optimizer_remembers():
    once, twice = two_towers(), two_towers()
    once.net.descent(*once.data, optimizer="adam", epochs=6)
    for partial in (False, True):
        twice.net.descent(*twice.data, optimizer="adam", epochs=3, partial=partial)
    np.testing.assert_array_equal(once.net.parameters, twice.net.parameters)
