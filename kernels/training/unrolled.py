"""A driver of its own for one small network: its pass written out, number by number.

The kernels of `propagate` walk a table, one short loop over the samples for every step of every
layer, and hand their results on in memory. For seven parameters and sixty samples the loops are
so short that waiting for results takes half of the time. Here every weight, activation and delta
of a network is a variable, and one loop over the samples makes all of the pass: forward, cost,
deltas, gradient. Several samples (several vectors, after LLVM) go through it side by side, since
one alone spends its time waiting for its own divisions.

The code is Python source, made from the operation table and compiled like all other kernels; the
formulas and the loop over epochs are theirs. It costs two to three seconds of compilation, once
per network and machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from ..compile.jit import Vector, elementwise, entry, kernel
from ..compile.memory import window
from ..formulas import activations, losses
from ..layers.kinds import NO_CHAIN, unknown_kind
from ..layers.operations import (
    COLUMNS,
    D_IN,
    D_OUT,
    DENSE,
    SAMPLE_MAJOR,
    Row,
    is_chain,
    rows_of,
)
from ..network.problem import Problem
from ..products.tiles import VECTOR_BYTES
from ..threads.team import Order
from .descent import driver_loop, keep_share

# So many samples go through the pass side by side: the exercise takes 308 ns an epoch with one,
# 242 with two, 206 with four, 165 with eight (float64; 147, 129 and 99 in float32, where eight
# would be half padding).
_COPIES = (8, 4, 2, 1)
# Copies of parameters: the source has about eight operations for each, and compilation grows faster
# than the source. So 16 parameters have eight copies, 64 have two.
_MOST_TERMS = 128
MOST_PARAMETERS = 64
# The kinds of layer that are written out.
KINDS = (DENSE,)

# A slice of work ends with a block; 8 000 samples take less than a millisecond.
_MOST_LANES = 8192

# Drivers of this process, by their source.
compiled: dict[str, Callable[..., None]] = {}
# The arguments of a driver.
_ARGUMENTS = "problem, member, budget"


def obstacle(table: Vector, parameters: int, loss: int) -> str | None:
    """Why a network cannot be written out; None if it can."""
    rows, kind = rows_of(table), unknown_kind(table, KINDS)
    if kind is not None:
        return f"it has a layer of kind {kind!r}"
    if not is_chain(table):
        return f"it is one of the {NO_CHAIN}"
    if parameters > MOST_PARAMETERS:
        return f"it has {parameters} parameters, and at most {MOST_PARAMETERS} can be written out"
    for row in rows:
        activation = activations.of(row.activation)
        if not _is_written_out(activation) and row.activation != activations.LOG_SOFTMAX:
            return f"it has activation {activation.name!r}"
    entry = losses.of(loss)
    if entry.digest or entry.on_logits == activations.LOG_SOFTMAX:
        return f"its loss is {entry.name!r}"
    return None


def _is_written_out(activation: activations.Activation) -> bool:
    """Whether f and f' are formulas of one number; a kept f' would need a variable more.

    Heaviside's f' is 0: nothing would be trained.
    """
    return not activation.needs_workspace and activation.name != "heaviside"


def formulas() -> dict[str, Any]:
    """Formulas of all activations and losses by the names that `pass_source` gives them."""
    named: dict[str, Any] = {"weighted": losses.weighted}
    for activation in activations.ACTIVATIONS:
        if _is_written_out(activation) and activation.function is not None:
            named[f"{activation.name}_function"] = activation.function
            named[f"{activation.name}_derivative"] = activation.derivative
    for loss in losses.LOSSES:
        named[f"{loss.name}_cost"], named[f"{loss.name}_delta"] = loss.cost, loss.delta
    return named


def side_by_side(batch: int, parameters: int, itemsize: int) -> int:
    """How many samples of a batch go through the pass together: a copy of the pass for each."""
    vectors = -(-batch * itemsize // VECTOR_BYTES)
    most = min(vectors, _MOST_TERMS // parameters)
    return next(copies for copies in _COPIES if copies <= most)


def block_lanes(batch: int, copies: int, itemsize: int) -> int:
    """Samples per block: whole vectors for every copy; no scratch, so that blocks may be long."""
    share = copies * VECTOR_BYTES // itemsize
    blocks = -(-batch // _MOST_LANES)
    return -(-batch // (blocks * share)) * share


def by_features(table: Vector) -> Vector:
    """The table with inputs (d_1, lanes), as the pass reads them."""
    table = table.copy()
    table[SAMPLE_MAJOR] = 0
    return table


def parameters_of(table: Vector) -> int:
    """How many parameters the network of the table has."""
    return sum(row.size for row in rows_of(table))


def _sum(terms: Iterator[str]) -> str:
    return " + ".join(terms)


def _forward(rows: list[Row], copy: int) -> Iterator[str]:
    """a_{layer}_{unit} of every unit of one sample."""
    for i in range(rows[0].d_in):
        yield f"a0_{i}_{copy} = x{i}[s + {copy} * part]"
    for layer, row in enumerate(rows):
        activation = activations.of(row.activation)
        for j in range(row.d_out):
            weight, bias = row.parameters + j * row.d_in, row.parameters + row.decayed + j
            z = _sum(f"w{weight + i} * a{layer}_{i}_{copy}" for i in range(row.d_in))
            z += f" + w{bias}"
            yield f"a{layer + 1}_{j}_{copy} = " + (
                f"{activation.name}_function({z})" if activation.function else z
            )


def _times_derivative(row: Row, a: str) -> str:
    activation = activations.of(row.activation)
    return f" * {activation.name}_derivative({a})" if activation.function else ""


def _output(rows: list[Row], loss: int, copy: int, careful: bool) -> Iterator[str]:
    """Cost, and δ of the last layer."""
    entry = losses.of(loss)
    factors = (
        (f"{entry.name}_cost", entry.cost_overflows or careful),
        (f"{entry.name}_delta", entry.delta_overflows or careful),
    )
    weight = f"v[s + {copy} * part]"
    last = len(rows)
    for j in range(rows[-1].d_out):
        a, y = f"a{last}_{j}_{copy}", f"y{j}[s + {copy} * part]"
        times = [
            f"weighted({weight}, {name}({a}, {y}))" if overflows else f"{weight} * {name}({a}, {y})"
            for name, overflows in factors
        ]
        yield f"cost += {times[0]}"
        yield f"d{last}_{j}_{copy} = {times[1]}" + _times_derivative(rows[-1], a)


def _deltas(rows: list[Row], layer: int, copy: int) -> Iterator[str]:
    """δ of the layer before the layer numbered `layer`, from 1 on."""
    row = rows[layer]
    for i in range(row.d_in):
        product = _sum(
            f"w{row.parameters + j * row.d_in + i} * d{layer + 1}_{j}_{copy}"
            for j in range(row.d_out)
        )
        a = f"a{layer}_{i}_{copy}"
        yield f"d{layer}_{i}_{copy} = ({product})" + _times_derivative(rows[layer - 1], a)


def _gradient(rows: list[Row], layer: int, copies: int) -> Iterator[str]:
    """The layer's share of the gradient, of all copies at once."""
    row = rows[layer]
    for j in range(row.d_out):
        delta = f"d{layer + 1}_{j}_"
        for i in range(row.d_in):
            products = _sum(f"{delta}{copy} * a{layer}_{i}_{copy}" for copy in range(copies))
            yield f"g{row.parameters + j * row.d_in + i} += {products}"
        yield f"g{row.parameters + row.decayed + j} += " + _sum(
            f"{delta}{copy}" for copy in range(copies)
        )


