"""Descents of graphs step by step against the oracle: optimizers, penalties, frozen layers."""

from __future__ import annotations

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

import nnlib
from nnlib import layers
from nnlib.training import buffers
from tests import graph_reference, graph_steps
from tests.devices import amount
from tests.graph_examples import GRAPHS, all_kinds, residual, two_towers
from tests.graph_steps import Penalties, Rule
from tests.graph_strategies import graph_cases
from tests.tolerances import assert_close

pytestmark = pytest.mark.cpu("graphs")

KINK = 1e-4
RATE, BATCH, EPOCHS = 0.02, 10, 2
# Every penalty and limit that a step knows, at a strength at which it changes the step.
PENALTIES = {
    "weight decay": {"weight_decay": 0.1},
    "l1": {"l1": 0.05},
    "clip_value": {"clip_value": 0.02},
    "clip_norm": {"clip_norm": 0.05},
    "max_norm": {"max_norm": 0.4},
    "all": {
        "weight_decay": 0.1, "l1": 0.05, "clip_value": 0.02, "clip_norm": 0.05, "max_norm": 0.4,
    },
}  # fmt: skip


def batches(n, size, epochs):
    """The numbers of the examples of each step, in order."""
    return [np.arange(n)[k : k + size] for _ in range(epochs) for k in range(0, n, size)]


def rules_of(case):
    """How steps treat each layer, by the oracle's numbers."""
    return [
        Rule(layer.trainable, layer.rate_factor, layer.decay_factor)
        for layer in case.drawing.layers
    ]


def assert_descends_as_the_oracle(case, optimizer="sgd", batch_size=BATCH, **penalties):
    """A few steps in order lead where the oracle's lead; frozen layers keep their bits."""
    size = batch_size or case.n
    expected = graph_steps.descent(
        case.graph, case.parameters, case.X, case.Y, batches(case.n, size, EPOCHS), optimizer,
        RATE, rules_of(case), Penalties(**penalties),
    )  # fmt: skip
    before = case.net.parameters.copy()
    case.net.descent(
        *case.data, optimizer=optimizer, learning_rate=RATE, epochs=EPOCHS, batch_size=batch_size,
        shuffle=False, **penalties,
    )  # fmt: skip
    found = case.net.parameters
    assert_close(found, case.flat(expected), terms=case.terms, depth=EPOCHS * case.depth)
    assert not np.array_equal(found, before)
    frozen = case.flat(
        [
            {name: np.full(a.shape, not layer.trainable) for name, a in layer.weights.items()}
            for layer in case.drawing.layers
        ]
    ).astype(bool)
    np.testing.assert_array_equal(found[frozen], before[frozen])


@pytest.mark.parametrize("optimizer", graph_steps.STEPS)
@pytest.mark.parametrize("name", GRAPHS)
def test_every_optimizer(name, optimizer):
    size = None if optimizer == "rprop" else BATCH
    assert_descends_as_the_oracle(GRAPHS[name](), optimizer, size)


@pytest.mark.parametrize("penalties", PENALTIES.values(), ids=PENALTIES)
@pytest.mark.parametrize("name", GRAPHS)
def test_penalties_and_limits(name, penalties):
    assert_descends_as_the_oracle(GRAPHS[name](), **penalties)


RULES = st.builds(
    Rule,
    trainable=st.sampled_from([True, True, False]),
    rate_factor=st.sampled_from([1.0, 0.5, 2.0]),
    decay_factor=st.sampled_from([1.0, 0.0, 2.0]),
)
ANY_PENALTIES = st.builds(
    Penalties,
    weight_decay=st.sampled_from([0.0, 0.1]),
    l1=st.sampled_from([0.0, 0.05]),
    clip_value=st.sampled_from([None, 0.05]),
    clip_norm=st.sampled_from([None, 0.1]),
    max_norm=st.sampled_from([None, 0.5]),
)


