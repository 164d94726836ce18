"""Small members of a population on the GPU, a thread each, beside those of the CPU."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib.kernels.cuda.training import unrolled
from nnlib.machine.device import missing_for_cuda
from nnlib.population.cuda import threads
from nnlib.training import slices
from tests.tolerances import assert_close

pytestmark = pytest.mark.skipif(
    missing_for_cuda() is not None, reason=f"no GPU: {missing_for_cuda()}"
)

NETWORKS = [
    ([1, 2, 1], "sigmoid", "half_squared_error", "float64"),
    ([1, 2, 1], "tanh", "huber", "float32"),
    ([3, 3, 4, 2, 2], "tanh", "log_cosh", "float64"),
    ([2, 3, 1], ["relu", "sigmoid"], "binary_cross_entropy", "float64"),
    ([2, 2, 1], ["elu", "identity"], "poisson", "float32"),
    ([2, 2], "leaky_relu", "absolute_error", "float64"),
]


def examples(sizes, n=10):
    """Inputs and targets that every loss has a meaning for."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, sizes[0])), rng.uniform(0.1, 0.9, size=(n, sizes[-1]))


@pytest.fixture
def drivers(monkeypatch):
    """The drivers that are made, by their source."""
    monkeypatch.setattr(unrolled, "compiled", {})
    return unrolled.compiled


@pytest.mark.parametrize(("sizes", "activation", "loss", "dtype"), NETWORKS)
def test_members_are_those_of_the_cpu(sizes, activation, loss, dtype, drivers):
    options = {
        "n": 5, "epochs": 4, "activation": activation, "loss": loss, "dtype": dtype,
        "learning_rate": 0.1, "trace": 3,
    }  # fmt: skip
    cpu, gpu = (
        nnlib.train_many(sizes, *examples(sizes), device=device, **options)
        for device in ("cpu", "cuda")
    )
    assert len(drivers) == 1
    for name in ("parameters", "J", "cost"):
        values = getattr(cpu, name), getattr(gpu, name)
        assert_close(values[1], values[0], terms=10 * len(sizes), depth=4, dtype=dtype)
    np.testing.assert_array_equal(gpu.epochs, cpu.epochs)
    start = nnlib.train_many(sizes, *examples(sizes), device="cuda", **{**options, "epochs": 0})
    assert not np.allclose(start.parameters, gpu.parameters)


@pytest.mark.parametrize(
    "options",
    [
        {"n": 2, "folds": 3},
        {"n": 3, "bootstrap": True},
        {"n": 2, "sample_weight": np.linspace(0, 2, 10), "reduction": "sum"},
        {"n": 2, "learning_rate": nnlib.schedules.Cosine(0.1)},
        {"n": 2, "grid": {"learning_rate": [0.05, nnlib.schedules.Step(0.1, 2)]}},
    ],
    ids=lambda options: "-".join(options),
)
def test_weights_and_rates(options, drivers):
    cpu, gpu = (
        nnlib.train_many([2, 3, 1], *examples([2, 1]), epochs=4, device=device, **options)
        for device in ("cpu", "cuda")
    )
    assert len(drivers) == 1
    for name in ("parameters", "J", "cost"):
        assert_close(getattr(gpu, name), getattr(cpu, name), terms=30, depth=4)


def test_slices_do_not_change_the_bits(monkeypatch, drivers):
    def train():
        return nnlib.train_many([1, 2, 1], *examples([1, 1]), n=6, epochs=9, device="cuda")

    whole = train()
    monkeypatch.setattr(slices, "SLICE_SECONDS", 0)  # an epoch at a time
    sliced = train()
    np.testing.assert_array_equal(sliced.parameters, whole.parameters)
    np.testing.assert_array_equal(sliced.J, whole.J)
    assert len(drivers) == 1


@pytest.mark.parametrize("epochs", [1, 2, 7])
def test_what_diverges_keeps_the_epoch_before(epochs, drivers, monkeypatch):
    monkeypatch.setattr(slices, "SLICE_SECONDS", 0)
    options = {"activation": "identity", "grid": {"learning_rate": [1e-2, 1e200]}, "n": 2}
    cpu, gpu = (
        nnlib.train_many([2, 2, 1], *examples([2, 1]), epochs=epochs, device=device, **options)
        for device in ("cpu", "cuda")
    )
    assert len(drivers) == 1
    np.testing.assert_array_equal(gpu.status, cpu.status)
    np.testing.assert_array_equal(gpu.epochs, cpu.epochs)
    np.testing.assert_array_equal(np.isnan(gpu.J), np.isnan(cpu.J))
    finite = np.isfinite(cpu.parameters)
    np.testing.assert_array_equal(np.isfinite(gpu.parameters), finite)
    assert_close(gpu.parameters[finite], cpu.parameters[finite], terms=20, depth=epochs)


def test_a_callback_ends_it_at_an_epoch_s_end(drivers):
    data = examples([1, 1])
    population = nnlib.train_many(
        [1, 2, 1], *data, n=6, epochs=500, device="cuda",
        callback=lambda report: report.epochs >= 6 * 3,
    )  # fmt: skip
    assert population.stopped == "callback"
    reached = int(population.epochs[0])
    assert 3 <= reached < 500
    again = nnlib.train_many([1, 2, 1], *data, n=6, epochs=reached, device="cuda")
    np.testing.assert_array_equal(population.parameters, again.parameters)
    assert len(drivers) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "adam"},
        {"batch_size": 4},
        {"validation": 0.3},
        {"activation": "gelu"},
        {"weight_decay": 0.1},
        {"patience": 3},
    ],
    ids=lambda options: "-".join(options),
)
def test_others_have_a_block(options, drivers):
    nnlib.train_many([1, 2, 1], *examples([1, 1]), n=2, epochs=1, device="cuda", **options)
    assert not drivers


def test_blocks_are_whole_and_lanes_beyond_the_data_weigh_nothing(monkeypatch, drivers):
    """Members that do not fill the last block, examples that do not fill the last turn."""
    monkeypatch.setattr(threads, "BLOCK", 4)
    for n in (5, 7, 8):
        data = examples([1, 1], n)
        cpu, gpu = (
            nnlib.train_many([1, 2, 1], *data, n=n, epochs=2, device=device)
            for device in ("cpu", "cuda")
        )
        assert_close(gpu.parameters, cpu.parameters, terms=20, depth=2)
    assert len(drivers) == 1
