"""Whatever of the user reaches compiled code: checked there in one form, or refused by name.

`PLACES` lists where arrays come in. Each is given the same numbers in every form that an array can
have, and hostile ones: compiled code sees native, contiguous vectors of the right length.
"""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib import optimizers, schedules

pytestmark = pytest.mark.cpu("host")

X = np.arange(16.0).reshape(8, 2) / 16
Y = np.arange(8.0) % 2
HEIGHTS = np.array([1.0, 2.0, 0.0, 0.5, 1.0, 1.0, 4.0, 1.0])
RATES = 2.0 ** -np.arange(2.0, 6.0)
START = [(np.arange(6.0).reshape(3, 2) / 8, np.arange(3.0) / 4), (np.ones((1, 3)), np.ones(1))]


class Given(schedules.Schedule):
    """A schedule whose rates are given."""

    def __init__(self, value):
        self.value = value

    def rates(self, epochs):
        """As given, whatever epochs is."""
        return self.value


def network():
    """Two inputs, one output."""
    return nnlib.Network([2, 3, 1], "tanh", initializer=START)


def trained(X=X, y=Y, **options):
    """Parameters after a descent."""
    net = network()
    net.descent(X, y, **{"epochs": 4, **options})
    return net.parameters


def many(X=X, y=Y, **options):
    """Parameters of a population."""
    options = {"n": 2, "epochs": 4, **options}
    return nnlib.train_many([2, 3, 1], X, y, **options).parameters


def assigned(values):
    """Parameters after their assignment."""
    net = network()
    net.parameters = values
    return net.parameters


def started(layer, part):
    """Parameters of a network that starts from given arrays."""

    def start(values):
        pairs = [list(pair) for pair in START]
        pairs[layer][part] = values
        return nnlib.Network([2, 3, 1], initializer=pairs).parameters

    return start


def classes(y):
    """Cost of classes."""
    net = nnlib.Network([2, 2], "softmax", loss="softmax_cross_entropy", initializer="zeros")
    return np.array(net.J(X, y))


def recurrent():
    """A network of sequences of any length."""
    parts = [nnlib.layers.Input((None, 2)), nnlib.layers.GRU(2)]
    return nnlib.Network([*parts, nnlib.layers.Dense(1)])


def stepped(values):
    """A state after it was assigned."""
    stepper = recurrent().stepper()
    stepper.state = {"gru": values}
    return stepper.state["gru"]


def converted(values):
    """Parameters after the kernel of Keras' layout was assigned."""
    net = recurrent()
    net.layers[0].set_keras_weights([values, *net.layers[0].keras_weights()[1:]])
    return net.parameters


def converted_from_torch(values):
    """Parameters after a matrix of PyTorch's layout was assigned."""
    net = recurrent()
    net.layers[0].set_torch_weights({**net.layers[0].torch_weights(), "weight_ih_l0": values})
    return net.parameters


STEPS = X.reshape(2, 4, 2)
COUNTED = np.array([[1.0, 1.0, 0.0, 0.0], [0.5, 0.0, 1.0, 2.0]])

# Where it comes in: what is done with it there, and an array with which that works.
PLACES = {
    "F(X)": (lambda a: network().F(a), X),
    "F(X) of sequences": (lambda a: recurrent().F(a), STEPS),
    "F(X) of padded sequences": (lambda a: recurrent().F(a, lengths=[3, 1]), STEPS),
    "F(mask)": (lambda a: recurrent().F(STEPS, mask=a), COUNTED),
    "stepper(x)": (lambda a: recurrent().stepper()(a), X[3]),
    "stepper.read(X)": (lambda a: recurrent().stepper().read(a), X),
    "stepper.state": (stepped, X[3]),
    "set_keras_weights": (converted, X.reshape(-1)[:12].reshape(2, 6)),
    "set_torch_weights": (converted_from_torch, X.reshape(-1)[:12].reshape(6, 2)),
    "J(X)": (lambda a: np.array(network().J(a, Y)), X),
    "J(y)": (lambda a: np.array(network().J(X, a)), Y),
    "J(sample_weight)": (lambda a: np.array(network().J(X, Y, sample_weight=a)), HEIGHTS),
    "J(y) of classes": (classes, Y),
    "derJ(X)": (lambda a: network().derJ(a, Y)[0][0], X),
    "parameters": (assigned, np.arange(13.0) / 8),
    "initializer, W": (started(0, 0), START[0][0]),
    "initializer, b": (started(0, 1), START[0][1]),
    "descent(X)": (lambda a: trained(X=a), X),
    "descent(y)": (lambda a: trained(y=a), Y),
    "descent(X), shuffled": (lambda a: trained(X=a, batch_size=3), X),
    "descent(sample_weight)": (lambda a: trained(sample_weight=a), HEIGHTS),
    "validation, X": (lambda a: trained(validation=(a, Y)), X),
    "validation, y": (lambda a: trained(validation=(X, a)), Y),
    "rates": (lambda a: trained(learning_rate=Given(a)), RATES),
    "rates of a nested schedule": (
        lambda a: trained(learning_rate=schedules.WarmUp(2, Given(a)), epochs=6), RATES,
    ),
    "train_many(X)": (lambda a: many(X=a), X),
    "train_many(y)": (lambda a: many(y=a), Y),
    "train_many(sample_weight)": (lambda a: many(sample_weight=a), HEIGHTS),
    "train_many(sample_weight), own": (
        lambda a: many(sample_weight=a), np.array([HEIGHTS, HEIGHTS[::-1]]),
    ),
    "train_many(folds)": (lambda a: many(folds=a), Y),
    "train_many(validation)": (lambda a: many(validation=(a, Y)), X),
    "rates of a population": (lambda a: many(learning_rate=Given(a)), RATES),
    "rates of a population, nested": (
        lambda a: many(learning_rate=schedules.WarmUp(2, Given(a)), epochs=6), RATES,
    ),
}  # fmt: skip


