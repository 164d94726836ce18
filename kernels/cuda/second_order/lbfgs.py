"""The twin of `kernels.second_order.lbfgs`: whole descents in one launch, a block of threads each.

The method is the CPU's own source. All threads of the block run it together: each has a copy of
the few numbers that decide, and as a sum over the block is known to all of them, all decide alike.
What goes over vectors is done by the block's own loops, given to `twin` in place of the CPU's.
"""

from __future__ import annotations

from numba import types

from ...compile.jit import Vector
from ...layers.operations import COLUMNS, DECAYED, PARAMETERS
from ...network.problem import RUNNING
from ...second_order import lbfgs
from ...second_order.lbfgs import POSITIONS, LBFGSState
from ...second_order.line_search import SIZE
from ...second_order.objective import STATUS
from ...second_order.objective import Settings as ObjectiveSettings
from ..compile.jit import cuda, entry, kernel, twin, window
from ..network.problem import (
    Dataset,
    Model,
    Place,
    Settings,
    device_settings,
    device_unpack,
    examples,
    shared_tile,
    tile_pass,
)
from ..products.block import copy, total
from ..products.block_product import FLOAT32

# A network's float64 beside those of every descent: J here and at base, the search, and for each
# pair that is remembered sᵀy and the coefficient of the two-loop recursion.
COSTS = 2
CURVATURES = COSTS + SIZE


def numbers_size(memory: int) -> int:
    """How many float64 a network needs for that, if so many pairs are remembered."""
    return CURVATURES + 2 * memory


device_numbers_size = kernel(numbers_size)


@kernel
def sum_of_block(value: float) -> float:
    """Σ of one value per thread, known to all, by the block's own scratch."""
    return total(cuda.shared.array(0, types.float64), value)


@kernel
def dot(a: Vector, b: Vector) -> float:
    """Σ_k a_k b_k in float64."""
    part = 0.0
    for k in range(cuda.threadIdx.x, a.size, cuda.blockDim.x):
        part += float(a[k]) * float(b[k])
    return sum_of_block(part)


@kernel
def within(values: Vector, bound: float) -> bool:
    """Whether |v_k| ≤ bound for every k; NaN is not."""
    outside = 0.0
    for k in range(cuda.threadIdx.x, values.size, cuda.blockDim.x):
        if not abs(values[k]) <= bound:
            outside += 1.0
    return sum_of_block(outside) == 0


@kernel
def squared_weights(table: Vector, parameters: Vector) -> float:
    """Σ w² over the weights that decay, not the biases."""
    part = 0.0
    for first in range(0, table.size, COLUMNS):
        start = table[first + PARAMETERS]
        end = start + table[first + DECAYED]
        for k in range(start + cuda.threadIdx.x, end, cuda.blockDim.x):
            part += float(parameters[k]) * float(parameters[k])
    return sum_of_block(part)


@kernel
def negate(target: Vector, source: Vector) -> None:
    """target ← −source."""
    for k in range(cuda.threadIdx.x, target.size, cuda.blockDim.x):
        target[k] = -source[k]
    cuda.syncthreads()


@kernel
def subtract(target: Vector, first: Vector, second: Vector) -> None:
    """target ← first − second."""
    for k in range(cuda.threadIdx.x, target.size, cuda.blockDim.x):
        target[k] = first[k] - second[k]
    cuda.syncthreads()


@kernel
def scale(target: Vector, factor: float) -> None:
    """target ← factor · target."""
    multiple = target.dtype.type(factor)
    for k in range(cuda.threadIdx.x, target.size, cuda.blockDim.x):
        target[k] *= multiple
    cuda.syncthreads()


@kernel
def add_multiple(target: Vector, factor: float, vector: Vector) -> None:
    """target += factor · vector."""
    multiple = target.dtype.type(factor)
    for k in range(cuda.threadIdx.x, target.size, cuda.blockDim.x):
        target[k] += multiple * vector[k]
    cuda.syncthreads()


