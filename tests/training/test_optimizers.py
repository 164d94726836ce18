"""Every optimizer against PyTorch's, step by step, or against what PyTorch gave when recorded.

``python -m tests.training.test_optimizers`` with torch installed records again.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import nnlib
from nnlib import optimizers
from tests.devices import amount
from tests.second_order.full_batches import METHODS

RECORDED = Path(__file__).with_name("recorded_optimizers.json")
STEPS = 20
SIZES = [3, 4, 2]

# name: (our optimizer, learning rate, options of the descent)
CASES = {
    "sgd": ("sgd", 0.5, {}),
    "sgd, weight decay": ("sgd", 0.5, {"weight_decay": 0.1}),
    "sgd, l1": ("sgd", 0.5, {"l1": 0.05}),
    "sgd, clip_norm": ("sgd", 0.5, {"clip_norm": 0.05}),
    "sgd, clip_value": ("sgd", 0.5, {"clip_value": 0.02}),
    "momentum": ("momentum", 0.2, {}),
    "momentum, weight decay": (optimizers.Momentum(0.7), 0.2, {"weight_decay": 0.1}),
    "nesterov": ("nesterov", 0.2, {}),
    "rmsprop": ("rmsprop", 0.01, {}),
    "adagrad": ("adagrad", 0.1, {}),
    "adam": ("adam", 0.05, {}),
    "adam, own settings": (optimizers.Adam(0.8, 0.9, 1e-4), 0.05, {"weight_decay": 0.1}),
    "adamw": (optimizers.AdamW(weight_decay=0.3), 0.05, {}),
    "rprop": ("rprop", 0.05, {}),
}


def problem():
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(10, 3)), rng.uniform(0.1, 0.9, size=(10, 2))
    return X, y, nnlib.Network(SIZES, ["tanh", "sigmoid"], seed=3)


def trajectory(name):
    """Parameters after each of the steps."""
    optimizer, rate, options = CASES[name]
    X, y, net = problem()
    points = []
    for step in range(STEPS):
        net.descent(
            X, y, optimizer=optimizer, learning_rate=rate, epochs=1, partial=step > 0, **options
        )
        points.append(net.parameters.copy())
    return np.array(points)


def torch_trajectory(name):
    """The same by PyTorch, in float64."""
    import torch

    optimizer, rate, options = CASES[name]
    X, y, net = problem()
    weights = [torch.tensor(W, requires_grad=True) for W in net.weights]
    biases = [torch.tensor(b, requires_grad=True) for b in net.biases]
    groups = [
        {"params": weights, "weight_decay": options.get("weight_decay", 0.0)},
        {"params": biases, "weight_decay": 0.0},
    ]
    steps = torch.optim
    settings = optimizers.optimizer_from(optimizer)
    kind = settings.name
    if kind == "adamw":
        groups[0]["weight_decay"] = settings.weight_decay
        made = steps.AdamW(groups, rate, (settings.beta1, settings.beta2), settings.epsilon)
    elif kind == "adam":
        made = steps.Adam(groups, rate, (settings.beta1, settings.beta2), settings.epsilon)
    elif kind in ("sgd", "momentum", "nesterov"):
        momentum = getattr(settings, "momentum", 0.0)
        made = steps.SGD(groups, rate, momentum=momentum, nesterov=kind == "nesterov")
    elif kind == "rprop":
        made = steps.Rprop(weights + biases, rate)
    else:
        made = {"rmsprop": steps.RMSprop, "adagrad": steps.Adagrad}[kind](groups, rate)
    points = []
    for _ in range(STEPS):
        made.zero_grad()
        a = torch.tensor(X)
        for W, b, f in zip(weights, biases, (torch.tanh, torch.sigmoid), strict=True):
            a = f(a @ W.T + b)
        J = 0.5 * ((a - torch.tensor(y)) ** 2).sum() / len(X)
        J = J + options.get("l1", 0.0) * sum(W.abs().sum() for W in weights)
        J.backward()
        if "clip_value" in options:
            torch.nn.utils.clip_grad_value_(weights + biases, options["clip_value"])
        if "clip_norm" in options:
            torch.nn.utils.clip_grad_norm_(weights + biases, options["clip_norm"])
        made.step()
        parts = [
            p.detach().numpy().ravel() for pair in zip(weights, biases, strict=True) for p in pair
        ]
        points.append(np.concatenate(parts))
    return np.array(points)


@pytest.mark.parametrize("name", CASES)
def test_steps_are_those_of_torch(name):
    pytest.importorskip("torch")
    np.testing.assert_allclose(trajectory(name), torch_trajectory(name), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", CASES)
def test_steps_are_those_recorded(name):
    recorded = np.array(json.loads(RECORDED.read_text())[name])
    np.testing.assert_allclose(trajectory(name)[-1], recorded, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", CASES)
def test_steps_in_one_call_are_those_of_many(name):
    optimizer, rate, options = CASES[name]
    X, y, net = problem()
    net.descent(X, y, optimizer=optimizer, learning_rate=rate, epochs=STEPS, **options)
    np.testing.assert_array_equal(net.parameters, trajectory(name)[-1])


def test_max_norm_bounds_every_units_weights():
    X, y, net = problem()
    net.descent(X, y, learning_rate=2.0, epochs=50, max_norm=0.3)
    norms = np.concatenate([np.linalg.norm(W, axis=1) for W in net.weights])
    assert norms.max() <= 0.3 * (1 + 1e-12)
    assert (norms > 0.29).any()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: optimizers.Momentum(1.0), ["momentum", "1", "below 1"]),
        (lambda: optimizers.Adam(beta2=-0.1), ["beta2", "-0.1"]),
        (lambda: optimizers.RMSprop(epsilon=0), ["epsilon", "0"]),
        (lambda: optimizers.Rprop(grow=0.9), ["grow=0.9"]),
        (lambda: optimizers.AdamW(weight_decay=float("nan")), ["weight_decay", "nan"]),
    ],
)
def test_settings_are_checked(make, words):
    with pytest.raises(ValueError, match=".*".join(map(re.escape, words))):
        make()


def test_a_class_in_place_of_an_object_is_named():
    with pytest.raises(TypeError, match=r"class Adam, wanted Adam\(\)"):
        optimizers.optimizer_from(optimizers.Adam)


def test_an_unknown_name_offers_the_nearest():
    X, y, net = problem()
    with pytest.raises(ValueError, match="did you mean 'adam'"):
        net.descent(X, y, optimizer="adma")


def test_partial_needs_the_same_optimizer():
    X, y, net = problem()
    net.descent(X, y, optimizer="adam", epochs=1)
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=r"partial=True goes on with Adam.*Momentum"):
        net.descent(X, y, optimizer="momentum", epochs=1, partial=True)
    np.testing.assert_array_equal(net.parameters, before)


@pytest.mark.parametrize("optimizer", METHODS)
def test_optimizers_of_full_batches_are_options_of_the_descent(optimizer):
    X, y, net = problem()
    start = net.J(X, y)
    reports = []
    history = net.descent(X, y, optimizer=optimizer, epochs=amount(50, 20), callback=reports.append)
    assert history.J[0] == pytest.approx(start)
    assert net.J(X, y) == pytest.approx(history.cost)
    assert history.cost < 0.5 * start
    assert history.evaluations >= history.epochs
    assert reports[-1].epoch == history.epochs


@pytest.mark.large
def test_lbfgs_solves_the_exercise_from_the_lectures_start():
    system = nnlib.course.exercise()
    history = system.network.descent(system.X, system.y, optimizer="lbfgs", reduction="sum")
    assert history.cost < 0.01765


@pytest.mark.parametrize("optimizer", METHODS)
def test_time_limit_and_callback_stop_full_batches(optimizer):
    rng = np.random.default_rng(0)
    n, sizes = amount(3000, 30), [10, amount(40, 4), 1]
    X, y = rng.normal(size=(n, 10)), rng.normal(size=(n, 1))
    net = nnlib.Network(sizes, "tanh")
    history = net.descent(X, y, optimizer=optimizer, epochs=10**6, max_seconds=0.1)
    assert history.stopped == "max_seconds"
    history = net.descent(X, y, optimizer=optimizer, epochs=10**6, callback=lambda report: True)
    assert history.stopped == "callback"


@pytest.mark.parametrize("optimizer", METHODS)
def test_the_time_limit_waits_for_the_first_cost(optimizer, monkeypatch):
    """A slice may be a part of the first pass over the data, which alone tells the cost."""
    monkeypatch.setattr("nnlib.training.slices.SLICE_SECONDS", 1e-12)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(amount(3000, 30), 10)), rng.normal(size=amount(3000, 30))
    net = nnlib.Network([10, amount(40, 4), 1], "tanh", seed=0)
    start = net.J(X, y)
    history = net.descent(X, y, optimizer=optimizer, max_seconds=1e-9)
    assert (history.stopped, history.epochs, history.evaluations) == ("max_seconds", 0, 1)
    assert history.cost == pytest.approx(start)
    assert net.J(X, y) == start


def _record():
    RECORDED.write_text(
        json.dumps({name: torch_trajectory(name)[-1].tolist() for name in CASES}, indent=1) + "\n"
    )


if __name__ == "__main__":
    _record()
