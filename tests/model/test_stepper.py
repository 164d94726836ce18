"""A stepper gives what F gives of the steps so far, keeps its state, and refuses what it cannot."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.layers import Input

pytestmark = pytest.mark.cpu("graphs")

TIME, FEATURES = 6, 3


def chain(*behind, shape=(None, FEATURES), dtype="float64"):
    """A network of these layers with random parameters, and one sequence."""
    net = nnlib.Network([Input(shape), *behind], dtype=dtype)
    rng = np.random.default_rng(1)
    net.parameters = 0.5 * rng.normal(size=net.parameters.size)
    return net, rng.normal(size=(TIME, *shape[1:])).astype(dtype)


def so_far(net, X):
    """F of the first step, the first two, …."""
    return np.array([net.F(X[None, : t + 1])[0] for t in range(len(X))])


CHAINS = {
    "SimpleRNN": lambda: [layers.SimpleRNN(4), layers.Dense(2)],
    "GRU": lambda: [layers.GRU(4), layers.Dense(2)],
    "LSTM": lambda: [layers.LSTM(4), layers.Dense(2)],
    "no bias": lambda: [layers.LSTM(4, use_bias=False)],
    "several": lambda: [
        layers.TimeDistributed(layers.Dense(4, "tanh")),
        layers.LSTM(4, return_sequences=True, dropout=0.5, recurrent_dropout=0.5),
        layers.LayerNormalization(),
        layers.Dropout(0.5),
        layers.GRU(3, return_sequences=True),
        layers.SimpleRNN(5),
        layers.Reshape((5, 1)),
        layers.Flatten(),
        layers.Dense(2),
    ],
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", CHAINS)
def test_steps_have_the_bits_of_the_function_of_all_steps_so_far(name, dtype):
    net, X = chain(*CHAINS[name](), dtype=dtype)
    expected = so_far(net, X)
    stepper = net.stepper()
    np.testing.assert_array_equal([stepper(x) for x in X], expected)
    stepper.reset()
    np.testing.assert_array_equal(stepper.read(X), expected)


def test_outputs_of_all_steps_come_step_by_step():
    net, X = chain(layers.GRU(4, return_sequences=True), layers.SimpleRNN(2, return_sequences=True))
    np.testing.assert_array_equal(net.stepper().read(X), net.F(X[None])[0])


def test_layers_side_by_side_and_used_twice_have_states_of_their_own():
    x, shared = Input((None, FEATURES)), layers.GRU(3, return_sequences=True, name="shared")
    projected = layers.TimeDistributed(layers.Dense(3))(x)
    h = layers.LSTM(2)(layers.Concatenate()([shared(x), shared(projected) + projected]))
    net = nnlib.Network(inputs=x, outputs=h)
    X = np.random.default_rng(2).normal(size=(TIME, FEATURES))
    stepper = net.stepper()
    np.testing.assert_array_equal(stepper.read(X), so_far(net, X))
    assert {name: state.shape for name, state in stepper.state.items()} == {
        "shared": (3,), "shared_1": (3,), "lstm": (2, 2)
    }  # fmt: skip


def test_a_network_of_a_fixed_length_goes_on_beyond_it():
    net, X = chain(layers.LSTM(4), layers.Dense(1), shape=(TIME, FEATURES))
    stepper = net.stepper()
    np.testing.assert_array_equal(stepper.read(X)[-1], net.F(X[None])[0])
    assert np.isfinite(stepper(X[0])).all()


@pytest.mark.parametrize("mask_zero", [False, True])
def test_whole_numbers_are_steps_and_padding_leaves_the_state(mask_zero):
    embedding = layers.Embedding(5, 3, mask_zero=mask_zero)
    net = nnlib.Network([Input((None,)), embedding, layers.LSTM(4), layers.Dense(2)])
    word = np.array([3, 0, 4, 0, 0, 1])
    stepper = net.stepper()
    made = np.array([stepper(number) for number in word])
    np.testing.assert_array_equal(made, so_far(net, word))
    assert (made[1] == made[0]).all() == mask_zero
    with pytest.raises(ValueError, match=r"holds 5 .* from 0 to 4 for layer 'embedding'"):
        stepper(5)


def test_the_state_can_be_read_written_and_copied():
    net, X = chain(layers.LSTM(4, name="memory"), layers.Dense(2))
    stepper = net.stepper()
    assert (stepper.state["memory"] == 0).all()
    stepper.read(X[:3])
    kept, other = stepper.state, stepper.copy()
    after = stepper.read(X[3:])
    assert not np.array_equal(stepper.state["memory"], kept["memory"])
    np.testing.assert_array_equal(other.read(X[3:]), after)
    stepper.state = kept
    np.testing.assert_array_equal(stepper.read(X[3:]), after)
    kept["memory"][:] = 0  # a copy
    assert (stepper.state["memory"] != 0).any()


def test_the_first_row_of_an_lstms_state_is_its_output():
    net, X = chain(layers.LSTM(4))
    stepper = net.stepper()
    np.testing.assert_array_equal(stepper.read(X)[-1], stepper.state["lstm"][0])


@pytest.mark.parametrize("through", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_stepper_can_be_pickled_in_the_middle(through):
    net, X = chain(layers.GRU(3), layers.Dense(3))
    stepper = net.stepper()
    stepper.read(X[:3])
    other = through(stepper)
    np.testing.assert_array_equal(other.forecast(2), stepper.forecast(2))
    np.testing.assert_array_equal(other.read(X[3:]), stepper.read(X[3:]))


def test_a_stepper_sees_the_parameters_as_they_are():
    net, X = chain(layers.GRU(3))
    stepper = net.stepper()
    net.parameters = 2 * net.parameters
    np.testing.assert_array_equal(stepper.read(X), so_far(net, X))


def test_a_forecast_reads_its_own_outputs_and_leaves_the_state():
    net, X = chain(layers.LSTM(4, return_sequences=True), layers.GRU(4), layers.Dense(FEATURES))
    stepper = net.stepper()
    y = stepper.read(X)[-1]
    state = stepper.state
    found = stepper.forecast(4)
    known = X
    for value in found:
        expected = net.F(known[None])[0]
        np.testing.assert_array_equal(value, expected)
        known = np.vstack([known, expected])
    np.testing.assert_array_equal(found[0], y)
    np.testing.assert_array_equal(stepper.forecast(1), found[:1])
    for name, array in stepper.state.items():
        np.testing.assert_array_equal(array, state[name])


def test_the_output_belongs_to_the_caller():
    net, X = chain(layers.GRU(FEATURES))
    stepper = net.stepper()
    y = stepper(X[0])
    kept = y.copy()
    y[:] = 7
    np.testing.assert_array_equal(stepper.forecast(1)[0], kept)
    stepper(X[1])
    assert (y == 7).all()


@pytest.mark.parametrize(
    ("behind", "message"),
    [
        ([layers.GRU(2, go_backwards=True)], r"goes forwards, and layer 'gru'"),
        ([layers.Bidirectional(layers.GRU(2))], r"goes forwards, .* of a Bidirectional"),
        ([layers.Conv1D(2, 3, padding="same"), layers.GRU(2)], r"'conv1d\w*' looks at several"),
        ([layers.GlobalAveragePooling1D()], r"'global_average_pooling1_?d' looks at several"),
        ([layers.GRU(2), layers.RepeatVector(3), layers.GRU(2)], r"layer 'gru_1' reads a value"),
    ],
)  # fmt: skip
def test_layers_that_look_at_other_steps_are_refused_by_name(behind, message):
    net = nnlib.Network([Input((None, FEATURES)), *behind])
    with pytest.raises(ValueError, match=message):
        net.stepper()


def test_networks_without_a_sequence_or_with_several_outputs_are_refused():
    with pytest.raises(ValueError, match=r"one input, a sequence, and one output; .* \(3,\)"):
        nnlib.Network([3, 2]).stepper()
    x = Input((None, FEATURES))
    outputs = [layers.GRU(2)(x), layers.GRU(2)(x)]
    with pytest.raises(ValueError, match="2 outputs"):
        nnlib.Network(inputs=x, outputs=outputs).stepper()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([1.0, 2.0], r"x has shape \(2,\), wanted \(3,\): one step"),
        ([[1.0, 2.0, 3.0]], r"x has shape \(1, 3\)"),
        ([1.0, np.nan, 3.0], r"x holds nan"),
    ],
)
def test_a_wrong_step_is_refused_and_changes_nothing(x, message):
    net, X = chain(layers.GRU(2))
    stepper = net.stepper()
    stepper(X[0])
    state = stepper.state["gru"]
    with pytest.raises(ValueError, match=message):
        stepper(x)
    np.testing.assert_array_equal(stepper.state["gru"], state)


def test_wrong_sequences_are_refused():
    stepper = chain(layers.GRU(2))[0].stepper()
    for X in (np.zeros((2, 4)), np.zeros(3), np.zeros((0, 3)), np.zeros((1, 2, 3))):
        with pytest.raises(ValueError, match=r"X has shape .*, wanted \(time, 3\)"):
            stepper.read(X)


def test_parameters_that_are_not_finite_are_named():
    net, X = chain(layers.GRU(2))
    stepper = net.stepper()
    net.parameters[3] = np.inf
    net.parameters[4] = np.nan
    with pytest.raises(ValueError, match="parameters holds inf at index 3"):
        stepper(X[0])


def test_after_an_error_the_state_is_that_before_it():
    net, X = chain(layers.LSTM(FEATURES))
    good = net.parameters.copy()
    stepper = net.stepper()
    stepper.read(X[:2])
    state, ahead = stepper.state["lstm"], stepper.forecast(2)
    net.parameters[3] = np.nan
    for read in (lambda: stepper(X[2]), lambda: stepper.read(X[2:])):
        with pytest.raises(ValueError, match="parameters holds nan at index 3"):
            read()
    net.parameters = good
    np.testing.assert_array_equal(stepper.state["lstm"], state)
    np.testing.assert_array_equal(stepper.forecast(2), ahead)
    np.testing.assert_array_equal(stepper.read(X[2:]), so_far(net, X)[2:])


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        ([0.0, 0.0], TypeError, r"state must be a dict by the layers' names"),
        ({"gro": [0.0, 0.0]}, ValueError, r"wanted some of gru.*'gru'"),
        ({"gru": [0.0]}, ValueError, r"state\['gru'\] has shape \(1,\), wanted \(2,\)"),
        ({"gru": [0.0, np.nan]}, ValueError, r"state\['gru'\] holds nan"),
    ],
)
def test_a_wrong_state_is_refused(state, error, message):
    stepper = chain(layers.GRU(2))[0].stepper()
    with pytest.raises(error, match=message):
        stepper.state = state


def test_forecasts_that_cannot_be_made_are_refused():
    net, X = chain(layers.GRU(FEATURES))
    stepper = net.stepper()
    with pytest.raises(ValueError, match="read a step before it"):
        stepper.forecast(3)
    stepper(X[0])
    with pytest.raises(ValueError, match="steps is 0"):
        stepper.forecast(0)
    stepper.reset()
    with pytest.raises(ValueError, match="read a step before it"):
        stepper.forecast(3)
    stepper(X[0])
    stepper.state = stepper.state
    with pytest.raises(ValueError, match="its state was assigned"):
        stepper.forecast(3)
    other = chain(layers.GRU(2))[0].stepper()
    with pytest.raises(ValueError, match=r"an output has shape \(2,\), wanted .* \(3,\)"):
        other.forecast(3)
    words = nnlib.Network([Input((None,)), layers.Embedding(5, 3), layers.GRU(1)])
    with pytest.raises(ValueError, match=r"wanted that of an input, .* no whole numbers"):
        words.stepper().forecast(3)


def test_a_typing_error_is_answered_with_the_near_name():
    with pytest.raises(AttributeError, match=r"no attribute 'states'; did you mean 'state'"):
        chain(layers.GRU(2))[0].stepper().states  # noqa: B018
