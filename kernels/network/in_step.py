"""Gradients of wide layers that the step makes, from the deltas of all blocks of a batch.

Where a chunk is a single block, all chunks' activations and deltas are still there when the step
comes. So no chunk needs a gradient of its own for these layers: the step adds up the products.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.called import Contract
from ..compile.jit import Integers, Vector, kernel
from ..compile.memory import window
from ..formulas.optimizers import sgd
from ..layers.dense import lane_sum
from ..layers.dense_wide import add_product
from ..layers.operations import (
    COLUMNS,
    D_IN,
    D_OUT,
    DECAY,
    DELTA_OUT,
    IN_STEP,
    RATE,
    SAMPLE_MAJOR,
    SOURCE,
    STEP_PRODUCTS,
    number_at,
)
from ..layers.parts import FIRST, LAST, LAYER, PART_COLUMNS, UNIT, UNITS, WEIGHTS
from ..threads.team import Order
from .problem import Data, Model, Place, Settings, batch_examples, input_place


class Terms(NamedTuple):
    """Which products are added up, and with what factors: out ← β out + α Σ_c …."""

    batch: int
    part: Integers  # see `parts.Part`
    alpha: float
    weight_beta: float
    bias_beta: float


# How `add_products` is called by address.
PRODUCTS_CONTRACT = Contract(Vector, Model, Data, Settings, Terms)
call_products = PRODUCTS_CONTRACT.call
# How `step_in_parts` is.
PARTS_CONTRACT = Contract(Model, Data, Settings, Order)


@kernel
def add_products(out: Vector, model: Model, data: Data, settings: Settings, terms: Terms) -> None:
    """The part of out ← β out + α Σ_c (δ_c a_cᵀ, Σ_s δ_c), in the order of the chunks.

    out is as long as the parameters; every chunk is one block, whose pass has been made.
    """
    lanes, part, batch = settings.lanes, terms.part, terms.batch
    row = window(model.table, part[LAYER], COLUMNS)
    d_in, units = row[D_IN], part[UNITS]
    weight = window(out, part[FIRST], part[WEIGHTS])
    bias_first = part[FIRST] + part[WEIGHTS]
    bias = window(out, bias_first, part[LAST] - bias_first)  # empty but in a layer's last part
    examples = batch_examples(data, batch)
    weight_beta, bias_beta = terms.weight_beta, terms.bias_beta
    for chunk in range(settings.chunks):
        if chunk * lanes >= examples:
            break
        scratch = chunk * settings.units * lanes
        if row[SOURCE] >= 0:
            a_in = window(model.activations, scratch + row[SOURCE] * lanes, d_in * lanes)
        else:
            place, size = input_place(model, data, settings, Place(batch, chunk, chunk))
            if not row[SAMPLE_MAJOR]:
                place, size = place + (-1 - row[SOURCE]) * lanes, d_in * lanes
            a_in = window(model.input_block if data.order.size else data.inputs, place, size)
        delta_out = window(model.deltas, scratch + row[DELTA_OUT] * lanes, row[D_OUT] * lanes)
        rows = window(delta_out, part[UNIT] * lanes, units * lanes)
        add_product(weight, rows, a_in, row, lanes, terms.alpha, weight_beta)
        number = out.dtype.type(terms.alpha)
        for j in range(bias.size):
            kept = bias[j] if bias_beta != 0 else number * 0
            bias[j] = kept + number * lane_sum(window(delta_out, j * lanes, lanes))
        weight_beta = bias_beta = 1.0


@kernel
def products_of(model: Model, part: Vector) -> int:
    """Where `add_products` of the part's layer lies."""
    address: int = model.table[part[LAYER] + STEP_PRODUCTS]
    return address


@kernel
def step_by_product(
    model: Model, data: Data, settings: Settings, order: Order, part: Integers
) -> None:
    """Plain descent: W ← (1 − αλ) W − α scale Σ_c δ_c a_cᵀ, b ← b − α scale Σ δ, no gradient."""
    rate = order.rate * rate_factor(model, part)
    decay = settings.rules.l2 * decay_factor(model, part)
    terms = Terms(order.batch, part, -rate * order.scale, 1 - rate * decay, 1.0)
    call_products(products_of(model, part), model.parameters, model, data, settings, terms)


@kernel
def rate_factor(model: Model, part: Integers) -> float:
    """By what the learning rate of the part's layer is multiplied."""
    return number_at(model.table, part[LAYER] + RATE)


@kernel
def decay_factor(model: Model, part: Integers) -> float:
    """By what the weight decay of the part's layer is multiplied."""
    return number_at(model.table, part[LAYER] + DECAY)


@kernel
def step_in_parts(model: Model, data: Data, settings: Settings, order: Order) -> None:
    """One step of plain descent where it makes the gradient of a layer."""
    for first in range(0, model.parts.size, PART_COLUMNS):
        part = window(model.parts, first, PART_COLUMNS)
        if model.table[part[LAYER] + IN_STEP]:
            step_by_product(model, data, settings, order, part)
        else:
            size = part[LAST] - part[FIRST]
            w = window(model.parameters, part[FIRST], size)
            sgd(w, window(model.gradient, part[FIRST], size), order.rate, order.scale)
