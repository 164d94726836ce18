"""Launches as graphs: the driver's calls, by a driver that is none, and the stretches of rounds."""

from __future__ import annotations

import contextlib
import enum
import gc
from types import SimpleNamespace

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

import nnlib
from nnlib.machine.device import missing_for_cuda

pytestmark = pytest.mark.skipif(
    missing_for_cuda() is not None, reason=f"no GPU: {missing_for_cuda()}"
)
if missing_for_cuda() is None:
    from nnlib.cuda import launch as cuda_launch
    from nnlib.cuda import rounds as cuda_rounds
    from nnlib.kernels.cuda.compile import graph, jit

STREAM, RECORDED, EXECUTABLE = 11, 22, 33
# What is called before the launches and after them; nothing is freed in between.
OPEN = ["cuStreamCreate", "defer", "cuStreamBeginCapture"]
CLOSE = ["cuStreamEndCapture", "clean up", "cuStreamDestroy", "cuGraphInstantiate"]
CLOSE += ["cuGraphDestroy"]


class Status(enum.Enum):
    """Of the driver's functions."""

    CUDA_SUCCESS = 0
    CUDA_ERROR_STREAM_CAPTURE_INVALIDATED = 901


class Driver:
    """The driver's functions, of which one may fail; the names of those called are kept."""

    CUresult = Status
    CUstream_flags = SimpleNamespace(CU_STREAM_NON_BLOCKING="non-blocking")
    CUstreamCaptureMode = SimpleNamespace(CU_STREAM_CAPTURE_MODE_THREAD_LOCAL="this thread's")

    def __init__(self):
        self.calls, self.failing = [], None

    def _call(self, name, *results):
        self.calls.append(name)
        failed = name == self.failing
        status = Status.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED if failed else Status.CUDA_SUCCESS
        return (status, *(None if failed else result for result in results))

    def cuStreamCreate(self, flags):
        assert flags == "non-blocking"
        return self._call("cuStreamCreate", STREAM)

    def cuStreamDestroy(self, stream):
        assert stream == STREAM
        return self._call("cuStreamDestroy")

    def cuStreamBeginCapture(self, stream, mode):
        assert (stream, mode) == (STREAM, "this thread's")
        return self._call("cuStreamBeginCapture")

    def cuStreamEndCapture(self, stream):
        assert stream == STREAM
        return self._call("cuStreamEndCapture", RECORDED)

    def cuGraphInstantiate(self, recorded, flags):
        assert (recorded, flags) == (RECORDED, 0)
        return self._call("cuGraphInstantiate", EXECUTABLE)

    def cuGraphDestroy(self, recorded):
        assert recorded == RECORDED
        return self._call("cuGraphDestroy")

    def cuGraphLaunch(self, executable, stream):
        assert (executable, stream) == (EXECUTABLE, 0)
        return self._call("cuGraphLaunch")

    def cuGraphExecDestroy(self, executable):
        assert executable == EXECUTABLE
        return self._call("cuGraphExecDestroy")


@pytest.fixture
def driver(monkeypatch):
    """In the place of the driver, and of what Numba makes of its streams."""
    driver = Driver()

    @contextlib.contextmanager
    def defer_cleanup():
        driver.calls.append("defer")
        try:
            yield
        finally:
            driver.calls.append("clean up")

    numba = SimpleNamespace(
        external_stream=lambda handle: f"stream {handle}", defer_cleanup=defer_cleanup
    )
    monkeypatch.setattr(graph, "cuda", numba)
    for module in (graph, jit):
        monkeypatch.setattr(module, "bindings", lambda: driver)
    return driver


def noted(driver, name):
    """A launch that is kept among the driver's calls."""
    return lambda stream=0: driver.calls.append(f"{name} on {stream}")


class TestTheDriversCalls:
    """What is asked of the driver, in which order, and what happens if it refuses."""

    def test_launches_are_recorded_once_and_replayed(self, driver):
        replay = graph.Graph([noted(driver, "first"), noted(driver, "second")])
        recording = ["first on stream 11", "second on stream 11"]
        assert driver.calls == [*OPEN, *recording, *CLOSE]
        driver.calls.clear()
        replay()
        replay()
        assert driver.calls == ["cuGraphLaunch"] * 2
        del replay
        gc.collect()
        assert driver.calls[2:] == ["cuGraphExecDestroy"]

    @pytest.mark.parametrize(
        ("name", "calls"),
        [
            ("cuStreamCreate", OPEN[:1]),
            ("cuStreamBeginCapture", [*OPEN, "clean up", "cuStreamDestroy"]),
            ("cuStreamEndCapture", OPEN + CLOSE[:3]),
            ("cuStreamDestroy", OPEN + CLOSE[:3]),
            ("cuGraphInstantiate", OPEN + CLOSE),
            ("cuGraphDestroy", OPEN + CLOSE),
        ],
    )
    def test_every_status_is_looked_at(self, driver, name, calls):
        driver.failing = name
        with pytest.raises(RuntimeError, match=f"^{name}: CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"):
            graph.Graph([])
        assert driver.calls == calls

    def test_a_replay_that_fails_says_so(self, driver):
        replay = graph.Graph([])
        driver.failing = "cuGraphLaunch"
        with pytest.raises(RuntimeError, match="cuGraphLaunch"):
            replay()

    @pytest.mark.parametrize("error", [ValueError("no such kernel"), KeyboardInterrupt()])
    @pytest.mark.parametrize("is_broken", [False, True])
    def test_a_launch_that_fails_ends_the_recording(self, driver, error, is_broken):
        driver.failing = "cuStreamEndCapture" if is_broken else None

        def fail(stream):
            raise error

        # Ctrl-C stays what it is, and ends a descent as ever.
        raised = RuntimeError if isinstance(error, ValueError) else KeyboardInterrupt
        with pytest.raises(raised) as caught:
            graph.Graph([noted(driver, "first"), fail, noted(driver, "second")])
        if raised is RuntimeError:
            assert "no such kernel" in str(caught.value)
            assert caught.value.__cause__ is error
        unfinished = [] if is_broken else ["cuGraphDestroy"]
        ending = ["cuStreamEndCapture", *unfinished, "clean up", "cuStreamDestroy"]
        assert driver.calls == [*OPEN, "first on stream 11", *ending]


