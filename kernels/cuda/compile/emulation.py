"""What the simulator runs in place of `instructions`, as NVIDIA's PTX manual describes them.

Source of the layouts: Parallel Thread Execution ISA, "Matrix Fragments for mma.m16n8k8" and
"… m16n8k16". The lanes of a warp hand each other their fragments, which costs two barriers here;
on a GPU they do that without one, and the matrices never exist as such.
"""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .jit import cuda

Words = NDArray[Any]
LANES = 32


def load_if(values: Any, place: Any, is_there: Any) -> Any:
    """An element, or 0."""
    return values[place] if is_there else values.dtype.type(0)


def load_four(values: Any, place: int) -> tuple[Any, ...]:
    """Elements place … place + 3, as one access of 16 bytes; place is a multiple of four."""
    assert place % 4 == 0
    return tuple(values[place + i] for i in range(4))


def store_four(values: Any, place: int, *parts: Any) -> None:
    """Elements place … place + 3 ← parts, as one access of 16 bytes."""
    assert place % 4 == 0
    for i, part in enumerate(parts):
        values[place + i] = part


def round_tf32(x: Any) -> np.uint32:
    """cvt.rn.tf32.f32: 10 bits of the fraction, to nearest, ties to even."""
    return np.uint32(_rounded(x, 13) << 13)


def pair_bf16(low: Any, high: Any) -> np.uint32:
    """cvt.rn.bf16x2.f32: two numbers of 7 bits of the fraction, to nearest, ties to even."""
    return np.uint32(_rounded(low, 16) | _rounded(high, 16) << 16)


def _rounded(x: Any, dropped: int) -> int:
    """The bits of x without the last ones."""
    bits = int(np.float32(x).view(np.uint32))
    if np.isnan(x):
        return 0x7FFFFFFF >> dropped
    return (bits + (1 << dropped - 1) - 1 + (bits >> dropped & 1)) >> dropped


def _lanes(numbers: int) -> list[tuple[int, int, int]]:
    """groupID and threadID_in_group of every lane, for each of so many numbers of a fragment."""
    return [(lane >> 2, lane % 4, i) for lane in range(LANES) for i in range(numbers)]


def _places(numbers: int, place: Any) -> tuple[Words, Words]:
    """Rows and columns of the numbers that the lanes have, by a rule of the manual."""
    rows, columns = np.array([place(*number) for number in _lanes(numbers)]).T
    return rows, columns


class _Shape(NamedTuple):
    """Where the numbers of an instruction's matrices lie, and how many steps it adds up."""

    left: tuple[Words, Words]
    right: tuple[Words, Words]
    steps: int


_TF32 = _Shape(
    _places(4, lambda group, own, i: (group + 8 * (i in (1, 3)), own + 4 * (i in (2, 3)))),
    _places(2, lambda group, own, i: (own + 4 * i, group)),
    8,
)
_BF16 = _Shape(
    _places(
        8,
        lambda group, own, i: (
            group if 0 <= i < 2 or 4 <= i < 6 else group + 8,
            own * 2 + (i & 1) + (8 if i >= 4 else 0),
        ),
    ),
    _places(4, lambda group, own, i: (own * 2 + (i & 1) + (8 if i >= 2 else 0), group)),
    16,
)
_SUMS = _places(4, lambda group, own, i: (group + 8 * (i >= 2), own * 2 + (i & 1)))


def multiply_tf32(*operands: Any) -> tuple[Any, ...]:
    """mma.m16n8k8: four sums of this lane, from what all lanes of its warp hold.

    The unit takes no notice of the last 13 bits of a word.
    """
    return _multiplied(_TF32, operands, lambda words: words & np.uint32(0xFFFFE000))


def multiply_bf16(*operands: Any) -> tuple[Any, ...]:
    """mma.m16n8k16: the same with two numbers in a word, the first in its lower half."""

    def numbers(words: Words) -> Words:
        halves = [words << np.uint32(16), words & np.uint32(0xFFFF0000)]
        return np.stack(halves, axis=-1).reshape(LANES, -1)

    return _multiplied(_BF16, operands, numbers)


def _multiplied(shape: _Shape, operands: Any, numbers: Any) -> tuple[Any, ...]:
    """What this lane gets of D = A B + C; numbers are the bits of those in all lanes' words."""
    thread: Any = threading.current_thread()
    warp, lane = divmod(thread.thread_id, LANES)
    given = vars(thread._manager).setdefault("operands", {})
    given[warp, lane] = operands
    cuda.syncthreads()
    words = np.array([given[warp, other][:6] for other in range(LANES)], np.uint32)
    cuda.syncthreads()
    left, right = np.empty((16, shape.steps)), np.empty((shape.steps, 8))
    left[shape.left] = numbers(words[:, :4]).view(np.float32).ravel()
    right[shape.right] = numbers(words[:, 4:]).view(np.float32).ravel()
    own = slice(4 * lane, 4 * lane + 4)
    rows, columns = (places[own] for places in _SUMS)
    products = np.einsum("ik,ki->i", left[rows], right[:, columns])
    return tuple((np.array(operands[6:], np.float64) + products).astype(np.float32))
