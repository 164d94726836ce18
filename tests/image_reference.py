"""Convolution and pooling of one image in naive float64 NumPy: loops over windows and pixels.

Images are (…, channels), with one axis or two before the channels. Padding is as Keras describes
it: "same" gives ⌈size / stride⌉ windows, and of an odd padding the larger half is behind the image.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np


class Windows(NamedTuple):
    """Sizes along each axis."""

    kernel: tuple
    strides: tuple
    padding: str
    dilation: tuple | None = None  # None: 1 along each axis
    groups: int = 1
    maximum: bool = True  # of pooling: else the mean


def along(size, kernel, stride, padding, dilation):
    """For each window along one axis: the pixels of it, and where they lie in the image."""
    extent = (kernel - 1) * dilation + 1
    if padding == "valid":
        count, before = (size - extent) // stride + 1, 0
    else:
        count = math.ceil(size / stride)
        before = max((count - 1) * stride + extent - size, 0) // 2
    places = [
        [(k, o * stride - before + k * dilation) for k in range(kernel)] for o in range(count)
    ]
    return [[(k, place) for k, place in one if 0 <= place < size] for one in places]


def windows_of(shape, windows):
    """For each window: its place in the output, and pairs of a pixel of it and its place."""
    image = shape[:-1]
    dilation = windows.dilation or (1,) * len(image)
    axes = [
        along(size, k, s, windows.padding, d)
        for size, k, s, d in zip(image, windows.kernel, windows.strides, dilation, strict=True)
    ]
    for output in itertools.product(*(range(len(axis)) for axis in axes)):
        found = [axis[o] for axis, o in zip(axes, output, strict=True)]
        pairs = [tuple(zip(*one, strict=True)) for one in itertools.product(*found)]
        yield output, pairs


def output_image(shape, windows):
    """The output's shape without its channels."""
    last = max(output for output, _ in windows_of(shape, windows))
    return tuple(o + 1 for o in last)


def channel_groups(x, w, windows):
    """For each filter the channels that it reads."""
    channels = x.shape[-1] // windows.groups
    filters = len(w) // windows.groups
    return [slice(f // filters * channels, (f // filters + 1) * channels) for f in range(len(w))]


def convolve(x, w, b, windows):
    """z[o, f] = b[f] + Σ_k w[f, k] · x[o s + k d − padding]."""
    z = np.zeros((*output_image(x.shape, windows), len(w)))
    z += 0.0 if b is None else b
    for f, own in enumerate(channel_groups(x, w, windows)):
        for output, pairs in windows_of(x.shape, windows):
            z[(*output, f)] += sum(w[(f, *k)] @ x[place][own] for k, place in pairs)
    return z


def convolve_back(x, w, delta, windows):
    """δ_in, ∇w and ∇b for the δ of z."""
    delta_in, weight = np.zeros_like(x), np.zeros_like(w)
    for f, own in enumerate(channel_groups(x, w, windows)):
        for output, pairs in windows_of(x.shape, windows):
            for k, place in pairs:
                delta_in[place][own] += delta[(*output, f)] * w[(f, *k)]
                weight[(f, *k)] += delta[(*output, f)] * x[place][own]
    return delta_in, weight, delta.reshape(-1, len(w)).sum(axis=0)


def pool(x, windows):
    """The largest value of each channel in every window, or the mean of those in the image."""
    z = np.zeros((*output_image(x.shape, windows), x.shape[-1]))
    for output, pairs in windows_of(x.shape, windows):
        values = np.array([x[place] for _, place in pairs])
        z[output] = values.max(axis=0) if windows.maximum else values.mean(axis=0)
    return z


def pool_back(x, delta, windows):
    """δ_in: that of a maximum belongs to the first pixel that has it."""
    delta_in = np.zeros_like(x)
    for output, pairs in windows_of(x.shape, windows):
        values = np.array([x[place] for _, place in pairs])
        for number, (_, place) in enumerate(pairs):
            if windows.maximum:
                delta_in[place] += np.where(values.argmax(axis=0) == number, delta[output], 0.0)
            else:
                delta_in[place] += delta[output] / len(pairs)
    return delta_in


def pool_gap(x, windows):
    """The smallest distance of a maximum from another value of its window; ∞ for a mean."""
    gaps = [np.inf]
    for _, pairs in windows_of(x.shape, windows) if windows.maximum else ():
        values = np.array([x[place] for _, place in pairs])
        apart = values.max(axis=0) - values
        gaps.append(np.min(apart, where=apart > 0, initial=np.inf))
    return min(gaps)
