"""Descents on sparse examples go where the same descents on dense ones go, but for rounding."""

from __future__ import annotations

import copy
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

import nnlib
from nnlib import losses
from nnlib.training import lazy
from tests.tolerances import assert_close, tolerance
from tests.training.lazily import (
    assert_ctrl_c_leaves_the_last_epoch,
    assert_every_checkpoint_leads_to_the_same_bits,
    end_slices_within_epochs,
    note_descents,
)

OPTIMIZERS = ["sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw"]
pytestmark = pytest.mark.cpu("sparse")


@pytest.fixture(params=["rows of a batch", "all rows"], autouse=True, scope="module")
def stepped(request):
    """Whether steps are of a batch's rows or of all, whatever batches have entries for."""
    with pytest.MonkeyPatch.context() as patch:
        least = 0.0 if request.param == "all rows" else float("inf")
        patch.setattr(lazy, "ENTRIES_A_FEATURE", least)
        yield request.param


FEATURES, EXAMPLES = 40, 70
# Rounding errors of so many steps' products, each of which the later steps carry along.
TERMS = 100_000


def words(seed=1, values=True):
    """Examples of few features, most of them of the first ones; one is empty."""
    rng = np.random.default_rng(seed)
    share = 1 / (1 + np.arange(FEATURES))
    full = (rng.random((EXAMPLES, FEATURES)) < share) * 1.0
    full[3] = 0
    return sparse.csr_array(full * rng.normal(size=full.shape) if values else full)


def answers(seed=1):
    return (np.random.default_rng(seed).random((EXAMPLES, 1)) > 0.5) * 1.0


def network(units=5, dtype="float64", **options):
    return nnlib.Network(
        [FEATURES, units, 1], ["tanh", "sigmoid"], "binary_cross_entropy", dtype=dtype, seed=1,
        **options,
    )  # fmt: skip


def descend(X, units=5, dtype="float64", **options):
    net = network(units, dtype)
    history = net.descent(X, answers(), **{"batch_size": 8, "epochs": 6, **options})
    return net, history


def assert_same(options, X=None, units=5):
    X = words() if X is None else X
    (net, history), (other, expected) = (descend(one, units, **options) for one in (X, X.toarray()))
    assert_close(history.J, expected.J, TERMS)
    assert_close(net.parameters, other.parameters, TERMS)
    return net


@pytest.fixture
def lazily(monkeypatch):
    """Which descents were lazy."""
    return note_descents(monkeypatch)


@pytest.mark.parametrize("units", [1, 5, 16, 18])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer(optimizer, units, lazily):
    assert_same({"optimizer": optimizer}, units=units)
    assert len(lazily) == 1


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov"])
@pytest.mark.parametrize(
    "penalties",
    [{"weight_decay": 0.03}, {"l1": 0.01}, {"l1": 0.01, "weight_decay": 0.03}],
    ids=str,
)
def test_penalties_where_the_step_is_linear(optimizer, penalties, lazily):
    assert_same({"optimizer": optimizer, **penalties})
    assert len(lazily) == 1


def test_batches_of_all_examples(lazily):
    assert_same({"optimizer": "adam", "batch_size": None})
    assert len(lazily) == 1


@pytest.mark.parametrize("clip", [{"clip_norm": 0.05}, {"clip_value": 0.01}], ids=str)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_clipping(optimizer, clip, lazily):
    assert_same({"optimizer": optimizer, **clip})
    assert len(lazily) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "adam", "weight_decay": 0.03},
        {"optimizer": "rmsprop", "l1": 0.01},
        {"optimizer": "sgd", "weight_decay": 0.03, "clip_norm": 0.05},
        {"optimizer": "momentum", "max_norm": 0.5},
        {"optimizer": "rprop", "batch_size": None},
        {"optimizer": "adam", "batch_size": 1},
    ],
    ids=str,
)
def test_every_row_is_stepped_where_missed_steps_are_not_known(options, lazily):
    assert_same(options)
    assert not lazily