@hypothesis.settings(
    max_examples=amount(150, 2),
    suppress_health_check=[hypothesis.HealthCheck.filter_too_much, hypothesis.HealthCheck.too_slow],
)
@hypothesis.given(
    case=graph_cases(dtypes=["float64"], active=True),
    data=st.data(),
    penalties=ANY_PENALTIES,
    optimizer=st.sampled_from(["sgd", "momentum", "nesterov"]),
    reduction=st.sampled_from(["mean", "sum"]),
    parts=st.sampled_from([1, 2]),
    chunks=st.sampled_from([None, 5]),
)
def test_random_graphs(case, data, penalties, optimizer, reduction, parts, chunks):
    """An epoch of one or two batches, each of them of several chunks if that is asked for."""
    hypothesis.assume(case.net.parameters.size and case.is_tame(KINK))
    for layer in case.drawing.layers:
        rule = data.draw(RULES)
        layer.trainable, layer.rate_factor, layer.decay_factor = rule
    size, rate = -(-case.n // parts), 0.01 if reduction == "mean" else 0.01 / case.n
    expected = graph_steps.descent(
        case.graph, case.parameters, case.X, case.Y, batches(case.n, size, 1), optimizer, rate,
        rules_of(case), penalties, reduction=reduction,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        if chunks:
            patch.setattr(buffers, "chunk_count", lambda batch, *_: min(chunks, batch))
        case.net.descent(
            *case.data, optimizer=optimizer, learning_rate=rate, epochs=1, batch_size=size,
            shuffle=False, reduction=reduction, **penalties._asdict(),
        )  # fmt: skip
    # The step of a sum is as much smaller as the gradient is larger, and so are their errors.
    terms = case.terms * (case.n if reduction == "sum" else 1)
    assert_close(case.net.parameters, case.flat(expected), terms=terms, depth=case.depth)


@pytest.mark.parametrize("optimizer", graph_steps.STEPS)
@pytest.mark.parametrize("name", GRAPHS)
def test_frozen_layers_keep_their_bits_and_the_others_step(name, optimizer):
    case = GRAPHS[name]()
    case.drawing.layers[0].trainable = False
    size = None if optimizer == "rprop" else BATCH
    assert_descends_as_the_oracle(case, optimizer, size)


@pytest.mark.parametrize("penalties", PENALTIES.values(), ids=PENALTIES)
@pytest.mark.parametrize("frozen", [0, -1])
def test_penalties_leave_frozen_layers_alone(penalties, frozen):
    case = all_kinds()
    case.drawing.layers[frozen].trainable = False
    assert_descends_as_the_oracle(case, **penalties)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("name", GRAPHS)
def test_factors_of_the_learning_rate_and_of_weight_decay(name, optimizer):
    case = GRAPHS[name]()
    case.drawing.layers[0].rate_factor = 0.25
    case.drawing.layers[-1].rate_factor = 3.0
    case.drawing.layers[-1].decay_factor = 0.0
    assert_descends_as_the_oracle(case, optimizer, weight_decay=0.1, l1=0.05)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("name", GRAPHS)
def test_the_history_has_the_cost_that_is_descended(name, optimizer):
    """Frozen weights do not count in the penalty, the others by their layer's factor."""
    case = GRAPHS[name]()
    case.drawing.layers[0].trainable = False
    case.drawing.layers[-1].decay_factor = 3.0
    factors = [rule.trainable * rule.decay_factor for rule in rules_of(case)]
    expected = graph_reference.cost(case.graph, case.parameters, case.X, case.Y)
    expected += graph_reference.decay_cost(case.parameters, 0.2, factors)
    history = case.net.descent(*case.data, optimizer=optimizer, epochs=1, weight_decay=0.2)
    first = history.J[0]
    assert_close(first, expected, terms=case.terms, depth=case.depth)


def test_trainable_lists_the_layers():
    case = residual()
    names = case.net.architecture.graph.names
    net = nnlib.Network(case.net.architecture, trainable=[names[1], names[-1]])
    before = [dict(layer.weights) for layer in net.layers]
    before = [{name: a.copy() for name, a in own.items()} for own in before]
    net.descent(*case.data, epochs=2)
    moved = [
        any(not np.array_equal(own[name], layer.weights[name]) for name in own)
        for own, layer in zip(before, net.layers, strict=True)
    ]
    chosen = [name in (names[1], names[-1]) for name in names]
    assert moved == chosen


@pytest.mark.parametrize("given", [np.bool_(False), True, [False, True, False, True, True, False]])
def test_trainable_as_flags(given):
    """The sums of the residual network are layers too."""
    net = nnlib.Network(residual().net.architecture, trainable=given)
    flags = [layer.trainable for layer in net.layers]
    assert flags == (given if isinstance(given, list) else [given] * 6)


def test_a_network_of_sizes_may_be_frozen_in_part():
    net = nnlib.Network([1, 2, 1], trainable=[True, False])
    first, second = (net.layers[k].weights["weight"].copy() for k in (0, 1))
    net.descent([0.0, 1.0], [0.2, 0.8], epochs=3)
    assert not np.array_equal(net.layers[0].weights["weight"], first)
    np.testing.assert_array_equal(net.layers[1].weights["weight"], second)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lbfgs"])
def test_a_network_that_is_all_frozen_stays(optimizer):
    case = two_towers()
    for layer in case.net.layers:
        layer.trainable = False
    before = case.net.parameters.copy()
    history = case.net.descent(*case.data, optimizer=optimizer, epochs=3)
    np.testing.assert_array_equal(case.net.parameters, before)
    np.testing.assert_allclose(history.J, case.net.J(*case.data), rtol=1e-12)


def test_a_layer_that_is_frozen_and_freed_again_goes_on():
    case = residual()
    layer = case.net.layers[0]
    layer.trainable = False
    case.net.descent(*case.data, epochs=1)
    layer.trainable = True
    assert_descends_as_the_oracle(case)


def test_a_wide_frozen_layer_below_and_above_one_that_learns():
    """Wide layers have their gradients made in the step, unless they have none."""
    drawn = layers.Input(80)
    dense = [layers.Dense(80, "tanh", trainable=k == 1) for k in range(3)]
    value = drawn
    for layer in dense:
        value = layer(value)
    net = nnlib.Network(inputs=drawn, outputs=value)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(64, 80)), rng.normal(size=(64, 80))
    before, gradient = net.parameters.copy(), net.derJ(X, y, flat=True)
    net.descent(X, y, learning_rate=0.1, epochs=1)
    size = 80 * 81
    middle = slice(size, 2 * size)
    np.testing.assert_array_equal(np.delete(net.parameters, middle), np.delete(before, middle))
    assert_close(net.parameters[middle], (before - 0.1 * gradient)[middle], terms=144, depth=6)