def test_a_launcher_takes_the_stream_that_is_named(monkeypatch):
    seen = []

    class Function:
        def __getitem__(self, configuration):
            return lambda *arguments: seen.append((configuration, arguments))

    for simulated in (False, True):
        monkeypatch.setattr(jit, "SIMULATED", simulated)
        launch = jit.launcher(Function(), 2, 32, 64)
        launch("a")
        launch("a", stream="s")
        launch("b")
    expected = [((2, 32, 0, 64), ("a",)), ((2, 32, "s", 64), ("a",)), ((2, 32, 0, 64), ("b",))]
    assert seen == 2 * expected


def rounds_of(batches, validated, made, replays):
    """Rounds whose launches are kept in `made`, and the launches of every replay in `replays`."""

    def launch(name):
        return lambda: made.append(name)

    def graph_of(launches):
        def replay():
            replays.append(len(launches))
            for one in launches:
                one()

        return replay

    validation = [launch("validate")] if validated else []
    first = [launch("begin"), launch("pass"), launch("step")]
    return cuda_rounds.Rounds(first, first[1:], validation, batches), graph_of


class TestStretches:
    """Rounds in graphs are the rounds one by one."""

    @hypothesis.given(
        batches=st.integers(1, 30),
        validated=st.booleans(),
        most=st.integers(0, 40),
        counts=st.lists(st.integers(0, 70), max_size=12),
    )
    def test_are_the_rounds_one_by_one(self, batches, validated, most, counts):
        made, replays = [], []
        rounds, graph_of = rounds_of(batches, validated, made, replays)
        batch = 0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cuda_rounds, "graph", graph_of)
            patch.setattr(cuda_rounds, "MOST_LAUNCHES", most)
            for count in counts:
                rounds.run(batch, count)
                batch = (batch + count) % rounds.of_epoch
        expected = []
        for number in range(sum(counts)):
            place = number % rounds.of_epoch
            expected += ["begin"] * (place == 0)
            expected += ["pass", "step"] if place < batches else ["validate"]
        assert made == expected
        assert all(count <= most for count in replays)

    @pytest.mark.parametrize(
        ("batches", "validated", "count", "share"),
        [
            (1, False, 1000, 0.85),  # 85 epochs in a graph
            (8, True, 900, 0.85),  # epochs of 9 rounds
            (500, False, 5000, 0.85),  # an epoch longer than a graph
            (100, True, 30, 0.0),  # no stretch comes twice
        ],
    )
    def test_most_rounds_of_a_long_run_are_replayed(
        self, batches, validated, count, share, monkeypatch
    ):
        made, replays = [], []
        rounds, graph_of = rounds_of(batches, validated, made, replays)
        monkeypatch.setattr(cuda_rounds, "graph", graph_of)
        monkeypatch.setattr(cuda_rounds, "MOST_LAUNCHES", 256)
        rounds.run(0, count)
        assert sum(replays) >= share * len(made)
        assert share or not replays

    def test_without_graphs_it_goes_on_and_says_so_once(self, monkeypatch):
        made = []
        rounds, _ = rounds_of(3, False, made, [])

        def refuse(launches):
            raise RuntimeError("cuStreamBeginCapture: CUDA_ERROR_NOT_SUPPORTED")

        monkeypatch.setattr(cuda_rounds, "graph", refuse)
        with pytest.warns(UserWarning, match="without CUDA graphs: cuStreamBegin") as caught:
            rounds.run(0, 300)
        assert len(caught) == 1
        assert made == ["begin", *3 * ["pass", "step"]] * 100


@pytest.fixture(params=["together", "layers"])
def kind(request, monkeypatch):
    """The ways to cut a descent that take several launches a round."""
    monkeypatch.setattr(cuda_launch, "MOST_WIDTH", 99 if request.param == "together" else 0)
    monkeypatch.setattr(cuda_launch, "WORK_OF_ONE_BLOCK", 0)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_size": 4},
        {"batch_size": 4, "validation": 0.25, "clip_norm": 0.1, "dropout": 0.2, "epochs": 9},
        {"batch_size": 6, "patience": 2, "tolerance": 10.0},
    ],
    ids=lambda options: "-".join(options),
)
def test_descents_have_the_same_bits(kind, options, monkeypatch, rng):
    X, y = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))
    monkeypatch.setattr("nnlib.training.slices.SLICE_SECONDS", 1e9)  # all rounds in one slice
    made = []
    before = cuda_rounds.graph
    monkeypatch.setattr(cuda_rounds, "graph", lambda own: made.append(len(own)) or before(own))
    results = []
    for most in (0, 60):
        monkeypatch.setattr(cuda_rounds, "MOST_LAUNCHES", most)
        net = nnlib.Network([3, 4, 2], "tanh", seed=4, device="cuda")
        history = net.descent(X, y, **{"epochs": 14, "seed": 2, **options})
        results.append([net.parameters.copy(), history.J])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert made
