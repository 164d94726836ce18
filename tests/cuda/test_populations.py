"""Populations on the GPU beside those of the CPU."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib.device import missing_for_cuda
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


@pytest.mark.parametrize(
    ("sizes", "options", "message"),
    [
        ([2, 3, 1], {"halving": 3}, "halving runs on the CPU only"),
        (
            [2, 3, 1],
            {"optimizer": "lbfgs"},
            "with optimizer 'lbfgs' runs on the CPU only",
        ),
        ([2, 200, 200, 1], {}, "does not fit a GPU's shared memory"),
    ],
)
def test_what_it_cannot_do_is_refused_by_name(sizes, options, message, data):
    with pytest.raises(ValueError, match=message):
        nnlib.train_many(sizes, *data, n=3, epochs=9, device="cuda", **options)
