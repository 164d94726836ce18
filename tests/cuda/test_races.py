"""No result depends on the order of threads and blocks, and a kernel where one does is caught."""

from __future__ import annotations

import numba
import numpy as np
import pytest

import nnlib

if not numba.config.ENABLE_CUDASIM:
    pytest.skip("needs NUMBA_ENABLE_CUDASIM=1", allow_module_level=True)

from nnlib.cuda import launch as cuda_launch
from nnlib.cuda.arrays import _survey
from nnlib.kernels.cuda.compile.jit import cuda, entry
from nnlib.kernels.cuda.products.block import ADD, MULTIPLY, WRITE, Product, row_sums, total
from nnlib.kernels.cuda.products.block_product import FLOAT32, product
from tests.cuda.schedule import ORDERS, BarrierError, Schedule, every_order
from tests.cuda.watched_memory import RaceError, UninitialisedError


@entry
def reverse(out, values):
    """Right: a barrier stands between writing shared memory and reading it."""
    shared = cuda.shared.array(0, values.dtype)
    shared[cuda.threadIdx.x] = values[cuda.threadIdx.x]
    cuda.syncthreads()
    out[cuda.threadIdx.x] = shared[cuda.blockDim.x - 1 - cuda.threadIdx.x]


@entry
def reverse_without_barrier(out, values):
    """As `reverse`, but for the barrier."""
    shared = cuda.shared.array(0, values.dtype)
    shared[cuda.threadIdx.x] = values[cuda.threadIdx.x]
    out[cuda.threadIdx.x] = shared[cuda.blockDim.x - 1 - cuda.threadIdx.x]


@entry
def shift_in_place(out, values):
    """Reads what a neighbour overwrites."""
    out[cuda.threadIdx.x] = values[cuda.threadIdx.x]
    cuda.syncthreads()
    if cuda.threadIdx.x > 0:
        out[cuda.threadIdx.x] = out[cuda.threadIdx.x - 1]


@entry
def write_together(out, values):
    """All threads write one element, and the last one is what stays."""
    out[0] = values[cuda.threadIdx.x]


@entry
def barrier_for_some(out, values):
    """The first thread leaves before the barrier."""
    if cuda.threadIdx.x == 0:
        return
    cuda.syncthreads()
    out[cuda.threadIdx.x] = values[cuda.threadIdx.x]


@entry
def two_barriers(out, values):
    """The threads wait, but not at one barrier."""
    if cuda.threadIdx.x == 0:
        cuda.syncthreads()
    else:
        cuda.syncthreads()
    out[cuda.threadIdx.x] = values[cuda.threadIdx.x]


@entry
def read_nothing(out, values):
    """Reads shared memory that nobody has written."""
    shared = cuda.shared.array(0, values.dtype)
    out[cuda.threadIdx.x] = shared[cuda.threadIdx.x]


@entry
def read_before(out, values):
    """Thread 0 reads the element before the first."""
    out[cuda.threadIdx.x] = values[cuda.threadIdx.x - 1]


@entry
def blocks_write_together(out, values):
    """Every block writes the first element."""
    if cuda.threadIdx.x == 0:
        out[0] = values[cuda.blockIdx.x]


def last_of_all(with_fence):
    """A kernel in which the last block adds up what all have written, with fences or without."""

    @entry
    def add_up(out, values, ticket):
        shared = cuda.shared.array(0, values.dtype)
        if cuda.threadIdx.x == 0:
            values[cuda.blockIdx.x] = 1 + cuda.blockIdx.x
        if with_fence:
            cuda.threadfence()
        cuda.syncthreads()
        if cuda.threadIdx.x == 0:
            shared[0] = cuda.atomic.add(ticket, 0, 1)
        cuda.syncthreads()
        if with_fence:
            cuda.threadfence()
        if shared[0] == cuda.gridDim.x - 1 and cuda.threadIdx.x == 1:
            for block in range(cuda.gridDim.x):
                out[0] += values[block]

    return add_up


def launch(kernel, *more, blocks=1):
    """Run a kernel with four threads a block; returns what it writes."""
    out = cuda.to_device(np.zeros(4))
    values = cuda.to_device(np.arange(1.0, 5.0))
    kernel[blocks, 4, 0, 32](out, values, *more)
    return out.copy_to_host()