class Subclass(np.ndarray):
    """An array of the user's own class."""


class Changing:
    """Something that NumPy can read, of another length each time after the first."""

    def __init__(self, array):
        self.array, self.turns = array, 0

    def __array__(self, dtype=None, copy=None):
        self.turns += 1
        return np.array(self.array if self.turns == 1 else self.array[..., :1], dtype)


def misaligned(array):
    """The same numbers at an odd address."""
    memory = np.zeros(array.nbytes + 1, np.uint8)
    shifted = memory[1:].view(array.dtype).reshape(array.shape)
    shifted[...] = array
    return shifted


def read_only(array):
    """A copy that cannot be written."""
    array = array.copy()
    array.flags.writeable = False
    return array


# The same numbers.
EQUAL = {
    "a list": np.ndarray.tolist,
    "float32": lambda a: a.astype(np.float32),
    "bytes swapped": lambda a: a.astype(">f8"),
    "every other": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "backwards": lambda a: a[..., ::-1].copy()[..., ::-1],
    "Fortran's order": np.asfortranarray,
    "read-only": read_only,
    "misaligned": misaligned,
    "a subclass": lambda a: a.view(Subclass),
    "no element masked": np.ma.masked_array,
}
# What is refused.
HOSTILE = {
    "shorter": lambda a: a[..., :-1],
    "longer": lambda a: np.concatenate([a, a[..., :1]], axis=-1),
    "empty": lambda a: a[..., :0],
    "one more dimension": lambda a: a[..., None, None],
    "a number": lambda a: 1.0,
    "NaN": lambda a: np.where(a == a.flat[0], np.nan, a),
    "infinite": lambda a: np.where(a == a.flat[0], np.inf, a),
    "negative infinity": lambda a: np.where(a == a.flat[0], -np.inf, a),
    "complex": lambda a: a.astype(complex),
    "objects": lambda a: a.astype(object),
    "text": lambda a: a.astype(str),
    "dates": lambda a: a.astype("datetime64[s]"),
    "masked": lambda a: np.ma.masked_equal(a, a.flat[0]),
    "ragged": lambda a: [[1.0], [1.0, 2.0], [3.0]],
    "wider than memory": lambda a: np.broadcast_to(0.0, (10**15, *a.shape)),
    "None in it": lambda a: [None] * len(a),
}


@pytest.mark.parametrize("form", EQUAL)
@pytest.mark.parametrize("place", PLACES)
def test_the_form_of_an_array_does_not_matter(place, form):
    call, array = PLACES[place]
    np.testing.assert_array_equal(call(EQUAL[form](array)), call(array))


