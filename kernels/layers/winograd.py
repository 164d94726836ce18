"""Convolutions of 3 × 3 by Winograd's algorithm, in float32: a quarter of the multiplications.

They compute what those of `convolution` do, with other rounding; `products.winograd` has the
algorithm and its errors. A group of tiles at a time is transformed into scratch, which stays in a
cache of the second level, multiplied there position by position, and transformed back.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.jit import Vector, kernel
from ..compile.memory import ask_early, stack_buffer, window
from ..products.taps import Grid, tap_products
from ..products.tiles import FROM_ZERO, VECTOR_BYTES, Product, weighted_sums
from ..products.winograd import (
    PATCH,
    POSITIONS,
    TAPS,
    TILE,
    Area,
    delta_products,
    patch_products,
    tile_outputs,
    transform_weights,
    weight_gradient,
)
from .convolution import bias_gradient, weight_count
from .operations import SIZE, Layer, Row
from .windows import Windows, windows_of

_VECTOR = VECTOR_BYTES // 4
# Channels and filters that are worth the transforms, and for which there is scratch. The lanes of a
# block of images are at most 64, see `network.cut.block_lanes`.
_FEWEST, _MOST, _MOST_PAIRS, _MOST_LANES = 8, 64, 1024, 64
# An image with fewer rows or columns has too few tiles for the transforms of the weights.
_SMALLEST = 8
# Scratch has room for so many channels, over all tiles of a group. A gradient wants larger groups:
# its sums over lanes are made once for each.
_GROUP, _GRADIENT_GROUP = 64, 128
# One more vector behind each position: their distance would be a multiple of 4 KiB, and all of
# them would share the same few lines of a first-level cache.
_GAP = 1
_PRODUCT_BYTES = POSITIONS * (_GROUP + _GAP) * VECTOR_BYTES
_GRADIENT_BYTES = POSITIONS * (_GRADIENT_GROUP + _GAP) * VECTOR_BYTES
_WEIGHT_BYTES = POSITIONS * _MOST_PAIRS * 4
_HALF_BYTES = PATCH * TAPS * _MOST * 4
_PIXEL_BYTES = _MOST * _MOST_LANES * 4
_BIAS_BYTES = _MOST * 4


class Image(NamedTuple):
    """One side of a convolution: the image on which its patches or tiles lie."""

    height: int
    width: int
    channels: int
    top: int  # rows of padding above the image
    left: int


class Squares(NamedTuple):
    """All patches and tiles of a block, each once for every vector of lanes."""

    across: int
    total: int
    lanes: int
    group: int  # how many are transformed and multiplied together


class Ahead(NamedTuple):
    """What the group after this one reads, and reads or writes."""

    source: Image
    inputs: Vector
    target: Image
    outputs: Vector
    squares: Squares
    begin: int


class Factors(NamedTuple):
    """Transformed weights: a position's are at output · output_stride + input · input_stride."""

    weights: Vector
    bias: Vector
    output_stride: int
    input_stride: int


def suits(row: Row) -> bool:
    """Whether a convolution in float32, of blocks with several samples, is better computed here."""
    own = windows_of.py_func(row)  # type: ignore[attr-defined]
    ones = (own.stride_height, own.stride_width, own.dilation_height, own.dilation_width)
    fewest, most = sorted((own.channels, own.filters))
    return (
        (own.kernel_height, own.kernel_width) == (TAPS, TAPS)
        and (*ones, own.groups) == (1, 1, 1, 1, 1)
        and max(own.top, own.left) < TAPS
        and min(own.output_height, own.output_width) >= _SMALLEST
        and fewest >= _FEWEST
        and most <= _MOST
        and own.channels * own.filters <= _MOST_PAIRS
    )


@kernel
def forward(layer: Layer) -> None:
    """z ← w ∗ a + b; z (d_out, lanes) is written, a is (d_in, lanes)."""
    own, out = windows_of(layer.row), layer.a_out
    weights, bias = stack_buffer(out, _WEIGHT_BYTES), stack_buffer(out, _BIAS_BYTES)
    set_weights(weights, layer.parameters, own, False)
    first = weight_count(own)
    for f in range(own.filters):
        bias[f] = layer.parameters[first + f] if layer.row[SIZE] > first else 0
    factors = Factors(weights, bias, own.channels, 1)
    convolve(out, layer.a_in, factors, inputs_of(own), outputs_of(own), layer.lanes)