@pytest.mark.parametrize("order", ORDERS)
class TestWhatIsWrongIsCaught:
    """In every order, by the watch on memory and barriers."""

    @pytest.fixture(autouse=True)
    def schedule(self, order, monkeypatch):
        """Every access is watched."""
        return Schedule(order, watched=True).install(monkeypatch)

    def test_a_right_kernel_passes(self):
        assert launch(reverse).tolist() == [4, 3, 2, 1]

    @pytest.mark.parametrize(
        ("kernel", "error", "message"),
        [
            (reverse_without_barrier, (RaceError, UninitialisedError), "shared memory|by thread"),
            (shift_in_place, RaceError, "is (read|written) by thread"),
            (write_together, RaceError, "is written by thread"),
            (barrier_for_some, BarrierError, "the end"),
            (two_barriers, BarrierError, "wait at different places"),
            (read_nothing, UninitialisedError, "element . of 4 in shared memory"),
            (read_before, IndexError, "element -1 of 4"),
        ],
    )
    def test_a_wrong_kernel_fails(self, kernel, error, message):
        with pytest.raises(error, match=message):
            launch(kernel)

    def test_blocks_that_write_one_element(self):
        with pytest.raises(RaceError, match="of block"):
            launch(blocks_write_together, blocks=2)

    def test_blocks_that_wait_for_each_other_by_a_ticket(self):
        assert launch(last_of_all(True), cuda.to_device(np.zeros(1, int)), blocks=3)[0] == 6
        with pytest.raises(RaceError, match="of block"):
            launch(last_of_all(False), cuda.to_device(np.zeros(1, int)), blocks=3)

    def test_what_is_allocated_begins_as_nan(self):
        assert np.isnan(cuda.device_array(3, np.float32).copy_to_host()).all()


@pytest.mark.parametrize(("kernel", "blocks"), [(reverse_without_barrier, 1), (write_together, 1)])
def test_the_orders_alone_tell_a_race(kernel, blocks, monkeypatch):
    results = set()
    for order in ORDERS:
        with monkeypatch.context() as patch:
            Schedule(order).install(patch)
            results.add(tuple(launch(kernel, blocks=blocks)))
    assert len(results) > 1


# Threads of a block and the way to cut a descent. With 32 threads the products of small layers are
# split over several threads, with 4 they are made in tiles.
SHAPES = [(4, "alone"), (4, "together"), (4, "layers"), (32, "alone"), (32, "together")]


@pytest.fixture(params=SHAPES, ids=lambda shape: f"{shape[1]}-{shape[0]}")
def shape(request, monkeypatch):
    """Threads of a block, and all three ways to cut a descent."""
    threads, kind = request.param
    wide, work = {"alone": (99, 10**9), "together": (99, 0), "layers": (0, 0)}[kind]
    monkeypatch.setattr(cuda_launch, "MOST_THREADS", threads)
    monkeypatch.setattr(cuda_launch, "MOST_WIDTH", wide)
    monkeypatch.setattr(cuda_launch, "WORK_OF_ONE_BLOCK", work)
    monkeypatch.setattr(cuda_launch, "LEAST_LANES", 1)


