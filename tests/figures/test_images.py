"""Filters and activations as pictures."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot

import nnlib
from nnlib import layers
from nnlib.figures.images import images_of_filters, images_of_values, mosaic

pytestmark = pytest.mark.cpu("graphs")


@pytest.fixture(autouse=True)
def no_screen():
    """Draw into memory, and close what was drawn."""
    with mpl.rc_context():
        mpl.use("Agg")
        yield
        pyplot.close("all")


def network():
    return nnlib.Network(
        [layers.Input((6, 5, 1)), layers.Rescaling(0.5), layers.Flatten(), layers.Dense(20, "relu"),
         layers.Dense(3, "softmax")],
        loss="softmax_cross_entropy",
    )  # fmt: skip


def pictures(figure):
    """The arrays that a figure's axes show, by their titles."""
    return {ax.get_title(): np.asarray(ax.images[0].get_array()) for ax in figure.axes}


def test_a_mosaic_has_every_image_in_its_place():
    images = np.arange(5 * 3 * 2.0).reshape(5, 3, 2)
    whole = mosaic(images, columns=3)
    assert whole.shape == (7, 8)
    np.testing.assert_array_equal(whole[:3, 3:5], images[1])
    np.testing.assert_array_equal(whole[4:, :2], images[3])
    assert np.isnan(whole[3]).all()
    assert np.isnan(whole[:, 2]).all()
    assert np.isnan(whole[4:, 6:]).all(), "there are five"


def test_an_image_for_each_filter_and_channel():
    weight = np.random.default_rng(0).normal(size=(4, 3, 2, 5))
    images = images_of_filters(weight)
    np.testing.assert_array_equal(images[1 * 5 + 3], weight[1, :, :, 3])


def test_an_image_for_each_channel():
    values = np.random.default_rng(0).normal(size=(4, 3, 5))
    np.testing.assert_array_equal(images_of_values(values)[2], values[..., 2])
    lines = np.random.default_rng(0).normal(size=(7, 2))
    np.testing.assert_array_equal(images_of_values(lines), lines.T[None])


def test_filters_of_a_dense_layer_on_an_image():
    net = network()
    ((title, whole),) = pictures(net.show_filters()).items()
    assert title == "dense: 20 of 6 × 5"
    weight = net.layers[2].weights["weight"].reshape(20, 6, 5)
    np.testing.assert_array_equal(whole[:6, 6:11], weight[1])
    np.testing.assert_array_equal(whole[7:13, :5], weight[16])


def test_activations_are_those_of_the_layers():
    net = network()
    image = np.random.default_rng(0).uniform(size=(6, 5, 1))
    found = pictures(net.show_activations(image))
    values = net.layer_outputs(image[None])
    titles = [f"{name} {array.shape[1:]}" for name, array in values.items()]
    assert list(found) == [titles[0], *titles[2:]], "without Flatten"
    np.testing.assert_array_equal(found["rescaling (6, 5, 1)"], 0.5 * image[..., 0])
    np.testing.assert_array_equal(found["dense (20,)"], values["dense"])
    again = pictures(net.show_activations(image[None]))
    np.testing.assert_array_equal(again["dense (20,)"], found["dense (20,)"])
    flat = pictures(net.show_activations(image[..., 0]))
    np.testing.assert_array_equal(flat["dense (20,)"], found["dense (20,)"])


def test_most_images_are_shown():
    net = nnlib.Network([layers.Input((4, 4, 1)), layers.Flatten(), layers.Dense(300)])
    (title,) = pictures(net.show_filters())
    assert title == "dense: 300 of 4 × 4, 172 more not shown"


def test_bad_input():
    with pytest.raises(ValueError, match="no layer of this network has them"):
        nnlib.Network([3, 2, 1]).show_filters()
    net = network()
    with pytest.raises(ValueError, match=r"shape \(2, 6, 5, 1\), wanted one example of shape"):
        net.show_activations(np.zeros((2, 6, 5, 1)))
    with pytest.raises(ValueError, match="shape"):
        net.show_activations(np.zeros((3, 3)))
