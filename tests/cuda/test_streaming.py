"""Data larger than the GPU's memory: the bits of data that fits, and what does not fit at all."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import nnlib
from nnlib.machine.device import missing_for_cuda
from tests.tolerances import assert_close

pytestmark = pytest.mark.skipif(
    missing_for_cuda() is not None, reason=f"no GPU: {missing_for_cuda()}"
)
if missing_for_cuda() is None:
    from nnlib.cuda import launch as cuda_launch
    from nnlib.cuda import streaming
    from nnlib.kernels.network import problem

N = 33
ROW_BYTES = 8 * (3 + 2)


@pytest.fixture
def data(rng):
    """33 examples of three features and two targets, 1320 bytes."""
    return rng.normal(size=(N, 3)), rng.normal(size=(N, 2))


@pytest.fixture(params=["alone", "together", "layers"])
def kind(request, monkeypatch):
    """All three ways to cut a descent, whatever its shape."""
    wide, work = {"alone": (99, 10**9), "together": (99, 0), "layers": (0, 0)}[request.param]
    monkeypatch.setattr(cuda_launch, "MOST_WIDTH", wide)
    monkeypatch.setattr(cuda_launch, "WORK_OF_ONE_BLOCK", work)
    return request.param


@pytest.fixture
def memory(monkeypatch):
    """Sets how many bytes of examples the GPU has room for, and of a slab."""

    def set_memory(room, slab=200):
        monkeypatch.setattr(streaming, "room", lambda others: float(room))
        monkeypatch.setattr(streaming, "SLAB_BYTES", slab)

    return set_memory


@pytest.fixture
def slabs(monkeypatch):
    """The numbers of the slabs that were sent to the GPU."""
    sent = []
    before = streaming.Stream._send

    def send(stream, slab):
        waiting = stream._sent
        before(stream, slab)
        if stream._sent != waiting:
            sent.append(slab)

    monkeypatch.setattr(streaming.Stream, "_send", send)
    return sent


def trained(data, calls=2, **options):
    """A network after descents that go on from each other's random numbers, and their costs."""
    net = nnlib.Network([3, 4, 3, 2], "tanh", seed=4, device="cuda")
    histories = [net.descent(*data, **{"epochs": 2, **options}) for _ in range(calls)]
    return net.parameters.copy(), np.concatenate([history.J for history in histories])


def same(data, memory, room=1000, slab=200, **options):
    """Train with all the data on the GPU and without; the bits are the same."""
    whole = trained(data, **options)
    memory(room, slab)
    streamed = trained(data, **options)
    for ours, theirs in zip(whole, streamed, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("batch", "slab", "of_an_epoch"), [(7, 200, 5), (4, 600, 3), (12, 10**6, 3)]
)
def test_slabs_of_batches_give_the_same_bits(kind, batch, slab, of_an_epoch, data, memory, slabs):
    same(data, memory, 1000, slab, batch_size=batch, optimizer="adam")
    assert slabs == 4 * list(range(of_an_epoch))


@pytest.mark.parametrize(
    "options",
    [
        {"shuffle": False},
        {"sample_weight": np.arange(N) % 4, "optimizer": "momentum"},
        {"dropout": 0.3, "clip_norm": 0.1},
        {"patience": 1, "tolerance": 10.0, "epochs": 6},
        {"validation": 0.25},
    ],
    ids=lambda options: "-".join(options),
)
def test_options(kind, options, data, memory, slabs):
    same(data, memory, 10**3, batch_size=6, **options)
    assert len(slabs) > 8


def test_slices_leave_no_trace(kind, data, memory, monkeypatch):
    monkeypatch.setattr("nnlib.training.slices.SLICE_SECONDS", 1e-12)
    same(data, memory, slab=600, batch_size=4)


@pytest.mark.parametrize("gathered", [1, 4, 5, 6, 9, 12])
def test_a_resumed_descent_has_the_same_bits(gathered, data, memory, monkeypatch, tmp_path):
    monkeypatch.setattr("nnlib.training.slices.SLICE_SECONDS", 1e-12)
    options = {"epochs": 3, "batch_size": 7, "optimizer": "adam", "seed": 1}
    whole, net, again = (nnlib.Network([3, 4, 2], device="cuda") for _ in range(3))
    history = whole.descent(*data, **options)
    memory(1000)
    take, calls = np.take, []

    def interrupted(*arguments, **names):
        calls.append(1)
        if len(calls) == 2 * gathered:  # of inputs and of targets
            raise KeyboardInterrupt
        return take(*arguments, **names)

    saving = {"checkpoint": tmp_path / "descent", "resume": True}
    with monkeypatch.context() as patch:
        patch.setattr(streaming.np, "take", interrupted)
        with pytest.raises(KeyboardInterrupt):
            net.descent(*data, **options, **saving)
    resumed = again.descent(*data, **options, **saving)
    np.testing.assert_array_equal(again.parameters, whole.parameters)
    np.testing.assert_array_equal(resumed.J, history.J)


def test_a_divergence_ends_it_where_it_would_have(data, memory):
    def diverged():
        net = nnlib.Network([3, 4, 2], "identity", device="cuda", seed=1)
        with pytest.raises(nnlib.DivergenceError) as caught:
            net.descent(*data, learning_rate=1e200, epochs=9, batch_size=7)
        net.descent(*data, epochs=1, batch_size=7)
        return caught.value.epoch, net.parameters.copy()

    epoch, parameters = diverged()
    memory(1000)
    other_epoch, other_parameters = diverged()
    assert other_epoch == epoch
    np.testing.assert_array_equal(other_parameters, parameters)