@kernel
def delta(layer: Layer) -> None:
    """δ_in ← δ_out ∗ the kernel turned by 180°; delta_in (d_in, lanes) is written."""
    own, out = windows_of(layer.row), layer.delta_in
    weights, bias = stack_buffer(out, _WEIGHT_BYTES), stack_buffer(out, _BIAS_BYTES)
    set_weights(weights, layer.parameters, own, True)
    for c in range(own.channels):
        bias[c] = 0
    last = TAPS - 1
    source = Image(
        own.output_height, own.output_width, own.filters, last - own.top, last - own.left
    )
    target = Image(own.height, own.width, own.channels, 0, 0)
    convolve(out, layer.delta_out, Factors(weights, bias, 1, own.channels), source, target,
             layer.lanes)  # fmt: skip


@kernel
def gradient(layer: Layer) -> None:
    """∇w ← Σ δ_out a over all windows and samples, ∇b ← Σ δ_out; added if `accumulate`."""
    own = windows_of(layer.row)
    sums = stack_buffer(layer.gradient, _WEIGHT_BYTES)
    half = stack_buffer(layer.gradient, _HALF_BYTES)
    add_groups(sums, layer, own)
    run, pairs = TAPS * TAPS * own.channels, own.filters * own.channels
    for f in range(own.filters):
        weight_gradient(
            window(layer.gradient, f * run, run),
            window(sums, f * own.channels, sums.size - f * own.channels),
            half, pairs, layer.accumulate,
        )  # fmt: skip
    weights = weight_count(own)
    if layer.row[SIZE] > weights:
        bias = window(layer.gradient, weights, own.filters)
        bias_gradient(bias, layer.delta_out, layer.lanes, layer.accumulate)


@kernel
def set_weights(out: Vector, weights: Vector, own: Windows, turned: bool) -> None:
    """out[position, f, c] ← the transformed weights of all filters."""
    half = stack_buffer(out, _HALF_BYTES)
    run, pairs = TAPS * TAPS * own.channels, own.filters * own.channels
    for f in range(own.filters):
        part = window(out, f * own.channels, out.size - f * own.channels)
        transform_weights(part, window(weights, f * run, run), half, pairs, turned)


@kernel
def inputs_of(own: Windows) -> Image:
    """The image that windows read."""
    return Image(own.height, own.width, own.channels, own.top, own.left)


@kernel
def outputs_of(own: Windows) -> Image:
    """The image of their results."""
    return Image(own.output_height, own.output_width, own.filters, 0, 0)