@kernel
def move(target: Vector, start: Vector, factor: float, vector: Vector) -> None:
    """target ← start + factor · vector."""
    multiple = target.dtype.type(factor)
    for k in range(cuda.threadIdx.x, target.size, cuda.blockDim.x):
        target[k] = start[k] + multiple * vector[k]
    cuda.syncthreads()


@kernel
def put(values: Vector, place: int, value: float) -> None:
    """values_place ← value, of an array that the threads share."""
    if cuda.threadIdx.x == 0:
        values[place] = value
    cuda.syncthreads()


LOOPS = {
    "dot": dot, "within": within, "squared_weights": squared_weights, "copy": copy,
    "negate": negate, "subtract": subtract, "scale": scale, "add_multiple": add_multiple,
    "move": move, "put": put,
}  # fmt: skip
go_on = twin(lbfgs.go_on, **LOOPS)


@kernel
def objective_settings(settings: Settings) -> ObjectiveSettings:
    """The settings as the CPU's source reads them."""
    return ObjectiveSettings(
        settings.n,
        settings.epochs,
        settings.lanes,
        settings.loss,
        1.0 / settings.n if settings.mean else 1.0,
        settings.rules.l2,
        settings.optimizer_settings[0],
        settings.optimizer_settings[1],
    )


@kernel
def load(own: Vector, shared: Vector) -> None:
    """Each thread's own copy of the first elements."""
    for k in range(own.size):
        own[k] = shared[k]


@entry
def descend(
    integers: Vector,
    reals: Vector,
    memory: Vector,
    searches: Vector,
    dataset: Dataset,
    budget: int,
) -> None:
    """Run up to `budget` evaluations of every network's descent, from where its state stands.

    Writes all but the examples. Of a network's two vectors for the optimizer the first holds base,
    its gradient and the direction, the second the pairs; searches is (networks, numbers_size).
    """
    settings = device_settings(integers, reals, cuda.blockIdx.x)
    lasting, state, _ = device_unpack(integers, reals, memory, cuda.blockIdx.x)
    size, pairs = lasting.parameters.size, state.second.size // (2 * lasting.parameters.size)
    tile, vectors = shared_tile(integers, memory, 0, 2 * size)
    model = Model(lasting.table, window(vectors, 0, size), window(vectors, size, size))
    data = examples(integers, dataset, state, False)
    count = device_numbers_size(pairs)
    numbers = window(searches, cuda.blockIdx.x * count, count)
    position = cuda.local.array(POSITIONS, types.int64)
    cost = cuda.local.array(COSTS, types.float64)
    search = cuda.local.array(SIZE, types.float64)
    load(position, state.position)
    load(cost, window(numbers, 0, COSTS))
    load(search, window(numbers, COSTS, SIZE))
    own = LBFGSState(
        position, cost, state.costs,
        window(state.first, 0, size), window(state.first, size, size),
        window(state.first, 2 * size, size), search,
        window(state.second, 0, pairs * size), window(state.second, pairs * size, pairs * size),
        window(numbers, CURVATURES, pairs), window(numbers, CURVATURES + pairs, pairs),
    )  # fmt: skip
    own_settings = objective_settings(settings)
    copy(model.parameters, lasting.parameters)
    while budget > 0 and position[STATUS] == RUNNING:
        part = 0.0
        for start in range(0, data.n, settings.lanes):
            place = Place(0, start, 0, 0, 0)
            part += tile_pass(model, data, settings, tile, place, True, FLOAT32)
        cost[0] = total(tile.scratch, part)
        go_on(model, own, own_settings)
        budget -= 1
    copy(window(state.position, 0, POSITIONS), position)
    copy(window(numbers, 0, COSTS), cost)
    copy(window(numbers, COSTS, SIZE), search)
    copy(lasting.parameters, model.parameters)
