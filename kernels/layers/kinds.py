"""All kinds of layer: their names and functions; and which of them a way to compute knows.

To add one: a file with its row and its functions on a `Layer`, and a line in `KINDS`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np

from ..compile.jit import Vector
from . import (
    batch_normalization,
    convolution,
    dense_single,
    dense_wide,
    dropout,
    embedding,
    gru,
    joins,
    layer_normalization,
    lstm,
    masked_pooling,
    masked_steps,
    masks,
    pooling,
    prelu,
    random_images,
    resampling,
    rescaling,
    scale,
    simple_rnn,
    sparse,
    sparse_lazy,
    turned_gradient,
    whole_normalization,
    winograd,
)
from .operations import (
    ADD,
    AVERAGE_POOLING,
    BATCH_NORMALIZATION,
    BY_ENTRIES,
    CONCATENATE,
    CONVOLUTION,
    COPY,
    DENSE,
    DROPOUT,
    EMBEDDING,
    GRU,
    LAYER_NORMALIZATION,
    LAZY,
    LSTM,
    MASK,
    MASKED_AVERAGE,
    MASKED_MAXIMUM,
    MASKED_STEPS,
    MAX_POOLING,
    MAXIMUM,
    MULTIPLY,
    PRELU,
    RANDOM_IMAGE,
    RESCALING,
    SCALE,
    SIMPLE_RNN,
    SPARSE,
    UPSAMPLING,
    ZERO_PADDING,
    Row,
    is_chain,
    rows_of,
)

# What is_chain found, for messages.
NO_CHAIN = "networks that are no chain, or have frozen or shared layers or rates of their own"


class Kind(NamedTuple):
    """The functions of a kind of layer, called by address.

    delta and gradient are None where there is nothing to do. The dense layer has None for what
    `propagate` inlines. whole is the function of a layer that looks at whole batches.
    """

    name: str
    forward: Any
    delta: Any
    gradient: Any = None
    whole: Any = None


_NARROW = Kind("dense", None, None)
_WIDE = Kind("dense", dense_wide.forward, dense_wide.delta, dense_wide.gradient)
# Behind a convolution blocks are short, and half of `gemm`'s panel of two vectors is empty.
_SHORT = Kind("dense", None, None, dense_wide.gradient)
_BY_FEATURES = Kind("sparse dense", sparse_lazy.forward, None, sparse_lazy.gradient)
_BY_ROWS = Kind("embedding", embedding.forward, embedding.delta, embedding.row_gradients)
_WINOGRAD = Kind("convolution", winograd.forward, winograd.delta, winograd.gradient)
_TURNED = Kind("convolution", convolution.forward, convolution.delta, turned_gradient.gradient)
_SINGLE = Kind("dense", dense_single.forward, dense_single.delta, dense_single.gradient)
KINDS = {
    DENSE: _WIDE,
    DROPOUT: Kind("dropout", dropout.forward, dropout.delta),
    COPY: Kind("copy", joins.copy_forward, joins.copy_delta),
    ADD: Kind("add", joins.add_forward, joins.copy_delta),
    MULTIPLY: Kind("multiply", joins.multiply_forward, joins.multiply_delta),
    MAXIMUM: Kind("maximum", joins.maximum_forward, joins.maximum_delta),
    CONCATENATE: Kind("concatenate", joins.concatenate_forward, joins.concatenate_delta),
    SCALE: Kind("scale", scale.forward, scale.delta, scale.gradient),
    PRELU: Kind("prelu", prelu.forward, prelu.delta, prelu.gradient),
    LAYER_NORMALIZATION: Kind(
        "layer_normalization", layer_normalization.forward, layer_normalization.delta,
        layer_normalization.gradient,
    ),
    BATCH_NORMALIZATION: Kind(
        "batch_normalization", batch_normalization.forward, batch_normalization.delta,
        batch_normalization.gradient, whole_normalization.whole,
    ),
    RESCALING: Kind("rescaling", rescaling.forward, rescaling.delta),
    RANDOM_IMAGE: Kind("random_image", random_images.forward, random_images.delta),
    CONVOLUTION: Kind("convolution", convolution.forward, convolution.delta, convolution.gradient),
    MAX_POOLING: Kind("max_pooling", pooling.max_forward, pooling.max_delta),
    AVERAGE_POOLING: Kind("average_pooling", pooling.average_forward, pooling.average_delta),
    ZERO_PADDING: Kind("zero_padding", resampling.padding_forward, resampling.padding_delta),
    UPSAMPLING: Kind("upsampling", resampling.upsampling_forward, resampling.upsampling_delta),
    EMBEDDING: Kind("embedding", embedding.forward, embedding.delta, embedding.gradient),
    SIMPLE_RNN: Kind("simple_rnn", simple_rnn.forward, simple_rnn.delta, simple_rnn.gradient),
    GRU: Kind("gru", gru.forward, gru.delta, gru.gradient),
    LSTM: Kind("lstm", lstm.forward, lstm.delta, lstm.gradient),
    MASK: Kind("mask", masks.forward, masks.delta),
    MASKED_STEPS: Kind("masked_steps", masked_steps.forward, masked_steps.delta),
    MASKED_AVERAGE: Kind(
        "masked_average", masked_pooling.average_forward, masked_pooling.average_delta
    ),
    MASKED_MAXIMUM: Kind(
        "masked_maximum", masked_pooling.maximum_forward, masked_pooling.maximum_delta
    ),
    SPARSE: Kind("sparse dense", sparse.forward, None, sparse.gradient),
}  # fmt: skip


def kind_of(row: Row, dtype: Any, single: bool, short: bool) -> Kind:
    """The functions of a row's layer, in a network of that dtype.

    single says whether blocks have one sample, short whether they are those of convolutions: a wide
    dense layer then computes tiles on the way forward and for its δ, as a narrow one does.
    """
    if row.kind not in KINDS:
        raise NotImplementedError(f"no functions are known for layers of kind {row.kind}")
    if row.in_step in (LAZY, BY_ENTRIES):
        return _BY_ROWS if row.kind == EMBEDDING else _BY_FEATURES
    if row.kind == CONVOLUTION and dtype == np.float32 and not single and winograd.suits(row):
        return _WINOGRAD
    if row.kind == CONVOLUTION and not single and turned_gradient.suits(row, dtype):
        return _TURNED
    if row.kind != DENSE:
        return KINDS[row.kind]
    if single:
        return _SINGLE
    if not row.wide:
        return _NARROW
    return _SHORT if short and not row.sample_major else _WIDE


def unknown_kind(table: Vector, known: Collection[int]) -> str | None:
    """The name of the first kind in the table that is not among the known ones; None: all are.

    A way to compute that does not walk the table by `propagate` states the kinds that it knows.
    Whoever chooses it asks here first: a layer of another kind would be computed as one of them.
    """
    for row in rows_of(table):
        if row.kind not in known:
            return KINDS[row.kind].name if row.kind in KINDS else f"number {row.kind}"
    return None


def obstacle(table: Vector, known: Collection[int]) -> str | None:
    """Why a way that computes chains of the known kinds cannot compute this table; None: it can."""
    kind = unknown_kind(table, known)
    if kind is not None:
        return f"layers of kind {kind!r}"
    if not is_chain(table):
        return NO_CHAIN
    return None


def all_functions(dtype: Any) -> list[Any]:
    """All functions that a table of that dtype may call for its layers, block by block."""
    kinds = [*KINDS.values(), _SINGLE, _BY_FEATURES, _BY_ROWS, _TURNED]
    if dtype == np.float32:
        kinds.append(_WINOGRAD)
    functions = [function for kind in kinds for function in (kind.forward, kind.delta)]
    functions += [kind.gradient for kind in kinds]
    return [function for function in functions if function is not None]


def whole_functions() -> list[Any]:
    """The same of layers that look at whole batches."""
    return [kind.whole for kind in KINDS.values() if kind.whole is not None]
