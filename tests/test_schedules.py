"""Learning-rate schedules against PyTorch's and their formulas."""

from __future__ import annotations

import re

import numpy as np
import pytest

from nnlib import schedules as s

pytestmark = pytest.mark.cpu("host")


def torch_rates(name, epochs, **options):
    torch = pytest.importorskip("torch")
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.8)
    schedule = getattr(torch.optim.lr_scheduler, name)(optimizer, **options)
    rates = []
    for epoch in range(epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if epoch < epochs - 1:
            schedule.step()
    return rates


@pytest.mark.parametrize(
    ("schedule", "name", "options"),
    [
        (s.Step(0.8, 3, 0.5), "StepLR", {"step_size": 3, "gamma": 0.5}),
        (s.Exponential(0.8, 0.9), "ExponentialLR", {"gamma": 0.9}),
        (s.Cosine(0.8, 0.1), "CosineAnnealingLR", {"T_max": 20, "eta_min": 0.1}),
        (s.OneCycle(0.8), "OneCycleLR", {"max_lr": 0.8, "total_steps": 20}),
        (s.Constant(0.8), "ConstantLR", {"factor": 1.0}),
    ],
)
def test_rates_are_those_of_torch(schedule, name, options):
    np.testing.assert_allclose(schedule.rates(20), torch_rates(name, 20, **options), rtol=1e-12)


def test_inverse_scaling():
    np.testing.assert_allclose(s.InverseScaling(0.8, 0.5).rates(3), 0.8 / np.sqrt([1, 2, 3]))


def test_one_cycle_ends_where_it_says():
    rates = s.OneCycle(2.0, rise=0.25, divide=10, divide_end=100).rates(40)
    assert rates[0] == pytest.approx(0.2)
    assert rates.max() == pytest.approx(2.0, rel=0.01)
    assert np.argmax(rates) == 9
    assert rates[-1] == pytest.approx(0.002)


def test_warm_up_rises_to_the_next_schedule():
    rates = s.WarmUp(4, s.Cosine(1.0)).rates(10)
    np.testing.assert_allclose(rates[:4], [0.2, 0.4, 0.6, 0.8])
    np.testing.assert_allclose(rates[4:], s.Cosine(1.0).rates(6))


@pytest.mark.parametrize(
    "schedule",
    [
        s.Constant(0.1), s.Step(0.1, 2), s.Exponential(0.1, 0.9), s.InverseScaling(0.1),
        s.Cosine(0.1), s.WarmUp(5, 0.1), s.OneCycle(0.1), s.ReduceOnPlateau(0.1),
    ],
)  # fmt: skip
@pytest.mark.parametrize("epochs", [0, 1, 2, 3, 17])
def test_any_number_of_epochs(schedule, epochs):
    rates = schedule.rates(epochs)
    assert rates.shape == (epochs,)
    assert np.isfinite(rates).all()
    assert (rates > 0).all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: s.Constant(0), ["rate", "0"]),
        (lambda: s.Step(0.1, 0), ["every", "0", "at least 1"]),
        (lambda: s.Exponential(0.1, -1), ["factor", "-1"]),
        (lambda: s.Cosine(float("inf")), ["rate", "inf"]),
        (lambda: s.OneCycle(0.1, rise=1.5), ["rise", "1.5"]),
        (lambda: s.ReduceOnPlateau(0.1, factor=2), ["factor", "2", "between 0 and 1"]),
        (lambda: s.WarmUp(2, -0.1), ["then", "-0.1"]),
    ],
)
def test_settings_are_checked(make, words):
    with pytest.raises(ValueError, match=".*".join(map(re.escape, words))):
        make()
