"""Losses with settings: against the oracle, central differences and PyTorch; their settings."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest

import nnlib
from nnlib import losses
from nnlib.training.contradictions import check_compiled
from tests import reference
from tests.tolerances import assert_close, difference_step, difference_tolerance

from .cases import LOSSES, N, data, layers_of, network, output

pytestmark = pytest.mark.cpu("formulas")
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)


@every_loss
def test_cost_and_gradient_agree_with_the_oracle(loss, dtype):
    net = network(loss, dtype=dtype)
    X, y, weights = data(loss, dtype)
    given = layers_of(net), net.activations, X, y
    expected = reference.cost(*given, loss=loss, sample_weight=weights)
    actual = net.J(X, y, sample_weight=weights)
    assert_close(actual, expected, terms=N, depth=4, dtype=dtype)
    dW, db = net.derJ(X, y, sample_weight=weights)
    expected_W, expected_b = reference.gradients(*given, loss=loss, sample_weight=weights)
    for one, wanted in zip([*dW, *db], [*expected_W, *expected_b], strict=True):
        assert_close(one, wanted, terms=N, depth=4)


@every_loss
def test_gradient_agrees_with_central_differences(loss):
    net = network(loss)
    X, y, _ = data(loss)
    dW, db = net.derJ(X, y)
    slopes = np.concatenate([part.ravel() for pair in zip(dW, db, strict=True) for part in pair])
    h, error = difference_step(), difference_tolerance(terms=N, depth=4)
    for place in range(net.parameters.size):
        costs = []
        for sign in (1, -1):
            moved = net.parameters.copy()
            moved[place] += sign * h
            other = network(loss)
            other.parameters = moved
            costs.append(other.J(X, y))
        assert slopes[place] == pytest.approx((costs[0] - costs[1]) / (2 * h), abs=error)


@every_loss
def test_descent_lowers_it(loss, dtype):
    X, y, weights = data(loss, dtype)
    net = network(loss, dtype=dtype)
    before = net.J(X, y, sample_weight=weights)
    net.descent(X, y, learning_rate=0.1, epochs=100, batch_size=5, sample_weight=weights)
    assert net.J(X, y, sample_weight=weights) < before
    net.descent(X, y, optimizer="lbfgs", epochs=5)


@pytest.mark.parametrize("scale", [1e4, -1e4])
@pytest.mark.parametrize("loss", [loss for loss in LOSSES if output(loss) != "identity"], ids=repr)
def test_extreme_logits_stay_finite(loss, scale, dtype):
    start = [([[scale], [-scale], [0]], [0, 0, 0])]
    net = nnlib.Network([1, 3], output(loss), loss, dtype=dtype, initializer=start)
    y = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert np.isfinite(net.J([1, 1, 1], y))
    assert all(np.all(np.isfinite(g)) for part in net.derJ([1, 1, 1], y) for g in part)


@pytest.mark.parametrize("loss", [losses.SoftmaxFocal(2), losses.Focal(1.5)], ids=repr)
def test_a_right_answer_s_focal_cost_keeps_its_digits(loss):
    """J = q^γ (−ln p), with q = e^−40 to the last bit: 1 − p would be 0."""
    start = [([[40.0], [0.0]], [0, 0])]
    net = nnlib.Network([1, 2], output(loss), loss, initializer=start)
    cost = net.J([1], [[1, 0]]) - (np.log(2) * 0.5**1.5 if loss.family == "focal" else 0)
    expected = np.exp(-40 * loss.gamma) * np.exp(-40)
    if loss.family == "softmax_focal":
        assert cost == pytest.approx(expected, rel=1e-12)
    else:
        only = nnlib.Network([1, 1], "sigmoid", loss, initializer=[([[40.0]], [0])])
        assert only.J([1], [1]) == pytest.approx(expected, rel=1e-12)


def test_a_quantile_is_what_a_constant_becomes(rng):
    y = rng.normal(size=400)
    net = nnlib.Network([1, 1], "identity", losses.Quantile(0.8), initializer="zeros")
    net.descent(np.zeros(400), y, learning_rate=0.05, epochs=2000)
    assert np.mean(y < net.F(0)) == pytest.approx(0.8, abs=0.01)


class TestAgainstTorch:
    """PyTorch's formulas and its derivatives, in float64."""

    Z = ((-2.5, -0.5, 0.25), (1.5, 12.0, -0.1), (0.3, 0.3, -4.0))

    @pytest.fixture
    def torch(self):
        return pytest.importorskip("torch")

    def compare(self, torch, loss, y, function):
        """J and ∂J/∂b of a layer whose z is Z, against function(z, y)."""
        z = torch.tensor(self.Z, dtype=torch.float64, requires_grad=True)
        value = function(z, torch.tensor(y))
        (slopes,) = torch.autograd.grad(value, z)
        for row, target, slope in zip(self.Z, y, slopes.numpy(), strict=True):
            net = nnlib.Network([1, 3], "identity", loss, initializer=[(np.zeros((3, 1)), row)])
            np.testing.assert_allclose(net.derJ([0], [target])[1][0], slope, rtol=1e-12, atol=1e-15)
        net = nnlib.Network([3, 3], "identity", loss, initializer=[(np.eye(3), np.zeros(3))])
        assert net.J(self.Z, y, "sum") == pytest.approx(value.item(), rel=1e-13)

    def test_quantile(self, torch):
        y = np.add(self.Z, [1.0, -0.5, 2.0])
        pinball = lambda z, y: torch.maximum(0.9 * (y - z), -0.1 * (y - z)).sum()  # noqa: E731
        self.compare(torch, losses.Quantile(0.9), y, pinball)

    def test_huber(self, torch):
        y = np.add(self.Z, [1.0, -0.5, 0.2])
        function = torch.nn.functional.huber_loss
        self.compare(
            torch, losses.Huber(0.4), y, lambda z, y: function(z, y, reduction="sum", delta=0.4)
        )

    def test_softmax_cross_entropy(self, torch):
        function, rows = torch.nn.functional.cross_entropy, np.eye(3)[[2, 0, 1]]
        self.compare(
            torch, losses.SoftmaxCrossEntropy(0.3), rows,
            lambda z, y: function(z, y, reduction="sum", label_smoothing=0.3),
        )  # fmt: skip

    def test_kl_divergence(self, torch):
        rows = np.array([[0.5, 0.25, 0.25], [0, 1, 0], [0.125, 0, 0.875]])
        function, log_softmax = torch.nn.functional.kl_div, torch.nn.functional.log_softmax
        self.compare(
            torch, "kl_divergence", rows,
            lambda z, y: function(log_softmax(z, 1), y, reduction="sum"),
        )  # fmt: skip

    def test_focal(self, torch):
        """torchvision's sigmoid_focal_loss without its α, written out."""

        def function(z, y):
            p = torch.sigmoid(z)
            entropy = torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="none")
            share = p * y + (1 - p) * (1 - y)
            return (entropy * (1 - share) ** 2).sum()

        self.compare(torch, losses.Focal(2), np.eye(3)[[2, 0, 1]], function)

    def test_softmax_focal(self, torch):
        def function(z, y):
            log_p = torch.nn.functional.log_softmax(z, 1)
            return -(y * (1 - log_p.exp()) ** 2 * log_p).sum()

        self.compare(torch, losses.SoftmaxFocal(2), np.eye(3)[[2, 0, 1]], function)