def _loop(rows: list[Row], loss: int, copies: int, careful: bool) -> Iterator[str]:
    """The body of the loop over the samples, the copies' statements in turn."""
    phases: list[Callable[[int], Iterator[str]]] = [
        lambda copy: _forward(rows, copy),
        lambda copy: _output(rows, loss, copy, careful),
    ]
    for phase in phases:
        for statements in zip(*(phase(copy) for copy in range(copies)), strict=True):
            yield from statements
    for layer in range(len(rows) - 1, -1, -1):
        yield from _gradient(rows, layer, copies)
        if layer:
            deltas = (_deltas(rows, layer, copy) for copy in range(copies))
            for statements in zip(*deltas, strict=True):
                yield from statements


def pass_source(table: Vector, loss: int, copies: int, careful: bool = False) -> str:
    """The pass of a network as Python source, for the processor and for a GPU's thread.

    `block_cost` takes one block, inputs (d_1, lanes), targets (d_L, lanes) and the example weights
    (lanes,); it returns Σ J and writes the gradient, or adds it. careful leaves out examples of
    weight 0 even where their cost overflows, as those of a fold may; elsewhere none does.
    """
    rows = rows_of(table)
    d_in, d_out = rows[0].d_in, rows[-1].d_out
    parameters = range(parameters_of(table))
    before = [
        "zero = parameters.dtype.type(0)",
        f"part = lanes // {copies}",
        "cost = zero",
        *(f"w{k} = parameters[{k}]" for k in parameters),
        *(f"g{k} = zero" for k in parameters),
        *(f"x{i} = window(inputs, {i} * lanes, lanes)" for i in range(d_in)),
        *(f"y{j} = window(targets, {j} * lanes, lanes)" for j in range(d_out)),
        "for s in range(part):",
    ]
    after = [f"gradient[{k}] = g{k} + gradient[{k}] if accumulate else g{k}" for k in parameters]
    return "\n".join(
        [
            "@kernel",
            "def block_cost(parameters, gradient, inputs, targets, v, lanes, accumulate):",
            *("    " + line for line in before),
            *("        " + line for line in _loop(rows, loss, copies, careful)),
            *("    " + line for line in after),
            "    return cost",
            "",
        ]
    )


