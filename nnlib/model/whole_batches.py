"""Batches that are too small for a layer that looks at whole ones."""

from __future__ import annotations

from ..layers.shaped import units_of
from .parameters import NetworkParameters


def check_batches(network: NetworkParameters, examples: int, batch_size: int | None) -> None:
    """Refuse batches in which batch normalisation would find one value of a channel.

    It would become β, whatever it is. Layers that are not trainable do not look at the batch.

    Raises
    ------
    ValueError
        It names the layer and the batch.

    Examples
    --------
    >>> from nnlib import Network, layers
    >>> net = Network([layers.Input(3), layers.BatchNormalization()])
    >>> check_batches(net, 9, batch_size=4)
    Traceback (most recent call last):
    ...
    ValueError: batch_size is 4: of 9 examples the last batch has one, over which the layer \
'batch_normalization' cannot normalise; wanted at least 2 in every batch
    """
    own, size = network.architecture, batch_size or examples
    if min(size, examples % size or size) > 1 or not own.looks_at_batches:
        return
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
