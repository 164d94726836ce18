"""A loss at every position of an output, as at every step of a sequence."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.layers import Input
from nnlib.losses import SoftmaxCrossEntropy, SoftmaxFocal

pytestmark = pytest.mark.cpu("graphs")

N, TIME, CLASSES = 7, 5, 3
LENGTHS = np.array([5, 3, 1, 2, 5, 4, 2])
COUNTED = np.arange(TIME) < LENGTHS[:, None]


def tagger(loss="softmax_cross_entropy", activation="softmax", time=TIME, **options):
    return nnlib.Network(
        [
            Input((time, 2)),
            layers.SimpleRNN(4, return_sequences=True),
            layers.TimeDistributed(layers.Dense(CLASSES, activation)),
        ],
        loss=loss, seed=1, **options,
    )  # fmt: skip


@pytest.fixture
def sequences(rng):
    return rng.normal(size=(N, TIME, 2)), rng.integers(0, CLASSES, size=(N, TIME))


def costs(p, y):
    """−ln p of the right class at every step."""
    return -np.log(np.take_along_axis(p, y[..., None], axis=2)[..., 0])


@pytest.mark.parametrize("activation", ["softmax", "identity"])
@pytest.mark.parametrize("time", [TIME, None])
@pytest.mark.parametrize("masked", [False, True])
def test_the_cost_is_the_sum_over_the_steps_that_count(sequences, time, masked, activation):
    (X, y), net = sequences, tagger(time=time, activation=activation)
    told = {"lengths": LENGTHS} if masked else {}
    counted = COUNTED if masked else np.ones_like(COUNTED)
    p = net.predict_proba(X, **told)
    np.testing.assert_allclose(p.sum(axis=2), 1, rtol=1e-12)
    wanted = (costs(p, y) * counted).sum(axis=1)
    assert net.J(X, y, **told) == pytest.approx(wanted.mean(), rel=1e-12)
    weights = np.arange(N)
    weighed = net.J(X, y, sample_weight=weights, reduction="sum", **told)
    assert weighed == pytest.approx((wanted * weights).sum(), rel=1e-12)
    right = net.predict(X, **told) == y
    assert right.shape == (N, TIME)
    assert net.score(X, y, **told) == pytest.approx(right[counted].mean())


@pytest.mark.parametrize(
    "loss",
    [
        "softmax_cross_entropy", "kl_divergence", SoftmaxCrossEntropy(0.1), SoftmaxFocal(1.5),
        "half_squared_error", "binary_cross_entropy",
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("count", [1, N])
def test_the_gradient_is_that_of_central_differences(sequences, rng, loss, count):
    X, y = (part[:count] for part in sequences)
    if loss in ("half_squared_error", "binary_cross_entropy"):
        y = rng.random((count, TIME, CLASSES))
    net, told = tagger(loss, "identity"), {"lengths": LENGTHS[:count]}
    gradient = net.derJ(X, y, flat=True, **told)
    for k in range(0, net.parameters.size, 5):
        found = []
        for step in (1e-6, -1e-6):
            net.parameters[k] += step
            found.append(net.J(X, y, **told))
            net.parameters[k] -= step
        assert (found[0] - found[1]) / 2e-6 == pytest.approx(gradient[k], rel=1e-5, abs=1e-8)


def test_smoothing_is_over_the_classes_of_a_step(sequences):
    X, y = sequences
    net = tagger(SoftmaxCrossEntropy(0.3))
    p = net.F(X)
    wanted = 0.7 * costs(p, y) - 0.3 * np.log(p).mean(axis=2)
    assert net.J(X, y) == pytest.approx(wanted.sum(axis=1).mean(), rel=1e-12)


@pytest.mark.parametrize("time", [TIME, None])
def test_what_stands_in_the_padding_changes_no_bit(sequences, time):
    X, y = sequences
    other_X, other_y = X.copy(), y.astype(float)
    other_X[~COUNTED], other_y[~COUNTED] = np.nan, np.nan
    nets = []
    for X_given, y_given in ((X, y), (other_X, other_y)):
        net = tagger(time=time)
        history = net.descent(
            X_given, y_given, lengths=LENGTHS, epochs=5, batch_size=3, optimizer="adam",
            metrics=["accuracy", "log_loss"],
        )  # fmt: skip
        nets.append((net.parameters.copy(), history.J, history.metrics["log_loss"]))
    for ours, theirs in zip(*nets, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("padding", [0.0, 0.5, np.nan])
def test_probabilities_at_the_steps_that_count(sequences, padding):
    (X, y), net = sequences, tagger()
    p = np.where(COUNTED[..., None], np.eye(CLASSES)[y], padding)
    for form in (p, p.reshape(N, -1)):
        assert net.J(X, form, lengths=LENGTHS) == net.J(X, y, lengths=LENGTHS)


def test_margins_at_the_steps_that_count(rng):
    X, y = rng.normal(size=(N, TIME, 2)), rng.choice([-1.0, 1.0], size=(N, TIME, 1))
    dense = layers.TimeDistributed(layers.Dense(1))
    rnn = layers.SimpleRNN(4, return_sequences=True)
    net = nnlib.Network([Input((TIME, 2)), rnn, dense], loss="hinge", seed=1)
    costs_of_steps = np.maximum(0, 1 - y * net.F(X, lengths=LENGTHS))[..., 0]
    y[~COUNTED] = 0
    wanted = (costs_of_steps * COUNTED).sum(axis=1).mean()
    assert net.J(X, y, lengths=LENGTHS) == pytest.approx(wanted, rel=1e-12)


def test_numbers_at_the_steps_that_count(sequences, rng):
    X, _ = sequences
    y = rng.normal(size=(N, TIME, CLASSES))
    net = tagger("half_squared_error", "identity")
    errors = 0.5 * ((net.F(X, lengths=LENGTHS) - y) ** 2).sum(axis=2) * COUNTED
    assert net.J(X, y, lengths=LENGTHS) == pytest.approx(errors.sum(axis=1).mean(), rel=1e-12)
    F, wanted = net.F(X, lengths=LENGTHS)[COUNTED], y[COUNTED]
    r2 = 1 - ((wanted - F) ** 2).sum(axis=0) / ((wanted - wanted.mean(axis=0)) ** 2).sum(axis=0)
    assert net.score(X, y, lengths=LENGTHS) == pytest.approx(r2.mean())
    assert net.predict(X).shape == (N, TIME, CLASSES)


def test_a_zero_masks_its_step_of_the_loss(rng):
    net = nnlib.Network(
        [Input(TIME), layers.Embedding(9, 3, mask_zero=True), layers.LSTM(3, return_sequences=True),
         layers.TimeDistributed(layers.Dense(2, "softmax"))],
        loss="softmax_cross_entropy", seed=0,
    )  # fmt: skip
    X, y = rng.integers(1, 9, size=(N, TIME)), rng.integers(0, 2, size=(N, TIME))
    X[~COUNTED] = 0
    p = net.F(X)
    assert net.J(X, y) == pytest.approx((costs(p, y) * COUNTED).sum(axis=1).mean(), rel=1e-12)


def test_an_image_has_a_class_at_each_pixel(rng):
    net = nnlib.Network(
        [Input((4, 5, 1)), layers.Conv2D(3, 3, padding="same", activation="softmax")],
        loss="softmax_cross_entropy", seed=0,
    )  # fmt: skip
    X, y = rng.normal(size=(N, 4, 5, 1)), rng.integers(0, 3, size=(N, 4, 5))
    p = net.F(X)
    np.testing.assert_allclose(p.sum(axis=3), 1)
    wanted = -np.log(np.take_along_axis(p, y[..., None], axis=3)).sum(axis=(1, 2, 3)).mean()
    assert net.J(X, y) == pytest.approx(wanted)
    assert net.predict(X).shape == (N, 4, 5)
    assert net.predict_proba(X[:1]).shape == (1, 4, 5, 3)


def test_the_derivative_of_a_softmax_at_each_step(rng):
    net, X = tagger(), rng.normal(size=(2, TIME, 2))
    gradient = net.gradient(X)
    moved = X.copy()
    moved[:, 2, 1] += 1e-6
    difference = (net.F(moved) - net.F(X)) / 1e-6
    np.testing.assert_allclose(gradient[..., 2, 1], difference, atol=1e-5)


def test_threads_and_populations_and_lbfgs(sequences):
    X, y = sequences
    population = nnlib.train_many(
        tagger(), X, y, n=3, epochs=4, optimizer="adam", metrics=["accuracy"]
    )
    best = population.best
    assert population.metrics["accuracy"].shape == (3,)
    assert best.predict(X).shape == (N, TIME)
    net = tagger()
    before = net.J(X, y)
    net.descent(X, y, optimizer="lbfgs", epochs=20)
    assert net.J(X, y) < 0.9 * before


def test_a_group_has_one_class_if_all_its_steps_that_count_have(sequences):
    (X, y), key = sequences, np.array(["a", "b", "a", "b", "a", "b", "a"])
    y[:, 0] = 0  # the same first step says nothing of the others
    y[key == "b", 1:] = np.arange(1, TIME) % CLASSES
    y[key == "a"] = np.where(COUNTED, 1, 2)[key == "a"]
    with pytest.warns(UserWarning, match="1 of 2 groups .* 'a': all rows .* are of the class 1"):
        population = nnlib.train_many(tagger(), X, y, groups=key, lengths=LENGTHS, epochs=1)
    assert population.groups.tolist() == ["b"]


def test_targets_for_another_number_of_steps(sequences):
    X, y = sequences
    shorter = X[:, :4], y[:, :4], np.minimum(LENGTHS, 4)
    with pytest.raises(ValueError, match=r"number: pad X and y, see sequences.pad\(…, length=5\)"):
        tagger(time=None).descent(X, y, lengths=LENGTHS, validation=shorter)
    with pytest.raises(ValueError, match=r"y has shape \(7, 6\), wanted \(n, 5\) with a class"):
        tagger(time=None).J(X, np.pad(y, ((0, 0), (0, 1))), lengths=LENGTHS)


def test_class_numbers_at_the_steps_of_a_network_that_knows_labels(sequences):
    (X, y), net, other = sequences, tagger(), tagger()
    other.classes = ["noun", "verb", "other"]
    for one in (net, other):
        one.descent(X, y, lengths=LENGTHS, epochs=3)
    np.testing.assert_array_equal(other.parameters, net.parameters)
    assert other.score(X, y, lengths=LENGTHS) == net.score(X, y, lengths=LENGTHS)
    labels = other.predict(X, lengths=LENGTHS)
    np.testing.assert_array_equal(labels, other.classes[net.predict(X, lengths=LENGTHS)])
    assert other.score(X, labels, lengths=LENGTHS) == 1


def test_without_a_step_that_counts_there_is_no_score(sequences):
    (X, y), net, none = sequences, tagger(), np.zeros((N, TIME))
    assert np.isnan(net.score(X, y, mask=none))
    first = np.eye(N)[0]
    assert np.isnan(net.score(X, y, mask=COUNTED & (first[:, None] == 0), sample_weight=first))
    validation = X, y, none
    history = net.descent(
        X, y, lengths=LENGTHS, validation=validation, metrics=["accuracy"], epochs=2
    )
    assert np.isnan(history.validation_metrics["accuracy"]).all()


def test_bad_targets(sequences):
    (X, y), net = sequences, tagger()
    for given, message in [
        (y + 1, r"y holds 3 at index \(\d, \d\), wanted classes, whole numbers from 0 to 2"),
        (y[:, :4], r"y has shape \(7, 4\), wanted \(n, 5\) with a class for each position"),
        (y[:6], "y has 6 examples and X has 7"),
        (np.ones((N, TIME, CLASSES)), "adds up to 3, wanted probabilities that add up to 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            net.J(X, given)
    with pytest.raises(ValueError, match="a class for each example"):
        net.descent(X, y, class_weight="balanced")