@kernel
def squares_of(target: Image, channels: int, lanes: int, most: int) -> Squares:
    """The tiles of an image, in groups for which `most` channels of scratch are enough."""
    across, down = -(-target.width // TILE), -(-target.height // TILE)
    group = most // max(channels, target.channels)
    return Squares(across, across * down * (lanes // _VECTOR), lanes, group)


@kernel
def area_of(image: Image, squares: Squares, begin: int, k: int, group: int) -> Area:
    """The k-th square of a group that begins with this one, and its place in the scratch."""
    vectors, lanes = squares.lanes // _VECTOR, squares.lanes
    tile, vector = (begin + k) // vectors, (begin + k) % vectors
    y = tile // squares.across * TILE - image.top
    x = tile % squares.across * TILE - image.left
    column = image.channels * lanes
    return Area(
        origin=(y * image.width + x) * column + vector * _VECTOR,
        row=image.width * column,
        column=column,
        first_row=-y,
        last_row=image.height - y,
        first_column=-x,
        last_column=image.width - x,
        channels=image.channels,
        channel=lanes,
        place=k * _VECTOR,
        position=position_size(image.channels, group),
        product=group * _VECTOR,
    )


@kernel
def position_size(channels: int, group: int) -> int:
    """Elements of the scratch from a position to the next: (channels, group, vector) and a gap."""
    return (channels * group + _GAP) * _VECTOR


@kernel
def convolve(
    out: Vector, values: Vector, factors: Factors, source: Image, target: Image, lanes: int
) -> None:
    """out, an image like `target`, ← bias + the convolution of values, an image like `source`."""
    inputs, sums = stack_buffer(out, _PRODUCT_BYTES), stack_buffer(out, _PRODUCT_BYTES)
    zeros, unwanted = stack_buffer(out, _PIXEL_BYTES), stack_buffer(out, _PIXEL_BYTES)
    clear(zeros, source.channels * lanes)
    squares = squares_of(target, source.channels, lanes, _GROUP)
    for begin in range(0, squares.total, squares.group):
        group = min(squares.group, squares.total - begin)
        for k in range(group):
            patch_products(inputs, values, zeros, area_of(source, squares, begin, k, group))
        ahead = Ahead(source, values, target, out, squares, begin + group)
        multiply(sums, inputs, factors, (target.channels, source.channels, group), ahead)
        for k in range(group):
            area = area_of(target, squares, begin, k, group)
            tile_outputs(out, sums, factors.bias, unwanted, area)


@kernel
def clear(numbers: Vector, count: int) -> None:
    """The first `count` numbers ← 0."""
    for k in range(count):
        numbers[k] = 0


@kernel
def multiply(
    sums: Vector, inputs: Vector, factors: Factors, shape: tuple[int, int, int], ahead: Ahead
) -> None:
    """sums ← the products of all positions; shape is outputs, inputs and squares of the group."""
    outputs, channels, group = shape
    made, read = position_size(outputs, group), position_size(channels, group)
    pairs, lanes = outputs * channels, group * _VECTOR
    product = Product(
        outputs, channels, factors.output_stride, factors.input_stride, lanes, FROM_ZERO
    )
    for position in range(POSITIONS):
        weighted_sums(
            window(sums, position * made, made),
            window(factors.weights, position * pairs, pairs),
            window(inputs, position * read, read),
            factors.bias,
            product,
        )
        ask_for_next(ahead, position)


@kernel
def add_groups(sums: Vector, layer: Layer, own: Windows) -> None:
    """sums[position, f, c] ← Σ of the products of δ and patches, over all tiles and lanes."""
    inputs = stack_buffer(sums, _GRADIENT_BYTES)
    deltas = stack_buffer(sums, _GRADIENT_BYTES)
    zeros = stack_buffer(sums, _PIXEL_BYTES)
    clear(zeros, max(own.channels, own.filters) * layer.lanes)
    source, target = inputs_of(own), outputs_of(own)
    squares = squares_of(target, own.channels, layer.lanes, _GRADIENT_GROUP)
    for begin in range(0, squares.total, squares.group):
        group = min(squares.group, squares.total - begin)
        for k in range(group):
            patch_products(inputs, layer.a_in, zeros, area_of(source, squares, begin, k, group))
            area = area_of(target, squares, begin, k, group)
            delta_products(deltas, layer.delta_out, zeros, area)
        ahead = Ahead(source, layer.a_in, target, layer.delta_out, squares, begin + group)
        shape = own.filters, own.channels, group
        multiply_back(sums, deltas, inputs, shape, begin > 0, ahead)


@kernel
def multiply_back(
    sums: Vector, deltas: Vector, inputs: Vector, shape: tuple[int, int, int], accumulate: bool,
    ahead: Ahead,
) -> None:  # fmt: skip
    """sums ← Σ over the group's squares and their lanes; added if `accumulate`."""
    filters, channels, group = shape
    made, read = position_size(filters, group), position_size(channels, group)
    pairs = filters * channels
    grid = Grid(
        outputs=filters, weight_output=channels, inputs=channels, input=1,
        rows=1, delta_row=0, row=0, columns=1, delta_column=0, column=0, lanes=group * _VECTOR,
    )  # fmt: skip
    for position in range(POSITIONS):
        tap_products(
            window(sums, position * pairs, pairs),
            window(deltas, position * made, made),
            window(inputs, position * read, read),
            accumulate,
            grid,
        )
        ask_for_next(ahead, position)


@kernel
def ask_for_next(ahead: Ahead, position: int) -> None:
    """Have a part of the next group's pixels fetched, while there is something to multiply.

    The transforms read and write lines far apart, which no processor foresees. The first rows and
    columns of a patch belong to the patches before it too.
    """
    if position < TILE**2:
        ask_for_rows(ahead.inputs, ahead.source, ahead, position, PATCH - TILE)
    elif position < 2 * TILE**2:
        ask_for_rows(ahead.outputs, ahead.target, ahead, position - TILE**2, 0)


@kernel
def ask_for_rows(image: Vector, side: Image, ahead: Ahead, part: int, skipped: int) -> None:
    """A row of every fourth square of the next group, behind the skipped rows and columns."""
    squares = ahead.squares
    count = min(squares.group, squares.total - ahead.begin)
    for k in range(part // TILE, count, TILE):
        area = area_of(side, squares, ahead.begin, k, squares.group)
        row = area.origin + (skipped + part % TILE) * area.row
        for column in range(skipped, skipped + TILE):
            place = row + column * area.column
            for c in range(side.channels):
                ask_early(image, place + c * squares.lanes)
