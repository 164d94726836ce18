"""Populations on the GPU beside those of the CPU."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib.machine.device import missing_for_cuda
from tests.tolerances import assert_close

pytestmark = pytest.mark.skipif(
    missing_for_cuda() is not None, reason=f"no GPU: {missing_for_cuda()}"
)


@pytest.fixture
def data(rng):
    """Twelve examples of two features and one target."""
    return rng.normal(size=(12, 2)), rng.normal(size=(12, 1))


@pytest.mark.parametrize(
    "options",
    [
        {"n": 3},
        {"n": 2, "grid": {"learning_rate": [0.1, 0.3], "patience": [1, None]}, "batch_size": 5},
        {"n": 2, "folds": 3, "optimizer": "adam"},
        {"n": 2, "validation": 0.25, "dropout": 0.3, "batch_size": 4},
        {"n": 2, "learning_rate": nnlib.schedules.Cosine(0.1), "weight_decay": 0.1},
        {"n": 1, "grid": {"sizes": [[2, 3, 1], [2, 2, 1]]}},
        {"n": 2, "learning_rate": 1e200, "activation": "identity", "grid": {"l1": [0.0, 1e-3]}},
    ],
    ids=lambda options: "-".join(options),
)
def test_members_are_those_of_the_cpu(options, data):
    options = {"epochs": 3, **options}
    if options.get("learning_rate") == 1e200:
        for device in ("cpu", "cuda"):
            with pytest.raises(nnlib.DivergenceError, match="all 4 members diverged"):
                nnlib.train_many([2, 3, 1], *data, device=device, **options)
        return
    sizes = None if "sizes" in options.get("grid", ()) else [2, 3, 1]
    cpu, gpu = (
        nnlib.train_many(sizes, *data, device=device, **options) for device in ("cpu", "cuda")
    )
    for name in ("parameters", "J", "cost", "validation_J", "validation_cost"):
        ours, theirs = getattr(cpu, name), getattr(gpu, name)
        assert (ours is None) == (theirs is None), name
        if ours is not None:
            known = ~np.isnan(ours)
            np.testing.assert_array_equal(known, ~np.isnan(theirs))
            assert_close(theirs[known], ours[known], terms=24, depth=48)
    np.testing.assert_array_equal(gpu.epochs, cpu.epochs)
    np.testing.assert_array_equal(gpu.best_epoch, cpu.best_epoch)


LBFGS_OPTIONS = {
    "plain": {"n": 2},
    "few pairs": {"n": 2, "optimizer": nnlib.optimizers.LBFGS(memory=2), "epochs": 7},
    "penalties": {"grid": {"weight_decay": [0.0, 0.1]}, "reduction": "sum"},
    "folds": {"n": 1, "folds": 3, "dtype": "float32"},
    "tolerances": {
        "n": 1, "epochs": 30,
        "grid": {
            "optimizer": [
                nnlib.optimizers.LBFGS(gradient_tolerance=0.05),
                nnlib.optimizers.LBFGS(cost_tolerance=0.5),
            ]
        },
    },
    "sizes, beside another optimizer": {
        "n": 1, "grid": {"sizes": [[2, 3, 1], [2, 2, 1]], "optimizer": ["lbfgs", "adam"]},
    },
}  # fmt: skip


@pytest.mark.parametrize("case", LBFGS_OPTIONS)
def test_members_by_lbfgs_are_those_of_the_cpu_and_networks_alone(case, data):
    options = {"epochs": 4, "optimizer": "lbfgs", **LBFGS_OPTIONS[case]}
    if "optimizer" in options.get("grid", ()):
        del options["optimizer"]
    sizes = None if "sizes" in options.get("grid", ()) else [2, 3, 1]
    cpu, gpu = (
        nnlib.train_many(sizes, *data, device=device, **options) for device in ("cpu", "cuda")
    )
    np.testing.assert_array_equal(gpu.epochs, cpu.epochs)
    assert gpu.ended == cpu.ended
    # Every iteration divides by changes of the gradient, so rounding grows faster than in descent.
    for name in ("parameters", "J", "cost"):
        ours, theirs = getattr(cpu, name), getattr(gpu, name)
        known = ~np.isnan(ours)
        np.testing.assert_array_equal(known, ~np.isnan(theirs))
        assert_close(theirs[known], ours[known], terms=400, depth=200, dtype=gpu[0].dtype)
    assert (gpu.cost < gpu.J[:, 0]).all()


def test_lbfgs_goes_on_from_slice_to_slice(data, monkeypatch):
    """One evaluation a launch, also in the middle of a line search, and the same bits."""
    options = {"n": 2, "epochs": 6, "optimizer": "lbfgs", "device": "cuda"}
    whole = nnlib.train_many([2, 3, 1], *data, **options)
    launches = []
    monkeypatch.setattr("nnlib.training.slices.SLICE_SECONDS", 0.0)
    sliced = nnlib.train_many([2, 3, 1], *data, callback=launches.append, **options)
    assert len(launches) > 6
    np.testing.assert_array_equal(sliced.parameters, whole.parameters)
    np.testing.assert_array_equal(sliced.J, whole.J)


def test_lbfgs_that_is_stopped_has_its_last_iteration(data, monkeypatch):
    monkeypatch.setattr("nnlib.training.slices.SLICE_SECONDS", 0.0)
    population = nnlib.train_many(
        [2, 3, 1], *data, n=2, epochs=100, optimizer="lbfgs", device="cuda",
        callback=lambda report: report.epochs >= 4,
    )  # fmt: skip
    assert population.stopped == "callback"
    assert set(population.ended) == {"stopped"}
    for seed, epochs in enumerate(population.epochs):
        alone = nnlib.Network([2, 3, 1], seed=seed, device="cuda")
        alone.descent(*data, epochs=int(epochs), optimizer="lbfgs")
        assert_close(population.parameters[seed], alone.parameters, terms=400, depth=200)


def test_lbfgs_without_a_finite_start(data):
    """One member has none, the other is not touched by it."""
    X, y = data
    huge = [(np.full((1, 2), 1e200), [0.0])]
    grid = {"initializer": [huge, "zeros"]}
    populations = [
        nnlib.train_many(
            [2, 1], X, y, activation="identity", grid=grid, epochs=5, optimizer="lbfgs",
            device=device,
        )
        for device in ("cpu", "cuda")
    ]  # fmt: skip
    for population in populations:
        assert population.diverged.tolist() == [True, False]
        assert population.epochs[0] == 1
        assert population.parameters[0].tolist() == [1e200, 1e200, 0.0]
    cpu, gpu = populations
    np.testing.assert_array_equal(gpu.J[0], cpu.J[0])
    assert_close(gpu.parameters[1], cpu.parameters[1], terms=400, depth=200)


def test_a_callback_ends_it_at_an_epoch_s_end(data):
    population = nnlib.train_many(
        [2, 3, 1], *data, n=2, epochs=500, batch_size=5, device="cuda",
        callback=lambda report: report.epochs >= 2,
    )  # fmt: skip
    assert population.stopped == "callback"
    assert 1 <= population.epochs.max() < 500
    alone = nnlib.Network([2, 3, 1], seed=0, device="cuda")
    alone.descent(*data, epochs=int(population.epochs[0]), batch_size=5)
    np.testing.assert_array_equal(population.parameters[0], alone.parameters)


def test_members_stop_with_the_random_numbers_of_their_epoch(data, monkeypatch):
    """Three batches an epoch, one a launch, and stopped after the fifth."""
    monkeypatch.setattr("nnlib.training.slices.SLICE_SECONDS", 0.0)
    launches = []

    def callback(report):
        launches.append(report)
        return len(launches) == 5

    options = {"batch_size": 5, "optimizer": "adam"}
    population = nnlib.train_many(
        [2, 3, 1], *data, n=2, epochs=9, device="cuda", callback=callback, **options
    )
    assert population.epochs.tolist() == [1, 1]
    for seed in range(2):
        alone = nnlib.Network([2, 3, 1], seed=seed, device="cuda")
        alone.descent(*data, epochs=1, **options)
        np.testing.assert_array_equal(population[seed].parameters, alone.parameters)
        np.testing.assert_array_equal(population[seed]._generator, alone._generator)


@pytest.mark.parametrize(
    ("sizes", "options", "message"),
    [
        ([2, 3, 1], {"halving": 3}, "halving runs on the CPU only"),
        (
            [2, 3, 1],
            {"optimizer": "levenberg_marquardt"},
            "with optimizer 'levenberg_marquardt' runs on the CPU only",
        ),
        ([2, 200, 200, 1], {}, "does not fit a GPU's shared memory"),
    ],
)
def test_what_it_cannot_do_is_refused_by_name(sizes, options, message, data):
    with pytest.raises(ValueError, match=message):
        nnlib.train_many(sizes, *data, n=3, epochs=9, device="cuda", **options)