class TestNames:
    """A name where there is one, an object where there are settings."""

    def test_what_the_network_shows(self):
        net = nnlib.Network([1, 1], "identity", losses.Quantile(0.9))
        assert net.loss == losses.Quantile(0.9)
        assert "loss=Quantile(tau=0.9)," in repr(net)
        assert nnlib.Network([1, 1], "identity", "quantile").loss == losses.Quantile(0.5)

    @pytest.mark.parametrize(
        "loss", [losses.Huber(1), losses.BinaryCrossEntropy(), losses.SoftmaxCrossEntropy()],
        ids=repr,
    )  # fmt: skip
    def test_without_settings_it_is_the_named_one(self, loss):
        net = nnlib.Network([1, 2], output(loss), loss)
        assert net.loss == loss.family
        assert repr(net) == repr(nnlib.Network([1, 2], output(loss), loss.family))

    @pytest.mark.parametrize(
        ("name", "near"),
        [("pinball", "quantile"), ("quantil", "quantile"), ("kld", "kl_divergence"),
         ("FocalLoss", "focal"), ("hinge_loss", "hinge")],
    )  # fmt: skip
    def test_a_near_name(self, name, near):
        with pytest.raises(ValueError, match=f"loss is '{name}', .*did you mean '{near}'"):
            nnlib.Network([1, 1], loss=name)

    @pytest.mark.parametrize("value", [losses.Quantile, losses.Custom, losses.Loss])
    def test_a_class_is_refused(self, value):
        with pytest.raises(TypeError, match=f"loss is the class {value.__name__}, wanted"):
            nnlib.Network([1, 1], loss=value)

    def test_a_class_of_the_user_s_own_is_refused(self):
        class Mine(losses.Quantile):
            pass

        with pytest.raises(TypeError, match=r"loss is a Mine.*nnlib\.losses\.Custom takes them"):
            nnlib.Network([1, 1], "identity", loss=Mine(0.9))


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (losses.Quantile, 0, ["tau", "0", "greater than 0"]),
        (losses.Quantile, 1, ["tau", "1", "below 1"]),
        (losses.Huber, 0, ["delta", "greater than 0"]),
        (losses.Huber, np.inf, ["delta", "inf", "finite"]),
        (losses.BinaryCrossEntropy, -0.1, ["label_smoothing", "-0.1", "at least 0"]),
        (losses.BinaryCrossEntropy, 1, ["label_smoothing", "below 1"]),
        (losses.SoftmaxCrossEntropy, 1.5, ["label_smoothing", "1.5", "below 1"]),
        (losses.Focal, 0, ["gamma", "greater than 0"]),
        (losses.SoftmaxFocal, np.nan, ["gamma", "nan"]),
    ],
)
def test_settings_that_are_refused(kind, value, words):
    with pytest.raises(ValueError, match=words[0]) as caught:
        kind(value)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize("kind", losses.FAMILIES.values())
