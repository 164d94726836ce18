"""Winograd's F(4 × 4, 3 × 3): sixteen outputs of a 3 × 3 convolution from 36 products, not 144.

Four outputs y of three taps g on six inputs d are y = Aᵀ [(G g) ⊙ (Bᵀ d)]: polynomials are
multiplied by their values at the points 0, ±a, ±b and ∞. Along both axes that is
Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A for a tile of 4 × 4 outputs, which reads a patch of 6 × 6 inputs.
Sums over channels are made between the square brackets, so that each of the 36 positions is a
small matrix product. The gradient of g is the same read backwards: Gᵀ [Σ (A δ Aᵀ) ⊙ (Bᵀ d B)] G.

a = 3/4 and b = 3/2: all numbers of A and B are exact in binary, and rounding errors are half of
those of the usual points ±1 and ±2. In float32, with 16 channels, the error of an output is 2.5 to
3 times that of direct sums, the error of a gradient 4 to 5 times.

Sources: S. Winograd, "Arithmetic Complexity of Computations", SIAM 1980; A. Lavin and S. Gray,
"Fast Algorithms for Convolutional Neural Networks", CVPR 2016; points:
B. Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd Convolution for Deep
Neural Networks", ACM Transactions on Mathematical Software 46 (2020).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from numba.extending import intrinsic

from ..compile.internals import ir
from ..compile.jit import Vector, kernel
from ..compile.memory import window
from ..compile.vector_code import SIZE, VectorCode, register_code
from .tiles import emitted_call, offset

# Along each axis: outputs of a tile, weights of a kernel, inputs of a patch.
TILE, TAPS, PATCH = 4, 3, 6
POSITIONS = PATCH * PATCH
# Channels that are transformed together.
_TOGETHER = 4
_A, _B = 0.75, 1.5
# G, row by row: 1, p and p² at each point p, divided by the product of its distances to the others.
_G = (
    (1 / (_A**2 * _B**2), 0.0, 0.0),
    *(
        tuple(p**k / (2 * p**2 * (p**2 - q**2)) for k in range(3))
        for p, q in ((_A, _B), (-_A, _B), (_B, _A), (-_B, _A))
    ),
    (0.0, 0.0, 1.0),
)
_G_TURNED, _G_TRANSPOSED = tuple(row[::-1] for row in _G), tuple(zip(*_G, strict=True))


class Area(NamedTuple):
    """A square of an image's pixels, for one vector of lanes; some may lie outside the image.

    Rows [first_row, last_row) and columns [first_column, last_column) of it lie in the image.
    """

    origin: int  # element of the image where it begins; that may lie before the image
    row: int  # elements from a row to the next
    column: int
    first_row: int
    last_row: int
    first_column: int
    last_column: int
    channels: int
    channel: int  # elements from a channel to the next: the lanes of a unit
    place: int  # where the vector of the first position and channel lies in the products
    position: int  # elements from a position to the next
    product: int  # elements from a channel to the next


def _inputs(code: VectorCode, d: list[Any]) -> list[Any]:
    """Bᵀ d of six numbers."""
    plus = [_combined(code, (1.0, d[4]), (-(square**2), d[2])) for square in (_B, _A)]
    minus = [_combined(code, (1.0, d[3]), (-(square**2), d[1])) for square in (_B, _A)]
    outer = [
        _combined(code, (1.0, d[k + 4]), (-(_A**2 + _B**2), d[k + 2]), (_A**2 * _B**2, d[k]))
        for k in (0, 1)
    ]
    inner = [
        _combined(code, (1.0, even), (sign * point, odd))
        for even, odd, point in zip(plus, minus, (_A, _B), strict=True)
        for sign in (1, -1)
    ]
    return [outer[0], *inner, outer[1]]


def _outputs(code: VectorCode, m: list[Any]) -> list[Any]:
    """Aᵀ m of six numbers."""
    sums = [code.add(m[k], m[k + 1]) for k in (1, 3)]
    differences = [code.subtract(m[k], m[k + 1]) for k in (1, 3)]
    return [
        code.add(code.add(m[0], sums[0]), sums[1]),
        _combined(code, (_A, differences[0]), (_B, differences[1])),
        _combined(code, (_A**2, sums[0]), (_B**2, sums[1])),
        _combined(code, (1.0, m[5]), (_A**3, differences[0]), (_B**3, differences[1])),
    ]


def _deltas(code: VectorCode, d: list[Any]) -> list[Any]:
    """A d of four numbers."""
    inner = []
    for point in (_A, _B):
        even = _combined(code, (1.0, d[0]), (point**2, d[2]))
        odd = _combined(code, (point, d[1]), (point**3, d[3]))
        inner += [code.add(even, odd), code.subtract(even, odd)]
    return [d[0], *inner, d[3]]


def _combined(code: VectorCode, first: tuple[float, Any], *others: tuple[float, Any]) -> Any:
    """Σ factor · vector."""

    def times(factor: float, vector: Any) -> Any:
        return code.multiply(ir.Constant(code.vector, [factor] * code.width), vector)

    total = first[1] if first[0] == 1 else times(*first)
    for factor, vector in others:
        total = code.add(total, times(factor, vector))
    return total


Along = Callable[[VectorCode, list[Any]], list[Any]]
# How many numbers each of them reads and makes.
_SIDES: dict[Along, tuple[int, int]] = {
    _inputs: (PATCH, PATCH),
    _outputs: (PATCH, TILE),
    _deltas: (TILE, PATCH),
}


class _Line(NamedTuple):
    """Where the vectors of a square's column or row lie, in LLVM's values."""

    places: list[Any]  # of the first channel
    channel: Any  # elements from a channel to the next


Lines = Callable[[Any], _Line]


def _both_axes(
    code: VectorCode, channels: Any, along: Along, read: Lines, write: Lines, bias: Any = None
) -> None:
    """The columns of a square transformed into scratch, then the rows of that.

    read gives the column of a number, write the row. Pixels lie a power of two apart, so that all
    lines of a square share a few places of a first-level cache. Some channels of one column after
    the other are run through in the order of memory.
    """
    side, made = _SIDES[along]
    room = code.builder.alloca(code.vector, size=SIZE(_TOGETHER * side * made))
    begin = code.variable(SIZE(0))
    for together in (_TOGETHER, 1):
        with code.steps(begin, together, channels) as first:
            span = first, code.builder.add(first, SIZE(together))
            kept = partial(_kept, code, room, first)
            number = code.variable(SIZE(0))
            with code.steps(number, 1, SIZE(side)) as k:
                column = kept([offset(code, k, SIZE(i * side)) for i in range(made)])
                _transform(code, span, along, (read(k), column))
            number = code.variable(SIZE(0))
            with code.steps(number, 1, SIZE(made)) as k:
                row = kept([offset(code, (k, SIZE(side)), SIZE(i)) for i in range(side)])
                _transform(code, span, along, (row, write(k)), bias)


def _kept(code: VectorCode, room: Any, first: Any, positions: list[Any]) -> _Line:
    """Positions of the scratch (positions, channels from the first on, vector)."""
    numbers = code.builder.bitcast(room, code.number.as_pointer())
    width = SIZE(code.width)
    begin = code.builder.gep(numbers, [code.builder.neg(code.builder.mul(first, width))])
    size = SIZE(_TOGETHER * code.width)
    places = [code.builder.gep(begin, [code.builder.mul(place, size)]) for place in positions]
    return _Line(places, width)


def _transform(
    code: VectorCode, span: tuple[Any, Any], along: Along, lines: tuple[_Line, _Line],
    bias: Any = None,
) -> None:  # fmt: skip
    """One line ← bias + the other one transformed, for the channels of a span.

    A vector of lanes takes as many registers as it needs, one after the other.
    """
    register = register_code(code.builder, code.number)
    source, target = lines
    channel = code.variable(span[0])
    with code.steps(channel, 1, span[1]) as c:
        for lane in range(0, code.width, register.width):
            place = offset(code, (c, source.channel), SIZE(lane))
            made = along(register, [register.load(start, place) for start in source.places])
            if bias is not None:
                start = register.everywhere(code.load(bias, c, code.number))
                made = [register.add(vector, start) for vector in made]
            place = offset(code, (c, target.channel), SIZE(lane))
            for vector, start in zip(made, target.places, strict=True):
                register.store(vector, start, place)


def _pixels(code: VectorCode, image: Any, outside: Any, area: Area) -> Callable[[Any, Any], Any]:
    """Gives where the pixel of a row and a column begins; `outside` for one beyond the image."""
    builder = code.builder

    def inside(k: Any, first: Any, last: Any) -> Any:
        begun = builder.icmp_signed(">=", k, first)
        return builder.and_(begun, builder.icmp_signed("<", k, last))

    def pixel(row: Any, column: Any) -> Any:
        exists = builder.and_(
            inside(row, area.first_row, area.last_row),
            inside(column, area.first_column, area.last_column),
        )
        place = offset(code, area.origin, (row, area.row), (column, area.column))
        return builder.select(exists, builder.gep(image, [place]), outside)

    return pixel


def _positions(code: VectorCode, products: Any, area: Area) -> Callable[[Any, Any], Any]:
    """Gives where the products of the position in a row and a column begin."""

    def position(row: Any, column: Any) -> Any:
        number = offset(code, (row, SIZE(PATCH)), column)
        return code.builder.gep(products, [offset(code, area.place, (number, area.position))])

    return position


def _spread(
    code: VectorCode, products: Any, image: Any, zeros: Any, area: Area, along: Along
) -> None:
    """Body of `patch_products` and `delta_products`."""
    pixel, position = _pixels(code, image, zeros, area), _positions(code, products, area)
    side, made = _SIDES[along]
    _both_axes(
        code, area.channels, along,
        lambda k: _Line([pixel(SIZE(row), k) for row in range(side)], area.channel),
        lambda k: _Line([position(k, SIZE(column)) for column in range(made)], area.product),
    )  # fmt: skip


def _gathered(
    code: VectorCode, image: Any, products: Any, bias: Any, unwanted: Any, area: Area
) -> None:
    """Body of `tile_outputs`."""
    pixel, position = _pixels(code, image, unwanted, area), _positions(code, products, area)
    _both_axes(
        code, area.channels, _outputs,
        lambda k: _Line([position(SIZE(row), k) for row in range(PATCH)], area.product),
        lambda k: _Line([pixel(k, SIZE(column)) for column in range(TILE)], area.channel),
        bias,
    )  # fmt: skip


@intrinsic
def patch_products(typingctx: Any, products: Any, image: Any, zeros: Any, area: Any) -> Any:
    """products ← Bᵀ d B of every channel of a patch, for one vector of lanes.

    zeros stands for pixels outside the image: as many zeros as a pixel has numbers.
    """
    body = partial(_spread, along=_inputs)
    return emitted_call("winograd_patch", body, products, image, zeros, area)


@intrinsic
def delta_products(typingctx: Any, products: Any, image: Any, zeros: Any, area: Any) -> Any:
    """products ← A δ Aᵀ of every filter of a tile; all else is as in `patch_products`."""
    body = partial(_spread, along=_deltas)
    return emitted_call("winograd_delta", body, products, image, zeros, area)


@intrinsic
def tile_outputs(
    typingctx: Any, image: Any, products: Any, bias: Any, unwanted: Any, area: Any
) -> Any:
    """A tile of the image ← bias + Aᵀ M A of every channel, for one vector of lanes.

    M is what the products hold; unwanted takes what would lie outside the image.
    """
    return emitted_call("winograd_outputs", _gathered, image, products, bias, unwanted, area)


@kernel
def transform_weights(out: Vector, weights: Vector, half: Vector, apart: int, turned: bool) -> None:
    """out ← G g Gᵀ of one filter, from its weights (3, 3, channels).

    The numbers of a position, (channels,), lie `apart` from those of the next. half is scratch for
    18 times the channels; turned stands for the kernel turned by 180°.
    """
    channels = weights.size // TAPS**2
    factors = _G_TURNED if turned else _G
    for p in range(PATCH):
        for m in range(TAPS):
            column = window(weights, m * channels, (2 * TAPS + 1) * channels)
            part = window(half, (p * TAPS + m) * channels, channels)
            combine(part, column, TAPS * channels, factors[p], False)
        row = window(half, p * TAPS * channels, TAPS * channels)
        for q in range(PATCH):
            part = window(out, (p * PATCH + q) * apart, channels)
            combine(part, row, channels, factors[q], False)


@kernel
def weight_gradient(
    gradient: Vector, sums: Vector, half: Vector, apart: int, accumulate: bool
) -> None:
    """gradient ← Gᵀ S G of one filter, (3, 3, channels); added if `accumulate`.

    S are sums of products of δ and patches, which lie as in `transform_weights`.
    """
    channels = gradient.size // TAPS**2
    for p in range(PATCH):
        row = window(sums, p * PATCH * apart, (PATCH - 1) * apart + channels)
        for m in range(TAPS):
            part = window(half, (p * TAPS + m) * channels, channels)
            combine(part, row, apart, _G_TRANSPOSED[m], False)
    for k in range(TAPS):
        for m in range(TAPS):
            column = window(half, m * channels, ((PATCH - 1) * TAPS + 1) * channels)
            part = window(gradient, (k * TAPS + m) * channels, channels)
            combine(part, column, TAPS * channels, _G_TRANSPOSED[k], accumulate)


@kernel
def combine(
    out: Vector, rows: Vector, distance: int, factors: tuple[float, ...], accumulate: bool
) -> None:
    """out_i ← Σ_k factor_k rows[k · distance + i]; added if `accumulate`."""
    kind = out.dtype.type
    for i in range(out.size):
        total = out[i] if accumulate else kind(0)
        for k in range(len(factors)):
            total += kind(factors[k]) * rows[k * distance + i]
        out[i] = total
