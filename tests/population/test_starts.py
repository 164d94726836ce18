"""The seeded starts of a population, and ``python -m nnlib starts``."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest
from matplotlib import image

import nnlib
from nnlib.__main__ import main
from nnlib.commands import starts as starts_figure
from nnlib.model.initializers import INITIALIZERS
from nnlib.population.starts import starts
from tests import reference

SEEDS = [0, 1, 7, 2**31 - 1, 2**32, 2**32 + 5, 2**63, 2**64 - 1]


@pytest.mark.parametrize("initializer", [None, *INITIALIZERS])
@pytest.mark.parametrize("sizes", [[1, 2, 1], [5, 7, 3], [5, 9, 3]], ids=str)
@pytest.mark.parametrize("seeds", [SEEDS, SEEDS[:-2], [3]], ids=["all", "below 2⁶³", "one"])
def test_starts_are_those_of_the_networks(initializer, sizes, seeds, dtype):
    names = ["relu", "tanh"]
    template = nnlib.Network(sizes, names, dtype=dtype)
    parameters, generators = starts(template, initializer, seeds)
    for row, seed in enumerate(seeds):
        net = nnlib.Network(sizes, names, dtype=dtype, seed=seed, initializer=initializer)
        np.testing.assert_array_equal(parameters[row], net.parameters)
        np.testing.assert_array_equal(generators[row], net._generator)


def test_many_seeds_are_drawn_in_parts(monkeypatch):
    seeds = list(range(3, 40))
    whole = starts(nnlib.Network([1, 2, 1]), None, seeds)
    monkeypatch.setattr("nnlib.population.starts._TOGETHER", 5)
    for expected, found in zip(whole, starts(nnlib.Network([1, 2, 1]), None, seeds), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_with_another_numpy_every_seed_is_drawn_alone(monkeypatch):
    """A sample that differs is believed."""
    monkeypatch.setattr(
        "nnlib.population.starts.doubles", lambda state, count: np.zeros((state.shape[1], count))
    )
    parameters, _ = starts(nnlib.Network([1, 2, 1]), None, [1, 2])
    np.testing.assert_array_equal(parameters[1], nnlib.Network([1, 2, 1], seed=2).parameters)


def test_starts_from_given_arrays():
    pairs = [([[1.0], [2.0]], [3.0, 4.0]), ([[5.0, 6.0]], [7.0])]
    parameters, _ = starts(nnlib.Network([1, 2, 1]), pairs, [3, 4])
    assert parameters.tolist() == [[1, 2, 3, 4, 5, 6, 7]] * 2


@pytest.fixture
def few(monkeypatch):
    """Fewer starts than a user gets."""
    monkeypatch.setattr(starts_figure, "STARTS", 150)


@pytest.mark.cpu("command")
def test_prints_the_costs_and_draws(few, tmp_path, capsys):
    figure = tmp_path / "starts.png"
    assert main(["starts", "--figure", str(figure)]) == 0
    output = capsys.readouterr().out
    assert "150 seeded starts, 1000 epochs" in output
    lecture = float(re.search(r"lecture's start +([\d.]+)", output)[1])
    ((expected, spread),) = [(J, s) for epoch, J, s in reference.EXERCISE_COSTS if epoch == 1000]
    assert lecture == pytest.approx(expected, abs=spread)
    best, ratio = map(
        float, re.search(r"the best start +([\d.]+) +([\d.]+) times", output).groups()
    )
    assert ratio == pytest.approx(lecture / best, abs=0.01)
    X, y = nnlib.course.exercise_data()
    population = nnlib.train_many([1, 2, 1], X, y, n=150, learning_rate=0.1, reduction="sum")
    assert best == pytest.approx(population.cost.min(), abs=1e-5)
    assert image.imread(figure).shape[2] == 4


@pytest.mark.cpu("command")
def test_the_same_numbers_give_the_same_svg(few, tmp_path):
    figures = [tmp_path / f"{name}.svg" for name in "ab"]
    for figure in figures:
        assert main(["starts", "--figure", str(figure)]) == 0
    assert figures[0].read_bytes() == figures[1].read_bytes()


@pytest.mark.cpu("command")
def test_no_figure_without_matplotlib(few, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["starts", "--figure", str(tmp_path / "starts.png")]) == 0
    assert "no figure: drawing needs matplotlib" in capsys.readouterr().out