def test_settings_are_numbers(kind):
    with pytest.raises(TypeError, match="must be a finite number"):
        kind("much")


@pytest.mark.parametrize(
    ("loss", "y", "words"),
    [
        (losses.Focal(2), [[0, 1, 1.5]] * N, ["1.5", "between 0 and 1", "focal"]),
        (losses.BinaryCrossEntropy(0.1), [[0, -1, 1]] * N, ["-1", "between 0 and 1"]),
        (losses.SoftmaxFocal(2), [3] * N, ["3", "0 to 2"]),
        (losses.SoftmaxCrossEntropy(0.1), [[0.5, 0.4, 0]] * N, ["row 0", "add up to 1"]),
    ],
    ids=str,
)
def test_targets_that_are_refused(loss, y, words, rng):
    with pytest.raises(ValueError, match=re.escape(words[0])) as caught:
        network(loss).J(rng.normal(size=(N, 2)), y)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_classes_are_rows_of_one_1(rng):
    X, y = rng.normal(size=(N, 2)), np.arange(N) % 3
    net = network(losses.SoftmaxFocal(2))
    assert net.J(X, y) == net.J(X, np.eye(3)[y])


@pytest.mark.parametrize(
    ("loss", "sizes", "activation", "words"),
    [
        (losses.Focal(2), [2, 1], "tanh", [r"Focal\(gamma=2.0\)", "'sigmoid' or 'identity'"]),
        (losses.SoftmaxFocal(2), [2, 3], "sigmoid", ["SoftmaxFocal", "'softmax' or 'identity'"]),
        (losses.SoftmaxCrossEntropy(0.1), [2, 1], "softmax", ["at least two outputs"]),
        (losses.Quantile(0.5), [2, 3], "softmax", ["needs loss='softmax_cross_entropy'", "tau"]),
    ],
    ids=str,
)
def test_what_does_not_go_together(loss, sizes, activation, words):
    with pytest.raises(ValueError, match=words[0]) as caught:
        nnlib.Network(sizes, activation, loss)
    assert all(re.search(word, str(caught.value)) for word in words), str(caught.value)