@pytest.mark.parametrize(
    ("activation", "loss", "options"),
    [
        (["sigmoid", "tanh", "identity"], "half_squared_error", {}),
        (
            ["relu", "elu", "softmax"],
            "softmax_cross_entropy",
            {"optimizer": "adam", "dropout": 0.3, "validation": 0.3, "batch_size": 5},
        ),
        (
            ["gelu", "leaky_relu", "sigmoid"],
            "binary_cross_entropy",
            {"optimizer": "adamw", "clip_norm": 0.1, "max_norm": 0.5, "sample_weight": True},
        ),
        (
            ["silu", "softplus", "heaviside"],
            "huber",
            {"optimizer": "rprop", "batch_size": None, "l1": 0.01, "clip_value": 0.1},
        ),
    ],
    ids=["plain", "validated", "clipped", "penalised"],
)
def test_descents_in_every_order(shape, activation, loss, options, monkeypatch, rng):
    X, y = rng.normal(size=(14, 3)), rng.uniform(size=(14, 2))
    y = rng.integers(0, 2, 14) if loss == "softmax_cross_entropy" else y
    if "sample_weight" in options:
        options = {**options, "sample_weight": np.arange(14.0) % 3}

    def descend():
        net = nnlib.Network([3, 5, 4, 2], activation, loss=loss, device="cuda")
        history = net.descent(X, y, epochs=2, seed=1, **{"batch_size": 9, **options})
        weights, biases = net.derJ(X, y)
        return [net.parameters, history.J, net.F(X), net.J(X, y), *weights, *biases]

    assert np.isfinite(every_order(monkeypatch, descend)[0]).all()


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 5, "folds": 2, "optimizer": "adam"},
        {"validation": 0.3, "dropout": 0.3, "batch_size": 4, "patience": 1},
        {"grid": {"learning_rate": [0.1, 0.3]}},
        {"optimizer": "lbfgs", "weight_decay": 0.1, "folds": 2},
    ],
    ids=lambda options: "-".join(options),
)
def test_populations_in_every_order(options, monkeypatch, rng):
    X, y = rng.normal(size=(12, 2)), rng.normal(size=(12, 1))

    def train():
        population = nnlib.train_many([2, 3, 1], X, y, n=2, epochs=3, device="cuda", **options)
        return [population.parameters, population.J, population.cost]

    every_order(monkeypatch, train)


@pytest.mark.parametrize("loss", ["poisson", "softmax_cross_entropy"])
def test_arrays_on_the_gpu_in_every_order(loss, monkeypatch, rng):
    X, y = rng.normal(size=(9, 3)), np.full((9, 2), 0.5)
    net = nnlib.Network([3, 2], "identity", loss=loss, device="cuda")

    def look():
        there = cuda.to_device(X), cuda.to_device(y)
        return [_survey(there[0]), net.J(*there), net.F(there[0]).copy_to_host()]

    every_order(monkeypatch, look)


@entry
def multiply(out, left, right, start, sizes):
    """`product`, and the sums of its rows in the last column."""
    rows, columns, inner, mode = sizes[0], sizes[1], sizes[2], sizes[3]
    scratch = cuda.shared.array(0, numba.types.float64)
    matrix, sums = out[0 : rows * columns], out[rows * columns : rows * columns + rows]
    own = Product(matrix, left, right, start, rows, columns, inner, inner, 1, columns, 1, mode)
    product(own, scratch, FLOAT32)
    row_sums(sums, matrix, scratch, columns, False)
    mean = total(scratch, float(cuda.threadIdx.x)) / cuda.blockDim.x
    if cuda.threadIdx.x == 0:
        out[rows * columns + rows] = mean


@pytest.mark.parametrize("threads", [1, 3, 32, 45])
@pytest.mark.parametrize("sizes", [(1, 1, 9), (2, 3, 7), (5, 4, 1), (9, 11, 4), (40, 3, 2)])
@pytest.mark.parametrize("mode", [WRITE, ADD, MULTIPLY])
def test_products_with_any_number_of_threads(threads, sizes, mode, monkeypatch, rng):
    rows, columns, inner = sizes
    left, right = rng.normal(size=(rows, inner)), rng.normal(size=(inner, columns))
    start, before = rng.normal(size=rows), rng.normal(size=(rows, columns))

    def compute():
        out = cuda.to_device(np.concatenate([before.ravel(), np.zeros(rows + 1)]))
        there = [cuda.to_device(values.ravel()) for values in (left, right, start)]
        header = cuda.to_device(np.array([*sizes, mode]))
        multiply[1, threads, 0, 8 * threads](out, *there, header)
        return [out.copy_to_host()]

    (out,) = every_order(monkeypatch, compute)
    value = left @ right + start[:, None]
    wanted = {WRITE: value, ADD: before + value, MULTIPLY: before * value}[mode]
    np.testing.assert_allclose(out[: rows * columns].reshape(rows, columns), wanted, rtol=1e-12)
    np.testing.assert_allclose(out[rows * columns : -1], wanted.sum(axis=1), rtol=1e-11)
    assert out[-1] == pytest.approx((threads - 1) / 2)
