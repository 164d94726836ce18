"""Filters and activations as pictures: many small images side by side on one pair of axes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .curves import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[Any]

# Images in a line, and in all, of a layer.
_COLUMNS, _MOST = 16, 128
# Inches of a line of images, of the figure's width, and of a title.
_LINE, _WIDTH, _TITLE = 0.55, 9.0, 0.3


def images_of_filters(weight: Array) -> Array:
    """Filters (k, height, width, channels) as images (k · channels, height, width).

    >>> images_of_filters(np.zeros((6, 5, 3, 2))).shape
    (12, 5, 3)
    """
    k, height, width, channels = weight.shape
    return np.moveaxis(weight, 3, 1).reshape(k * channels, height, width)


def images_of_values(values: Array) -> Array:
    """What a layer gives for one example as images (k, height, width).

    A value (height, width, channels) is an image for each channel, (length, channels) a line for
    each channel, and one of a single axis one line.

    >>> images_of_values(np.zeros((5, 4, 3))).shape, images_of_values(np.zeros(7)).shape
    ((3, 5, 4), (1, 1, 7))
    """
    if values.ndim < 3:
        return values.T.reshape(1, -1, len(values))
    channels = values.reshape(*values.shape[:2], -1)
    return np.moveaxis(channels, 2, 0)


def mosaic(images: Array, columns: int) -> Array:
    """Images (k, height, width) in lines of so many, with one pixel of NaN between them.

    >>> mosaic(np.zeros((3, 2, 4)), columns=2).shape
    (5, 9)
    """
    k, height, width = images.shape
    lines = math.ceil(k / columns)
    across = min(k, columns)
    whole = np.full((lines * (height + 1) - 1, across * (width + 1) - 1), np.nan)
    for number, image in enumerate(images):
        line, column = divmod(number, columns)
        y, x = line * (height + 1), column * (width + 1)
        whole[y : y + height, x : x + width] = image
    return whole


def draw_images(images: Mapping[str, Array], *, signed: bool) -> Figure:
    """A figure with a pair of axes for each name, its images (k, height, width) side by side.

    Those that are `signed` go from blue by white, which is 0, to red, others from black to white.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    shown = {name: own[:_MOST] for name, own in images.items()}
    wholes = {name: mosaic(own, _columns(own)) for name, own in shown.items()}
    heights = [_height(own) for own in shown.values()]
    figure = new_figure(figsize=(_WIDTH, sum(heights) + _TITLE * len(heights)))
    axes = figure.subplots(len(heights), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
    for ax, (name, whole) in zip(axes[:, 0], wholes.items(), strict=True):
        limits: dict[str, Any] = {"cmap": "gray"}
        if signed:
            most = float(np.nanmax(np.abs(whole))) or 1.0
            limits = {"cmap": "RdBu_r", "vmin": -most, "vmax": most}
        ax.imshow(whole, interpolation="nearest", **limits)
        left_out = len(images[name]) - len(shown[name])
        ax.set_title(name + (f", {left_out} more not shown" if left_out else ""), fontsize=9)
        ax.set(xticks=[], yticks=[])  # within a frame: the largest values are as white as the page
    return figure


def _height(images: Array) -> float:
    """Inches for the images of a layer."""
    k, height, width = images.shape
    if width > 8 * height:
        return _LINE * max(0.5, float(k * height / 16))
    lines = math.ceil(k / _COLUMNS)
    return _LINE * max(float(lines * height / width), 2.0)


def _columns(images: Array) -> int:
    """Images in a line: few where they are wide."""
    k, height, width = images.shape
    return 1 if width > 8 * height else min(k, _COLUMNS)
