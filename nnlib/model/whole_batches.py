"""Batches that are too small for a layer that looks at whole ones."""

from __future__ import annotations

from typing import Any

from ..layers.shaped import units_of
from .parameters import NetworkParameters


def check_batches(network: NetworkParameters, X: Any, batch_size: int | None) -> None:
    """Refuse batches in which batch normalisation would find one value of a channel.

    It would become β, whatever it is. Layers that are not trainable do not look at the batch.

    Parameters
    ----------
    network : Network
    X : ndarray, shape (n, d_1), or Records
        The checked examples of a descent.
    batch_size : int or None

    Raises
    ------
    ValueError
        It names the layer and the batch.

    Examples
    --------
    >>> import numpy as np
    >>> from nnlib import Network, layers
    >>> net = Network([layers.Input(3), layers.BatchNormalization()])
    >>> check_batches(net, np.zeros((9, 3)), batch_size=4)
    Traceback (most recent call last):
    ...
    ValueError: batch_size is 4: of 9 examples the last batch has one, over which the layer \
'batch_normalization' cannot normalise; wanted at least 2 in every batch
    """
    examples = len(X)
    size = batch_size or examples
    if min(size, examples % size or size) > 1 or not network.architecture.looks_at_batches:
        return
    own = network.architecture.reading(X)  # of the length of these sequences
    for layer, shaped, name in zip(network.layers, own.layers, own.graph.names, strict=True):
        places = units_of(shaped.output_shape) // shaped.output_shape[-1]
        if shaped.looks_at_batches and layer.trainable and places == 1:
            found = "every batch is one example"
            if size > 1:
                found = f"of {examples} examples the last batch has one"
            raise ValueError(
                f"batch_size is {batch_size}: {found}, over which the layer {name!r} cannot "
                "normalise; wanted at least 2 in every batch"
            )
