"""LLVM's vector types, in one place: instructions on vectors of one dtype, written into a function.

`tiles` and `gemm_tile` make their products of these, `vectors` its type for populations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .internals import cgutils, ir
from .registers import REGISTER_BYTES

SIZE = cgutils.intp_t
# LLVM's attribute of a function; `compiler` says why.
WIDE_VECTORS = '"prefer-vector-width"="512"'
# A product may be fused with its sum; nothing else is reordered.
FLAGS = ("contract",)
_INTEGER = ir.IntType(32)


class VectorCode:
    """Instructions on vectors of `width` numbers of one dtype, at the builder's place.

    number is LLVM's type of the numbers. Places are pointers to numbers, offsets count numbers.
    """

    def __init__(self, builder: Any, number: Any, width: int) -> None:
        self.builder = builder
        self.number = number
        self.item_size = item_size(number)
        self.width = width
        self.vector = ir.VectorType(number, width)
        self.zero = ir.Constant(self.vector, [0.0] * width)

    def variable(self, value: Any) -> Any:
        """A variable with that value; LLVM keeps it in a register."""
        return cgutils.alloca_once_value(self.builder, value)

    def load(self, place: Any, offset: Any, kind: Any = None) -> Any:
        """`kind`, or else a whole vector, from place[offset] on."""
        kind = kind or self.vector
        pointer = self.builder.bitcast(self.builder.gep(place, [offset]), kind.as_pointer())
        return self.builder.load(pointer, align=self.item_size)

    def store(self, value: Any, place: Any, offset: Any) -> None:
        """place[offset], … ← value."""
        pointer = self.builder.gep(place, [offset])
        pointer = self.builder.bitcast(pointer, value.type.as_pointer())
        self.builder.store(value, pointer, align=self.item_size)

    def first(self, count: Any) -> Any:
        """A bit per element, set in the first `count`."""
        builder = self.builder
        most = builder.select(builder.icmp_signed("<", count, SIZE(self.width)), count,
                              SIZE(self.width))  # fmt: skip
        places = ir.VectorType(_INTEGER, self.width)
        numbers = ir.Constant(places, list(range(self.width)))
        return builder.icmp_signed("<", numbers, self.everywhere(builder.trunc(most, _INTEGER)))

    def load_part(self, place: Any, inside: Any) -> Any:
        """The elements whose bit in `inside` is set, and 0; nothing else is read."""
        return self._masked("load", self.vector, inside, [place], self.zero)

    def store_part(self, value: Any, place: Any, inside: Any) -> None:
        """Write the elements whose bit in `inside` is set."""
        self._masked("store", ir.VoidType(), inside, [value, place])

    def _masked(self, name: str, result: Any, inside: Any, before: list[Any], *after: Any) -> Any:
        """LLVM's masked load or store; `before` ends with the pointer."""
        *values, place = before
        pointer = self.builder.bitcast(place, self.vector.as_pointer())
        arguments = [*values, pointer, _INTEGER(self.item_size), inside, *after]
        kind = ir.FunctionType(result, [argument.type for argument in arguments])
        suffix = f"v{self.width}f{8 * self.item_size}"
        function = cgutils.get_or_insert_function(
            self.builder.module, kind, f"llvm.masked.{name}.{suffix}.p0"
        )
        return self.builder.call(function, arguments)

    def ask_for(self, place: Any, early: bool = False) -> None:
        """The cache line of the place shall come, to be written; early: into the second level."""
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, *[_INTEGER] * 3])
        function = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0")
        write, near, data = (_INTEGER(number) for number in ((0, 2, 1) if early else (1, 3, 1)))
        pointer = self.builder.bitcast(place, cgutils.voidptr_t)
        self.builder.call(function, [pointer, write, near, data])

    def everywhere(self, number: Any) -> Any:
        """A vector of one number."""
        start = ir.Constant(ir.VectorType(number.type, self.width), ir.Undefined)
        first = self.builder.insert_element(start, number, _INTEGER(0))
        return self.shuffle(first, first, [0] * self.width)

    def shuffle(self, x: Any, y: Any, places: Sequence[int]) -> Any:
        """The elements of x and y at `places`, y's numbered on from x's."""
        mask = ir.Constant(ir.VectorType(_INTEGER, len(places)), list(places))
        return self.builder.shuffle_vector(x, y, mask)

    def add(self, x: Any, y: Any) -> Any:
        return self.builder.fadd(x, y, flags=FLAGS)

    def subtract(self, x: Any, y: Any) -> Any:
        return self.builder.fsub(x, y, flags=FLAGS)

    def multiply(self, x: Any, y: Any) -> Any:
        return self.builder.fmul(x, y, flags=FLAGS)

    def add_product(self, total: Any, x: Any, y: Any) -> None:
        """The variable total ← total + x y."""
        self.builder.store(self.add(self.builder.load(total), self.multiply(x, y)), total)

    @contextmanager
    def steps(self, position: Any, width: int, end: Any) -> Iterator[Any]:
        """The block runs, and position += width, as long as position + width ≤ end."""
        builder = self.builder
        test, body, after = (builder.append_basic_block(name) for name in ("test", "body", "after"))
        builder.branch(test)
        builder.position_at_end(test)
        before = builder.load(position)
        beyond = builder.add(before, SIZE(width))
        builder.cbranch(builder.icmp_signed("<=", beyond, end), body, after)
        builder.position_at_end(body)
        yield before
        builder.store(beyond, position)
        builder.branch(test)
        builder.position_at_end(after)

    def sums(self, vectors: list[Any]) -> Any:
        """The sum of each vector's elements: as many, a power of two, in one vector.

        Two vectors at a time become one, half of it the sums of neighbours of the first and half
        of the second: three instructions for two vectors, where a sum of its own takes eight.
        """
        group = self.width  # elements that are still to be added up
        while group > 1:
            half = group // 2
            width = vectors[0].type.count
            pairs = 2 if len(vectors) > 1 else 1
            low = [first + k for first in range(0, pairs * width, group) for k in range(half)]
            high = [place + half for place in low]
            vectors = [
                self.add(self.shuffle(x, y, low), self.shuffle(x, y, high))
                for x, y in zip(vectors[::pairs], vectors[pairs - 1 :: pairs], strict=True)
            ]
            group = half
        return vectors[0]

    def transposed(self, rows: list[Any]) -> list[Any]:
        """The columns of a square of as many vectors as a vector has elements.

        In log₂ of the side rounds neighbouring squares of 1, 2, 4, … elements change places.
        """
        vectors, distance = list(rows), 1
        while distance < self.width:
            swap = [place & distance > 0 for place in range(self.width)]
            first = [p + self.width - distance if swap[p] else p for p in range(self.width)]
            second = [p + self.width if swap[p] else p + distance for p in range(self.width)]
            for k in range(self.width):
                if not swap[k]:
                    x, y = vectors[k], vectors[k + distance]
                    vectors[k] = self.shuffle(x, y, first)
                    vectors[k + distance] = self.shuffle(x, y, second)
            distance *= 2
        return vectors


def register_code(builder: Any, number: Any) -> VectorCode:
    """Code whose vectors have as many bytes as the machine's registers."""
    return VectorCode(builder, number, REGISTER_BYTES // item_size(number))


def item_size(number: Any) -> int:
    """Bytes of LLVM's type of a number."""
    return {"float": 4, "double": 8}[str(number)]