@pytest.mark.parametrize("place", PLACES)
def test_what_changes_between_two_readings_is_read_once_or_refused(place):
    call, array = PLACES[place]
    try:
        result = call(Changing(array))
    except (TypeError, ValueError):
        return
    np.testing.assert_array_equal(result, call(array))


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("place", PLACES)
def test_other_arrays_are_refused(place, kind):
    call, array = PLACES[place]
    with pytest.raises((TypeError, ValueError), match=r"[a-z]"):
        call(HOSTILE[kind](array))


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (np.full(3, 0.01), ValueError, r"Given.rates\(8\) has shape \(3,\), wanted \(8,\)"),
        (np.full(9, 0.01), ValueError, r"\(9,\), wanted \(8,\)"),
        (np.full((8, 1), 0.01), ValueError, r"\(8, 1\), wanted \(8,\)"),
        (0.01, ValueError, r"\(\), wanted \(8,\)"),
        (np.full(8, -0.01), ValueError, "-0.01 at index 0, wanted rates of at least 0"),
        (np.full(8, np.nan), ValueError, "nan at index 0, wanted finite"),
        (np.full(8, np.inf), ValueError, "inf at index 0, wanted finite"),
        (np.zeros(8), ValueError, "0 in every epoch"),
        (["a"] * 8, TypeError, "wanted real numbers"),
        (None, TypeError, "wanted real numbers"),
        (np.full(8, 0.01, object), TypeError, "Python objects"),
    ],
    ids=["short", "long", "column", "number", "negative", "nan", "inf", "zeros", "text", "none",
         "objects"],
)  # fmt: skip
@pytest.mark.parametrize("nested", [False, True])
def test_rates_that_are_none_are_refused_by_name(value, error, words, nested):
    schedule = schedules.WarmUp(2, Given(value)) if nested else Given(value)
    epochs = 10 if nested else 8
    net = network()
    before = net.parameters.copy()
    with pytest.raises(error, match=f"learning_rate: .*{words}"):
        net.descent(X, Y, learning_rate=schedule, epochs=epochs)
    np.testing.assert_array_equal(net.parameters, before)
    with pytest.raises(error, match=words):
        nnlib.train_many([2, 3, 1], X, Y, n=2, learning_rate=schedule, epochs=epochs)


def test_rates_that_a_schedule_keeps_are_not_written():
    kept = np.full(4, 0.5)
    plateau = {"learning_rate": Given(kept), "epochs": 4}
    trained(**plateau)
    many(**plateau)
    np.testing.assert_array_equal(kept, 0.5)


def test_schedules_that_fall_to_zero_train_on():
    """0.5^e rounds to 0 after 1074 epochs."""
    rates = schedules.rates_of(schedules.Exponential(0.5, 0.5), 1200)
    assert rates[-1] == 0
    assert rates[0] == 0.5


def test_whole_numbers_as_settings_of_a_schedule_do_not_overflow():
    np.testing.assert_array_equal(schedules.Step(1, 1, 2).rates(70), 2.0 ** np.arange(70))


def test_a_warm_up_longer_than_the_descent_takes_no_memory():
    rates = schedules.WarmUp(10**15, 0.5).rates(3)
    np.testing.assert_allclose(rates, 0.5 * np.arange(1, 4) / (10**15 + 1))


class Own(optimizers.Optimizer):
    """An optimizer with a known name and no settings for its kernel to read."""

    name = "adam"


def test_an_optimizer_of_the_users_own_is_refused():
    with pytest.raises(TypeError, match=r"Own.*nnlib.optimizers"):
        trained(optimizer=Own())
    with pytest.raises(TypeError, match=r"Own.*nnlib.optimizers"):
        many(optimizer=Own())


def test_parameters_cannot_be_resized():
    net = network()
    with pytest.raises(ValueError, match="does not own its data"):
        net.parameters.resize(1, refcheck=False)
    for view in (*net.weights, *net.biases):
        with pytest.raises(ValueError, match="does not own its data"):
            view.resize(20, refcheck=False)
    assert net.parameters.shape == (13,)


@pytest.mark.parametrize(
    "change",
    [{"shape": (13, 1)}, {"dtype": np.dtype(np.int8)}, {"dtype": np.dtype(np.complex64)}],
    ids=str,
)
def test_another_form_of_the_parameters_is_not_the_networks(change):
    net, expected = network(), trained()
    parameters = net.parameters
    for name, value in change.items():
        try:
            setattr(parameters, name, value)
        except ValueError:  # NumPy's: complex numbers, of an odd number
            assert value == np.complex64
    parameters.flags.writeable = False
    assert net.parameters.shape == (13,)
    assert net.parameters.dtype == np.float64
    net.descent(X, Y, epochs=4)
    np.testing.assert_array_equal(net.parameters, expected)


def test_parameters_are_written_in_place_through_what_the_property_gives():
    net = network()
    net.parameters[3] = 7.0
    assert net.parameters[3] == 7.0
    assert net.weights[0].flat[3] == 7.0


def test_data_may_change_while_a_callback_looks():
    """Out of order, not out of bounds: the order of the examples is the descent's own."""
    inputs, rates = X.copy(), RATES.copy()

    def spoil(report):
        inputs[...], rates[...] = 0.0, 0.0

    net = network()
    history = net.descent(
        inputs, Y, batch_size=3, epochs=4, learning_rate=Given(rates), callback=spoil,
        callback_epochs=1,
    )  # fmt: skip
    np.testing.assert_array_equal(history.learning_rate, RATES)
    assert np.isfinite(net.parameters).all()