def test_the_next_slab_is_on_its_way_before_the_present_one_is_waited_for(data, monkeypatch):
    position = np.zeros(problem.POSITION_SIZE, np.int64)
    position[problem.STATUS] = problem.RUNNING
    state = problem.DescentState(position, *[np.empty(0)] * 9, np.ones(4, np.uint64), np.empty(0))
    train = streaming.Examples(*data, np.empty(0))
    stream = streaming.Stream(train, np.empty(0, np.int64), state, 6, 2)
    done = []
    for name in ("_gather", "_send"):
        before = getattr(stream, name)
        attribute = {"_gather": "_gathered", "_send": "_sent"}[name]

        def noted(slab, before=before, name=name, attribute=attribute):
            reached = getattr(stream, attribute)
            before(slab)
            if getattr(stream, attribute) != reached:
                done.append(f"{name[1:]} {slab}")

        monkeypatch.setattr(stream, name, noted)
    stream.begin()

    def launch(rounds):
        done.append(f"launch {rounds}")
        position[problem.BATCH] += rounds

    stream.run(launch, lambda: done.append("wait"), 6)
    assert done == [
        "gather 0", "send 0", "launch 2", "gather 1", "send 1", "gather 2", "wait",
        "launch 2", "send 2", "wait", "launch 2", "wait",
    ]  # fmt: skip


def test_data_that_fits_is_not_streamed(data, memory, slabs):
    memory(N * ROW_BYTES)
    trained(data, batch_size=7)
    assert not slabs


def test_the_least_memory_is_that_of_two_batches(data, memory, slabs):
    memory(2 * 7 * ROW_BYTES)
    trained(data, batch_size=7)
    assert slabs
    memory(2 * 7 * ROW_BYTES - 1)
    before = nnlib.Network([3, 4, 3, 2], "tanh", seed=4).parameters
    with pytest.raises(ValueError, match=r"batch_size is 7 and X and y take 1.32e\+03 bytes"):
        trained(data, batch_size=7)
    net = nnlib.Network([3, 4, 3, 2], "tanh", seed=4, device="cuda")
    with pytest.raises(ValueError, match=r"batch_size is 33 .* Give a smaller batch_size"):
        net.descent(*data)
    np.testing.assert_array_equal(net.parameters, before)


def test_validation_examples_that_do_not_fit_are_refused(data, memory):
    memory(400)
    with pytest.raises(ValueError, match="validation: its 33 examples stay on the GPU"):
        trained(data, batch_size=2, validation=data)


def test_arrays_that_lie_there_already_are_not_streamed(data, memory, slabs):
    from nnlib.kernels.cuda.compile.jit import cuda

    memory(1)
    trained([cuda.to_device(part) for part in data], batch_size=7)
    assert not slabs


@pytest.mark.parametrize("rows", [1, 6, 32])
def test_functions_of_data_that_do_not_fit(kind, rows, data, memory):
    net = nnlib.Network([3, 4, 2], "tanh", device="cuda")
    weights = np.arange(N) % 4

    def values():
        (dW, db) = net.derJ(*data, sample_weight=weights)
        parts = [part.ravel() for part in (*dW, *db)]
        return net.F(data[0]), net.J(*data, sample_weight=weights), np.concatenate(parts)

    whole = values()
    memory((rows + 0.5) * 8 * (3 + 2 + 1))
    for ours, theirs in zip(values(), whole, strict=True):
        assert_close(ours, theirs, terms=4 * N, depth=8)


@pytest.mark.parametrize(
    ("who", "train"),
    [
        ("optimizer 'lbfgs'", lambda net, data: net.descent(*data, optimizer="lbfgs")),
        ("train_many", lambda net, data: nnlib.train_many(net, *data, n=2, epochs=1)),
    ],
)
def test_what_needs_all_data_there_refuses_data_that_does_not_fit(who, train, data, memory):
    memory(N * ROW_BYTES - 1)
    net = nnlib.Network([3, 4, 2], device="cuda")
    with pytest.raises(ValueError, match=f"{who} keeps all examples on the GPU, .* for 32 of 33"):
        train(net, data)


def test_the_room_is_what_the_network_leaves(monkeypatch):
    context = SimpleNamespace(get_memory_info=lambda: SimpleNamespace(free=1000, total=2000))
    monkeypatch.setattr(streaming, "cuda", SimpleNamespace(current_context=lambda: context))
    assert streaming.room(150) == 750


def test_what_the_buffers_take_is_known_before_they_are_made(data):
    from nnlib.cuda import memory as cuda_memory
    from nnlib.training import cuda as cuda_descent

    made = []

    class Noted(cuda_descent.Memory):
        def __init__(self, header, settings, table, parameters, *others):
            super().__init__(header, settings, table, parameters, *others)
            size = sum(buffer.nbytes for buffer in self.upload())
            made.append((cuda_memory.total_bytes(header, parameters.itemsize), size))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuda_descent, "Memory", Noted)
        trained(data, calls=1, batch_size=7)
    ((expected, size),) = made
    assert expected == size