@given(
    optimizer=st.sampled_from(OPTIMIZERS),
    batch_size=st.integers(2, EXAMPLES * 4 // 5),
    shuffle=st.booleans(),
    reduction=st.sampled_from(["mean", "sum"]),
    validation=st.sampled_from([None, 0.2]),
    dropout=st.sampled_from([None, 0.3]),
    learning_rate=st.sampled_from([0.01, nnlib.schedules.Exponential(0.05, 0.8)]),
    units=st.integers(1, 35),
    seed=st.integers(0, 50),
    values=st.booleans(),
)
def test_all_options(seed, values, units, **options):
    assert_same({"epochs": 3, **options}, words(seed, values), units)


def test_layers_that_learn_at_their_own_rates():
    def run(X):
        net = network()
        net.layers[0].rate_factor, net.layers[0].decay_factor = 0.5, 2.0
        for optimizer, decay in (("momentum", 0.03), (nnlib.optimizers.AdamW(), 0.0)):
            net.descent(
                X, answers(), optimizer=optimizer, batch_size=8, epochs=3, weight_decay=decay
            )
        return net.parameters

    assert_close(run(words()), run(words().toarray()), TERMS)


def test_frozen_first_layers_stay():
    net = network()
    net.layers[0].trainable = False
    before = net.weights[0].copy()
    net.descent(words(), answers(), optimizer="adam", batch_size=8, epochs=3)
    np.testing.assert_array_equal(net.weights[0], before)


def test_float32():
    (net, _), (other, _) = (
        descend(one, 16, "float32", optimizer="adam") for one in (words(), words().toarray())
    )
    assert_close(net.parameters, other.parameters, 10_000, dtype="float32")


def test_weights_of_examples_and_metrics():
    v = np.random.default_rng(0).random(EXAMPLES)
    v[::7] = 0
    options = {
        "sample_weight": v, "optimizer": "adam", "validation": 0.3, "metrics": ["accuracy"],
        "monitor": "accuracy", "patience": 5, "epochs": 12,
    }  # fmt: skip
    net, history = descend(words(), **options)
    other, expected = descend(words().toarray(), **options)
    assert history.best_epoch == expected.best_epoch
    assert history.metrics["accuracy"].tolist() == expected.metrics["accuracy"].tolist()
    assert_close(net.parameters, other.parameters, TERMS)


def test_a_callback_sees_the_network_in_its_own_layout():
    seen = []
    net = network()
    net.descent(
        words(), answers(), optimizer="momentum", batch_size=8, epochs=3, callback_epochs=1,
        callback=lambda report: seen.append(net.parameters.copy()),
    )  # fmt: skip
    for epoch, parameters in enumerate(seen, 1):
        other, _ = descend(words().toarray(), optimizer="momentum", epochs=epoch)
        assert_close(parameters, other.parameters, TERMS)


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_partial_descents_go_on_between_sparse_and_dense(optimizer):
    nets = network(), network()
    forms = (words(), words().toarray(), words()), (words().toarray(),) * 3
    for net, given_forms in zip(nets, forms, strict=True):
        for X in given_forms:
            net.descent(
                X, answers(), optimizer=optimizer, batch_size=8, epochs=2, shuffle=False,
                partial=True,
            )  # fmt: skip
    assert_close(nets[0].parameters, nets[1].parameters, TERMS)


def test_a_divergence_leaves_an_epoch_with_a_finite_cost():
    net = nnlib.Network([FEATURES, 3, 1], "identity", seed=1)
    with pytest.raises(nnlib.DivergenceError):
        net.descent(
            words() * 1e3, answers(), optimizer="momentum", learning_rate=1e3, batch_size=8,
            epochs=50,
        )  # fmt: skip
    assert np.isfinite(net.J(words() * 1e3, answers()))


@pytest.fixture
def short_slices(monkeypatch):
    """Slices end within epochs."""
    end_slices_within_epochs(monkeypatch)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("optimizer", ["momentum", "adamw", "rmsprop"])
def test_every_checkpoint_leads_to_the_same_bits(
    optimizer, shuffle, tmp_path, monkeypatch, short_slices
):
    options = {"optimizer": optimizer, "epochs": 4, "shuffle": shuffle, "validation": 0.2}
    assert_every_checkpoint_leads_to_the_same_bits(
        partial(descend, words(), **options), tmp_path / "descent", monkeypatch
    )


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_ctrl_c_leaves_the_last_epoch(optimizer, monkeypatch, short_slices):
    def train(net, **options):
        net.descent(words(), answers(), optimizer=optimizer, batch_size=8, shuffle=False, **options)

    assert_ctrl_c_leaves_the_last_epoch(network, train, monkeypatch)


def test_the_checkpoint_of_other_entries_is_refused(tmp_path):
    options = {"optimizer": "adam", "batch_size": 8, "checkpoint": tmp_path / "one"}
    descend(words(), **options)
    changed = words()
    changed.data[0] += 1
    with pytest.raises(ValueError, match="X differs"):
        descend(changed, **options, resume=True)
    descend(words()[:], **options, resume=True)


def test_losses_of_classes():
    labels = np.random.default_rng(2).integers(0, 3, EXAMPLES)

    def run(X):
        net = nnlib.Network([FEATURES, 4, 3], ["relu", "softmax"], losses.SoftmaxFocal(1.5), seed=1)
        net.descent(X, labels, optimizer="adam", batch_size=16, epochs=4)
        return net.parameters

    assert_close(run(words()), run(words().toarray()), TERMS)


def test_two_dense_layers_read_the_input():
    def run(X):
        x = nnlib.layers.Input(FEATURES)
        h = nnlib.layers.Dense(3, "tanh")(x) + nnlib.layers.Dense(3, "relu")(x)
        net = nnlib.Network(inputs=x, outputs=nnlib.layers.Dense(1)(h), seed=1)
        net.descent(X, answers(), optimizer="adam", batch_size=8, epochs=4)
        return net.parameters

    assert_close(run(words()), run(words().toarray()), TERMS)


def test_lbfgs():
    net, history = descend(words(), optimizer="lbfgs", batch_size=None, epochs=5)
    other, expected = descend(words().toarray(), optimizer="lbfgs", batch_size=None, epochs=5)
    assert_close(history.J, expected.J, TERMS)
    assert_close(net.parameters, other.parameters, TERMS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compile": True, "optimizer": "sgd", "batch_size": None}, "kind 'sparse dense'"),
        ({"optimizer": "levenberg_marquardt", "batch_size": None}, "use optimizer='lbfgs'"),
    ],
    ids=str,
)
def test_what_needs_dense_examples_says_so(options, message):
    net = nnlib.Network([FEATURES, 2, 1], "sigmoid", "half_squared_error")
    with pytest.raises(ValueError, match=message):
        net.descent(words(), answers(), epochs=2, **options)


@pytest.mark.parametrize("train", [nnlib.Network.descent, nnlib.train_many])
@pytest.mark.parametrize("sparse_validation", [True, False])
def test_validation_examples_are_sparse_where_the_others_are(sparse_validation, train):
    X, other = words(), words().toarray()
    if sparse_validation:
        X, other = other, X
    number = {"n": 2} if train is nnlib.train_many else {}
    wanted = "dense array, wanted a sparse" if not sparse_validation else "sparse matrix, wanted a"
    with pytest.raises(TypeError, match=f"validation: X is a {wanted}"):
        train(network(), X, answers(), epochs=2, validation=(other, answers()), **number)


def test_a_copy_in_a_callback_is_a_network_of_its_own():
    copies = []
    net = network()
    net.descent(
        words(), answers(), optimizer="adam", batch_size=8, epochs=2,
        callback=lambda report: copies.append(copy.deepcopy(net)),
    )  # fmt: skip
    assert_close(copies[-1].F(words()), net.F(words()), 10)
    assert tolerance("float64", TERMS) < 1e-9