def source(table: Vector, loss: int, copies: int) -> str:
    """The pass of a network, and its driver."""
    return "\n".join(
        [
            pass_source(table, loss, copies),
            "@kernel",
            "def step(model, data, settings, order):",
            "    parameters, gradient = model.parameters, model.gradient",
            "    factor = parameters.dtype.type(order.rate * order.scale)",
            *(
                f"    parameters[{k}] -= factor * gradient[{k}]"
                for k in range(parameters_of(table))
            ),
            "",
            "loop = driver_loop(True, next_block(block_cost), step)",
            "",
            "@entry",
            f"def descend({_ARGUMENTS}):",
            f"    loop({_ARGUMENTS})",
            "",
        ]
    )


def next_block(block_cost: Callable[..., float]) -> Callable[..., None]:
    """`descent.plain_pass` with a network's own pass."""

    @elementwise
    def one_pass(problem: Problem, order: Order) -> None:
        model, data, state = problem.model, problem.data, problem.state
        lanes, table = problem.settings.lanes, model.table
        if order.batch == 0 and order.round == 0:
            keep_share(model, state, order.epoch, 0, 1)
        inputs = table[D_IN] * lanes
        targets = (table[table.size - COLUMNS + D_OUT] + 1) * lanes
        number = order.batch * data.batch_blocks + order.round
        cost = block_cost(
            model.parameters, model.gradient, window(data.inputs, number * inputs, inputs),
            window(data.targets, number * targets, targets - lanes),
            window(data.targets, (number + 1) * targets - lanes, lanes), lanes, order.round > 0,
        )  # fmt: skip
        state.chunk_costs[0] = cost + (state.chunk_costs[0] if order.round > 0 else 0.0)

    return one_pass


def descend_of(text: str, names: dict[str, Any]) -> Callable[..., None]:
    """The function `descend` of the source, which may use these names.

    "__name__" among them is a module's: there Numba looks when it loads the code again.
    """
    # The cache tells generated code apart by the name in place of a file's.
    name = f"<network {hashlib.sha256(text.encode()).hexdigest()[:32]}>"
    exec(compile(text, name, "exec"), names)
    descend: Callable[..., None] = names["descend"]
    return descend


def _compile(text: str) -> Callable[..., None]:
    names = {
        **formulas(),
        "__name__": __name__,
        "kernel": kernel,
        "entry": entry,
        "window": window,
        "driver_loop": driver_loop,
        "next_block": next_block,
    }
    return descend_of(text, names)


def driver(table: Vector, loss: int, copies: int) -> Callable[..., None]:
    """What `Descent` calls in place of `descent.descend`, for the network of the table."""
    text = source(table, loss, copies)
    if text not in compiled:
        compiled[text] = _compile(text)
    return compiled[text]
