"""The convolution of images: every filter is a small dense layer on each window.

z[r, c, f] = b[f] + Σ_{k, l, i} w[f, k, l, i] a[r·s − top + k·d, c·s − left + l·d, i], with the
weights (filters, kernel_height, kernel_width, channels / groups), then the bias (filters,) if there
is one. The filters of a group read its channels alone.

Nothing is copied: `taps` reads the rows of a window where they lie. Blocks of a single sample have
loops of their own, along the channels in place of the lanes.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.jit import Vector, kernel
from ..compile.memory import window
from ..formulas import activations
from ..products.taps import (
    MOST_INPUTS,
    Grid,
    Taps,
    channel_products,
    channel_sums,
    tap_products,
    tap_sums,
)
from ..products.tiles import FROM_START, FROM_ZERO
from .dense import lane_sum
from .dense_single import add_multiple
from .operations import CONVOLUTION, SIZE, Layer, Row
from .windows import Span, Windows, inside, readers, windows_of, with_windows

# Of the input and of δ that a gradient goes over for all weights: an eighth of a cache of the
# second level, from where products of 4 × 6 rows are not much slower.
STRIP_BYTES = 2**17


class Sums(NamedTuple):
    """Weights of a kernel's row, and the windows that their gradient is summed up over."""

    k: int  # the kernel's row
    m: int  # column of the first of the weights
    weights: int  # how many columns: 1, or all
    rows: Span
    columns: Span


def row(
    windows: Windows, biased: bool, activation: int, parameters: int, output: int, source: int
) -> Row:
    """Table row; its weights have a row for each filter, then come the biases, if biased."""
    row_weights = windows.kernel_height * windows.kernel_width * windows.channels // windows.groups
    pixels = windows.output_height * windows.output_width
    weights, units = windows.filters * row_weights, pixels * windows.filters
    workspace = output + units if activations.of(activation).needs_workspace else output
    own = Row(
        kind=CONVOLUTION, activation=activation,
        d_in=windows.height * windows.width * windows.channels, d_out=units,
        parameters=parameters, size=weights + (windows.filters if biased else 0), decayed=weights,
        output=output, workspace=workspace, wide=0, sample_major=0, keep=0,
        weight_rows=windows.filters, row_weights=row_weights, source=source,
        work=pixels * weights, learns=1,
    )  # fmt: skip
    return with_windows(own, windows)


@kernel
def forward(layer: Layer) -> None:
    """z ← w ∗ a + b; z (d_out, lanes) is written, a is (d_in, lanes)."""
    own, lanes = windows_of(layer.row), layer.lanes
    filters, channels = own.filters // own.groups, own.channels // own.groups
    row_weights = own.kernel_height * own.kernel_width * channels
    weights = weight_count(own)
    biased = layer.row[SIZE] > weights
    bias = window(layer.parameters, weights, own.filters if biased else 0)
    # The pixels of a window's row are one run where none is left out, and all channels are read.
    joined = own.groups == 1 and own.dilation_width == 1
    depthwise = _depthwise(own, lanes)
    begin = FROM_START if biased else FROM_ZERO
    for r in range(own.output_height):
        top = r * own.stride_height - own.top
        rows = inside(top, own.dilation_height, own.kernel_height, own.height)
        for c in range(own.output_width):
            left = c * own.stride_width - own.left
            columns = inside(left, own.dilation_width, own.kernel_width, own.width)
            y = top + rows.first * own.dilation_height
            x = left + columns.first * own.dilation_width
            taps = Taps(
                outputs=own.groups if depthwise else filters,
                weight_output=row_weights,
                rows=rows.length,
                row=own.dilation_height * own.width * own.channels,
                weight_row=own.kernel_width * channels,
                columns=1 if joined else columns.length,
                column=own.dilation_width * own.channels,
                weight_column=channels,
                run=columns.length * channels if joined else channels,
                weight_run=1,
                lanes=lanes,
                begin=begin,
            )
            weight_place = (rows.first * own.kernel_width + columns.first) * channels
            for g in range(1 if depthwise else own.groups):
                unit = (r * own.output_width + c) * own.filters + g * filters
                source = (y * own.width + x) * own.channels + g * channels
                weight = window(
                    layer.parameters, g * filters * row_weights + weight_place, row_weights
                )
                out = window(layer.a_out, unit * lanes, taps.outputs * lanes)
                a = window(layer.a_in, source * lanes, channels * lanes)
                start = window(bias, g * filters if biased else 0, taps.outputs)
                if lanes == 1:
                    _sums_of_one(out, weight, a, start, taps)
                elif depthwise:
                    channel_sums(out, weight, a, start, taps)
                else:
                    tap_sums(out, weight, a, start, taps)


