"""The lecture's figure: red and blue points and the curve F."""

from __future__ import annotations

import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_rgba

import nnlib


@pytest.fixture(autouse=True)
def no_screen():
    """Draw into memory, and close what was drawn."""
    with mpl.rc_context():
        mpl.use("Agg")
        yield
        pyplot.close("all")


@pytest.fixture
def net(exercise_start):
    """The lecture's network."""
    return nnlib.Network([1, 2, 1], initializer=exercise_start)


def points_of(axes, color):
    """The dots of one colour as an array (n, 2)."""
    (dots,) = [c for c in axes.collections if tuple(c.get_facecolor()[0]) == to_rgba(color)]
    return np.array(dots.get_offsets())


def test_dots_are_red_above_and_blue_below(net, exercise_data):
    X, y = exercise_data
    axes = net.show(X, y)
    np.testing.assert_array_equal(points_of(axes, "tab:red"), np.column_stack([X, y])[y == 1])
    np.testing.assert_array_equal(points_of(axes, "tab:blue"), np.column_stack([X, y])[y == 0.2])


def test_curve_is_F_over_and_beyond_the_data(net, exercise_data):
    (curve,) = net.show(*exercise_data).lines
    x, F = curve.get_data()
    np.testing.assert_array_equal(F, net.F(x))
    # The lecture draws data from 0 to 7.9 on [−3, 12].
    assert x.min() == pytest.approx(-3, abs=0.5)
    assert x.max() == pytest.approx(11, abs=1)


def test_draws_on_the_given_axes(net, exercise_data):
    axes = pyplot.figure().subplots()
    assert net.show(*exercise_data, ax=axes) is axes


def test_takes_pairs(net, exercise_data):
    axes = net.show(list(zip(*exercise_data, strict=True)))
    assert len(points_of(axes, "tab:red")) == 20


def test_one_point_has_a_curve_too(net):
    (curve,) = net.show([2.0], [0.5]).lines
    assert np.ptp(curve.get_xdata()) > 0


@pytest.mark.parametrize("sizes", [[2, 1], [1, 2]], ids=str)
def test_refuses_more_than_one_input_or_output(sizes):
    with pytest.raises(ValueError, match=rf"one input and one output.*\[{sizes[0]}, {sizes[1]}\]"):
        nnlib.Network(sizes).show([0.0], [0.0])


def test_checks_its_data(net):
    with pytest.raises(ValueError, match=r"^X holds nan"):
        net.show([0.0, np.nan], [0.0, 1.0])


def test_says_what_to_install_without_matplotlib(net, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        net.show([0.0], [0.0])


@pytest.mark.parametrize("ax", [3, "axes", object, [1]], ids=repr)
def test_refuses_what_are_no_axes(net, ax):
    history = net.descent([0.0, 1.0], [0.0, 1.0], epochs=2)
    for draw in (lambda: net.show([0.0], [0.0], ax=ax), lambda: history.plot(ax=ax)):
        with pytest.raises(TypeError, match=r"^ax must be axes of matplotlib"):
            draw()


@pytest.mark.parametrize("epochs", [1, 2, 7, 300])
def test_ticks_of_epochs_are_whole_numbers(net, exercise_data, epochs):
    history = net.descent(*exercise_data, epochs=epochs)
    ticks = history.plot().get_xticks()
    assert len(ticks) >= 2
    np.testing.assert_array_equal(ticks, ticks.round())


@pytest.mark.parametrize("epochs", [1, 2])
def test_the_cost_of_a_single_epoch_is_a_dot(epochs):
    """A line through one point would show nothing."""
    net = nnlib.Network([1, 1])
    history = net.descent([0.0, 1.0], [0.0, 1.0], epochs=epochs, validation=([0.5], [0.5]))
    markers = [line.get_marker() for line in history.plot().get_lines()[:2]]
    assert markers == (["o", "o"] if epochs == 1 else ["", ""])
