"""Sequences of any length, while a graph is drawn: what depends on the number of steps.

An `Input` whose first side is None takes sequences of any number of steps. No layer is asked what
it does with an unknown number. It is asked for its host halves of two lengths instead, and whatever
differs between the two depends on the length: an axis, which is then shown as None, or the shape of
an array of parameters, which no network can have.
"""

from __future__ import annotations

from collections.abc import Sequence

from .shaped import Shape, ShapedLayer

# The lengths that are tried: longer than any window, one twice the other, so that also what is left
# behind strides differs.
TRIED = (2**12, 2**13)
OpenShape = tuple[int | None, ...]


def tried_shapes(shape: OpenShape) -> tuple[Shape, ...]:
    """The shape with each length that is tried in place of None; itself, if it has no None.

    >>> tried_shapes((None, 3)), tried_shapes((5,))
    (((4096, 3), (8192, 3)), ((5,),))
    """
    if None not in shape:
        return (tuple(side for side in shape if side is not None),)
    return tuple(tuple(time if side is None else side for side in shape) for time in TRIED)


def open_shape(shapes: Sequence[Shape]) -> OpenShape:
    """One shape for those of a value at every length that was tried: None where they differ.

    >>> open_shape([(4096, 3), (8192, 3)])
    (None, 3)
    """
    return tuple(sides[0] if len(set(sides)) == 1 else None for sides in zip(*shapes, strict=True))


def check_parameters(layer: object, halves: Sequence[ShapedLayer]) -> None:
    """Refuse a layer whose parameters depend on the length; halves are those of `TRIED`."""
    first, *others = (
        {name: array.shape for name, array in half.parameters.items()} for half in halves
    )
    for other in others:
        for name, shape in first.items():
            if other.get(name) != shape:
                raise ValueError(
                    f"{layer!r} has an array {name!r} whose shape depends on the length of its "
                    "input, which may be any: put a GlobalAveragePooling1D or a recurrent layer "
                    "before it, or give its Input a length"
                )
