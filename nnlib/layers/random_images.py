"""Images moved at random in a descent, so that a network learns what does not depend on that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..checks.values import known_name, real_number, whole_number
from ..kernels.layers import random_images
from ..kernels.layers.operations import Row
from ..kernels.layers.random_images import Moves
from .layer import Layer
from .shaped import Place, Shape, ShapedLayer

# By what `RandomFlip` is called: whether rows, and whether columns change places.
_FLIPS = {"horizontal": (0, 1), "vertical": (1, 0), "horizontal_and_vertical": (1, 1)}


@dataclass(frozen=True)
class RandomImageLayer(ShapedLayer):
    """Images (height, width, channels), or without channels, moved in a descent only."""

    shape: Shape
    moves: Moves
    kind: str
    arguments: tuple[tuple[str, Any], ...]
    active = False
    passes_on = True

    @property
    def output_shape(self) -> Shape:
        return self.shape

    def described(self) -> tuple[str, dict[str, Any]]:
        return self.kind, dict(self.arguments)

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        shape = (*self.shape, 1)[:3]
        return [random_images.row(shape, self.moves, place.sources[0].unit, place.output)]


class RandomImage(Layer):
    """What the layers of this file have in common; a subclass gives `moves`."""

    def moves(self, shape: Shape) -> Moves:
        """By how much images of a shape are moved at most."""
        raise NotImplementedError

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        if len(shapes[0]) not in (2, 3):
            raise ValueError(
                f"{self!r} is called with a value of shape {shapes[0]}, wanted images (height, "
                "width, channels) or (height, width)"
            )
        own = tuple(self.config().items())
        return RandomImageLayer(shapes[0], self.moves(shapes[0]), type(self).__name__, own)


class RandomShift(RandomImage):
    """Every image is shifted by a whole number of pixels in a descent; what comes in is 0.

    Parameters
    ----------
    height, width : int
        At most so many pixels up or down, and left or right, every number equally likely.
    name : str or None

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.RandomShift(2, 2)(layers.Input((28, 28, 1))).shape
    (28, 28, 1)
    """

    def __init__(self, height: int, width: int, name: str | None = None) -> None:
        super().__init__(name)
        self.height = whole_number("height", height, 0)
        self.width = whole_number("width", width, 0)

    def moves(self, shape: Shape) -> Moves:
        for name, side in zip(("height", "width"), shape[:2], strict=True):
            most = vars(self)[name]
            if most >= side:
                raise ValueError(
                    f"{name} of {self!r} is {most}, wanted fewer pixels than the {side} of an "
                    f"image of shape {shape}"
                )
        return Moves(down=self.height, right=self.width)

    def config(self) -> dict[str, Any]:
        return {"height": self.height, "width": self.width}


class RandomFlip(RandomImage):
    """In a descent half of the images are flipped, each by its own draw.

    Parameters
    ----------
    mode : {"horizontal", "vertical", "horizontal_and_vertical"}
        ``horizontal``: left and right change places; ``vertical``: top and bottom; or each of both
        with probability ½.
    name : str or None

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.RandomFlip("horizontal")(layers.Input((28, 28, 1))).shape
    (28, 28, 1)
    """

    def __init__(self, mode: str = "horizontal_and_vertical", name: str | None = None) -> None:
        super().__init__(name)
        self.mode = known_name("mode", mode, _FLIPS)

    def moves(self, shape: Shape) -> Moves:
        rows, columns = _FLIPS[self.mode]
        return Moves(flips_rows=rows, flips_columns=columns)

    def config(self) -> dict[str, Any]:
        return {"mode": self.mode}


class RandomRotation(RandomImage):
    """Every image is turned about its middle in a descent, by an angle of its own.

    Between pixels values are interpolated (bilinear); what comes in is 0.

    Parameters
    ----------
    factor : float
        The largest angle in parts of a full turn, 0 ≤ factor ≤ 1; angles between ± 2π factor are
        equally likely.
    name : str or None

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.RandomRotation(0.05)(layers.Input((28, 28, 1))).shape
    (28, 28, 1)
    """

    def __init__(self, factor: float, name: str | None = None) -> None:
        super().__init__(name)
        self.factor = real_number("factor", factor)
        if self.factor > 1:
            raise ValueError(f"factor is {self.factor!r}, wanted at most 1, a full turn")

    def moves(self, shape: Shape) -> Moves:
        return Moves(angle=2 * math.pi * self.factor)

    def config(self) -> dict[str, Any]:
        return {"factor": self.factor}