@kernel
def weight_count(own: Windows) -> int:
    """How many weights come before the biases, also where a shared row has none that decay."""
    return own.filters * own.kernel_height * own.kernel_width * (own.channels // own.groups)


@kernel
def _depthwise(own: Windows, lanes: int) -> bool:
    """Whether every filter reads a channel of its own, so that sums of many go side by side.

    Loops of a single lane take a group at a time.
    """
    return own.groups > 1 and own.groups == own.channels == own.filters and lanes > 1


@kernel
def _sums_of_one(out: Vector, weight: Vector, a: Vector, start: Vector, taps: Taps) -> None:
    """`tap_sums` for a single lane."""
    for j in range(taps.outputs):
        total = start[j] if taps.begin == FROM_START else out.dtype.type(0)
        for p in range(taps.rows):
            for q in range(taps.columns):
                place = j * taps.weight_output + p * taps.weight_row + q * taps.weight_column
                terms = window(weight, place, taps.run)
                values = window(a, p * taps.row + q * taps.column, taps.run)
                for i in range(taps.run):
                    total += terms[i] * values[i]
        out[j] = total


@kernel
def delta(layer: Layer) -> None:
    """δ_in ← the sum over all windows that read a pixel; delta_in (d_in, lanes) is written."""
    if layer.lanes == 1:
        _delta_of_one(layer)
        return
    own, lanes = windows_of(layer.row), layer.lanes
    filters, channels = own.filters // own.groups, own.channels // own.groups
    row_weights = own.kernel_height * own.kernel_width * channels
    depthwise = _depthwise(own, lanes)
    for y in range(own.height):
        place = y + own.top
        rows = readers(
            place, own.stride_height, own.dilation_height, own.kernel_height, own.output_height
        )
        r = (place - rows.first * own.dilation_height) // own.stride_height
        for x in range(own.width):
            place = x + own.left
            columns = readers(
                place, own.stride_width, own.dilation_width, own.kernel_width, own.output_width
            )
            c = (place - columns.first * own.dilation_width) // own.stride_width
            taps = Taps(
                outputs=own.groups if depthwise else channels,
                weight_output=row_weights if depthwise else 1,
                rows=rows.length,
                row=-own.dilation_height * own.output_width * own.filters,
                weight_row=own.stride_height * own.kernel_width * channels,
                columns=columns.length,
                column=-own.dilation_width * own.filters,
                weight_column=own.stride_width * channels,
                run=filters,
                weight_run=row_weights,
                lanes=lanes,
                begin=FROM_ZERO,
            )
            weight_place = (rows.first * own.kernel_width + columns.first) * channels
            for g in range(1 if depthwise else own.groups):
                unit = (y * own.width + x) * own.channels + g * channels
                source = (r * own.output_width + c) * own.filters + g * filters
                weight = window(
                    layer.parameters, g * filters * row_weights + weight_place, row_weights
                )
                out = window(layer.delta_in, unit * lanes, taps.outputs * lanes)
                values = window(layer.delta_out, source * lanes, filters * lanes)
                if depthwise:
                    channel_sums(out, weight, values, weight, taps)
                else:
                    tap_sums(out, weight, values, weight, taps)


@kernel
def _delta_of_one(layer: Layer) -> None:
    """`delta` for a single lane: every window gives to the pixels that it reads."""
    own = windows_of(layer.row)
    for i in range(layer.delta_in.size):
        layer.delta_in[i] = 0
    channels = own.channels // own.groups
    for r in range(own.output_height):
        top = r * own.stride_height - own.top
        rows = inside(top, own.dilation_height, own.kernel_height, own.height)
        for c in range(own.output_width):
            left = c * own.stride_width - own.left
            columns = inside(left, own.dilation_width, own.kernel_width, own.width)
            for f in range(own.filters):
                d = layer.delta_out[(r * own.output_width + c) * own.filters + f]
                first = f // (own.filters // own.groups) * channels
                for k in range(rows.first, rows.first + rows.length):
                    y = top + k * own.dilation_height
                    for m in range(columns.first, columns.first + columns.length):
                        x = left + m * own.dilation_width
                        place = ((f * own.kernel_height + k) * own.kernel_width + m) * channels
                        unit = (y * own.width + x) * own.channels + first
                        add_multiple(
                            window(layer.delta_in, unit, channels), d,
                            window(layer.parameters, place, channels),
                        )  # fmt: skip


@kernel
def gradient(layer: Layer) -> None:
    """∇w ← Σ δ_out a over all windows and samples, ∇b ← Σ δ_out; added if `accumulate`."""
    own, lanes = windows_of(layer.row), layer.lanes
    strip = _strip_rows(own, lanes * layer.delta_out.itemsize)
    whole = _whole_windows(own, lanes)
    joined = own.kernel_width if whole.length else 1
    for begin in range(0, own.output_height, strip):
        end = min(begin + strip, own.output_height)
        accumulate = layer.accumulate or begin > 0
        for k in range(own.kernel_height):
            rows = _rows_that_read(own, k, begin, end)
            for m in range(0, own.kernel_width, joined):
                columns = whole if whole.length else _columns_that_read(own, m)
                _add_sums(layer, Sums(k, m, joined, rows, columns), accumulate)
    if whole.length and whole.length < own.output_width:
        _border_gradient(layer, whole)
    weights = weight_count(own)
    if layer.row[SIZE] > weights:
        bias = window(layer.gradient, weights, own.filters)
        bias_gradient(bias, layer.delta_out, lanes, layer.accumulate)


@kernel
def _rows_that_read(own: Windows, k: int, begin: int, end: int) -> Span:
    """The rows of windows in [begin, end) whose row k lies in the image."""
    start = k * own.dilation_height - own.top
    rows = inside(start, own.stride_height, own.output_height, own.height)
    first = max(rows.first, begin)
    return Span(first, max(min(rows.first + rows.length, end) - first, 0))


@kernel
def _columns_that_read(own: Windows, m: int) -> Span:
    """The columns of windows whose column m lies in the image."""
    start = m * own.dilation_width - own.left
    return inside(start, own.stride_width, own.output_width, own.width)


@kernel
def _border_gradient(layer: Layer, whole: Span) -> None:
    """∇w += the sums over the windows beside the whole ones, each weight by itself."""
    own = windows_of(layer.row)
    end = whole.first + whole.length
    for k in range(own.kernel_height):
        rows = _rows_that_read(own, k, 0, own.output_height)
        for m in range(own.kernel_width):
            columns = _columns_that_read(own, m)
            last = columns.first + columns.length
            for first, after in ((columns.first, whole.first), (end, last)):
                if first < after:
                    _add_sums(layer, Sums(k, m, 1, rows, Span(first, after - first)), True)


@kernel
def _strip_rows(own: Windows, unit_bytes: int) -> int:
    """Rows of the output that are summed up before the next weights are: they stay in the cache."""
    units = own.width * own.channels * own.stride_height + own.output_width * own.filters
    return max(1, STRIP_BYTES // (units * unit_bytes))


@kernel
def _whole_windows(own: Windows, lanes: int) -> Span:
    """The windows of a row that meet no border, if the weights of a kernel's row have units at
    equal distances and are better summed up together; else none.

    They are where there is no border at all, and where a tile has more rows than there are
    channels. Loops of a single lane take adjacent units.
    """
    channels = own.channels // own.groups
    adjacent = own.groups == 1 and own.dilation_width == 1
    if not (adjacent or (channels == 1 and lanes > 1)):
        return Span(0, 0)
    first = -(-own.left // own.stride_width)
    reach = (own.kernel_width - 1) * own.dilation_width
    last = min((own.width - 1 - reach + own.left) // own.stride_width, own.output_width - 1)
    count = max(last - first + 1, 0)
    return Span(first, count if count == own.output_width or channels < MOST_INPUTS else 0)


@kernel
def _add_sums(layer: Layer, sums: Sums, accumulate: bool) -> None:
    """Their part of ∇w, of all filters and channels; added if `accumulate`."""
    own, lanes = windows_of(layer.row), layer.lanes
    filters, channels = own.filters // own.groups, own.channels // own.groups
    row_weights = own.kernel_height * own.kernel_width * channels
    r, c = sums.rows.first, sums.columns.first
    y = r * own.stride_height + sums.k * own.dilation_height - own.top
    x = c * own.stride_width + sums.m * own.dilation_width - own.left
    depthwise = _depthwise(own, lanes)
    grid = Grid(
        outputs=own.groups if depthwise else filters,
        weight_output=row_weights,
        inputs=sums.weights * channels,
        input=own.dilation_width * own.channels if channels == 1 else 1,
        rows=sums.rows.length,
        delta_row=own.output_width * own.filters,
        row=own.stride_height * own.width * own.channels,
        columns=sums.columns.length,
        delta_column=own.filters,
        column=own.stride_width * own.channels,
        lanes=lanes,
    )
    for g in range(1 if depthwise else own.groups):
        unit = (r * own.output_width + c) * own.filters + g * filters
        source = (y * own.width + x) * own.channels + g * channels
        place = g * filters * row_weights + (sums.k * own.kernel_width + sums.m) * channels
        weight = window(layer.gradient, place, row_weights)
        values = window(layer.a_in, source * lanes, channels * lanes)
        delta_out = window(layer.delta_out, unit * lanes, filters * lanes)
        if lanes == 1:
            _products_of_one(weight, delta_out, values, accumulate, grid)
        elif depthwise:
            channel_products(weight, delta_out, values, accumulate, grid)
        else:
            tap_products(weight, delta_out, values, accumulate, grid)


@kernel
def _products_of_one(
    weight: Vector, delta_out: Vector, values: Vector, accumulate: bool, grid: Grid
) -> None:
    """`tap_products` for a single lane."""
    for j in range(grid.outputs):
        total = window(weight, j * grid.weight_output, grid.inputs)
        if not accumulate:
            for i in range(grid.inputs):
                total[i] = 0
        for p in range(grid.rows):
            for q in range(grid.columns):
                d = delta_out[p * grid.delta_row + q * grid.delta_column + j]
                a = window(values, p * grid.row + q * grid.column, grid.inputs)
                add_multiple(total, d, a)


@kernel
def bias_gradient(bias: Vector, delta_out: Vector, lanes: int, accumulate: bool) -> None:
    """∇b_f ← Σ δ of the filter over all windows and samples, added if `accumulate`."""
    filters = bias.size
    if not accumulate:
        for f in range(filters):
            bias[f] = 0
    for pixel in range(delta_out.size // (filters * lanes)):
        for f in range(filters):
            bias[f] += lane_sum(window(delta_out, (pixel * filters + f) * lanes, lanes))
