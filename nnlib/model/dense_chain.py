"""Chains of dense layers, as a list of sizes describes them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from ..activations import Custom
from ..layers.dense import DenseLayer


def count_parameters(sizes: Sequence[int]) -> int:
    """How many parameters a chain of dense layers has.

    >>> count_parameters([1, 2, 1])
    7
    """
    return sum((d_in + 1) * d_out for d_in, d_out in itertools.pairwise(sizes))


def dense_chain(sizes: Sequence[int], activations: Sequence[str | Custom]) -> Iterator[DenseLayer]:
    """The layers between sizes d_1 … d_L, from the first to the last."""
    for (d_in, d_out), activation in zip(itertools.pairwise(sizes), activations, strict=True):
        yield DenseLayer(d_in, d_out, activation)