def test_a_target_beyond_the_output_warns():
    net = nnlib.Network([1, 1], "sigmoid", losses.Quantile(0.5))
    with pytest.warns(UserWarning, match="y goes from 0 to 7"):
        net.descent([0, 1], [0, 7], epochs=1)


class TestRefusals:
    """Ways that do not know such a loss say so before any work."""

    def test_a_pass_that_is_written_out(self):
        net = nnlib.Network([1, 1], "identity", losses.Quantile(0.9))
        with pytest.raises(ValueError, match=r"written out: its loss is 'quantile\(tau=0.9\)'"):
            net.descent([0, 1], [0, 1], compile=True, epochs=1)

    def test_a_softmax_written_out(self):
        own = nnlib.Network([1, 2], "softmax", "kl_divergence").architecture
        with pytest.raises(ValueError, match="its loss is 'kl_divergence'"):
            check_compiled(own.training_table, own.size, own.loss_code)

    def test_levenberg_marquardt(self):
        net = nnlib.Network([1, 1], "identity", losses.Huber(2))
        with pytest.raises(ValueError, match=r"with loss='huber\(delta=2.0\)'"):
            net.descent([0, 1], [0, 1], optimizer="levenberg_marquardt", epochs=1)

    def test_a_gpu(self, monkeypatch):
        monkeypatch.setattr("nnlib.model.device.chosen_device", lambda device: "cuda")
        loss = losses.Quantile(0.9)
        assert nnlib.Network([1, 1], "identity", loss, device="auto").device == "cpu"
        message = r"loss Quantile\(tau=0.9\) runs on the CPU only"
        with pytest.raises(ValueError, match=message):
            nnlib.Network([1, 1], "identity", loss, device="cuda")
        net = nnlib.Network([1, 1], "identity", loss, device="auto")
        with pytest.raises(ValueError, match=message):
            net.to("cuda")


@every_loss
def test_pickled(loss):
    net = network(loss)
    X, y, weights = data(loss)
    copy = pickle.loads(pickle.dumps(net))
    assert copy.loss == loss
    assert copy.J(X, y, sample_weight=weights) == net.J(X, y, sample_weight=weights)


@every_loss
def test_members_are_networks_trained_alone(loss, dtype):
    """One after the other, to the bit, and in the lanes of a vector, but for rounding."""
    X, y, weights = data(loss, dtype)
    for options, same in (({"optimizer": "adam"}, True), ({}, False)):
        given = {"learning_rate": 0.05, "epochs": 20, "sample_weight": weights, **options}
        shape = {"activation": ["tanh", output(loss)], "loss": loss, "dtype": dtype}
        population = nnlib.train_many([2, 4, 3], X, y, n=3, **shape, **given)
        for member in range(3):
            net = nnlib.Network([2, 4, 3], **shape, seed=member)
            net.descent(X, y, **given)
            if same:
                np.testing.assert_array_equal(population[member].parameters, net.parameters)
            else:
                assert_close(population[member].parameters, net.parameters, terms=N, depth=40)
            assert population[member].loss == loss


def test_a_checkpoint_is_of_one_setting(tmp_path):
    X, y, _ = data(losses.Quantile(0.9))
    given = {"epochs": 5, "checkpoint": tmp_path / "descent"}
    network(losses.Quantile(0.9)).descent(X, y, **given)
    network(losses.Quantile(0.9)).descent(X, y, **given, resume=True)
    with pytest.raises(ValueError, match="network"):
        network(losses.Quantile(0.8)).descent(X, y, **given, resume=True)
