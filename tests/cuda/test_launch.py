"""How a batch is cut, for a made-up GPU of many processors."""

from __future__ import annotations

import pytest

from nnlib.machine.device import missing_for_cuda
from nnlib.model.architecture import Architecture

pytestmark = pytest.mark.skipif(
    missing_for_cuda() is not None, reason=f"no GPU: {missing_for_cuda()}"
)
if missing_for_cuda() is None:
    from nnlib.cuda import launch


@pytest.fixture
def large_gpu(monkeypatch):
    """132 processors with 227 KiB of shared memory, and the limits that a GPU has."""
    monkeypatch.setattr(launch, "processors", lambda: 132)
    monkeypatch.setattr(launch, "most_shared_bytes", lambda: 227 * 1024)
    limits = {"MOST_THREADS": 256, "MOST_LANES": 127, "MOST_WIDTH": 128, "LEAST_LANES": 15}
    limits |= {"GLOBAL_BYTES": 2**28, "WORK_OF_ONE_BLOCK": 1_000_000}
    for name, value in limits.items():
        monkeypatch.setattr(launch, name, value)


def cut(batch, *sizes, itemsize=4):
    """The cut of a network's descent."""
    own = Architecture.of(sizes)
    return launch.cut(batch, own.training_table, own.size, sum(sizes[1:]), itemsize)


@pytest.mark.parametrize(
    ("batch", "lanes", "blocks"),
    [(2**21, 127, 132), (16_000, 123, 131), (4096, 33, 125), (1500, 15, 100), (200, 15, 14)],
)
def test_tiles_are_shared_among_all_processors(large_gpu, batch, lanes, blocks):
    found = cut(batch, 64, 64, 64, 1)
    assert (found.kind, found.lanes, found.blocks) == ("together", lanes, blocks)
    assert found.lanes * found.blocks >= min(batch, 127 * 132)


@pytest.mark.parametrize("itemsize", [4, 8])
@pytest.mark.parametrize(
    ("kind", "batch", "sizes"),
    [
        ("alone", 60, (1, 2, 1)),
        ("alone", 32, (64, 32, 10)),
        ("together", 2**17, (64, 64, 64, 64, 1)),
        ("layers", 128, (784, 128, 10)),
        ("layers", 2**17, (1024, 1024, 1024, 10)),
    ],
)
def test_no_block_has_more_than_the_device_gives(large_gpu, kind, batch, sizes, itemsize):
    found = cut(batch, *sizes, itemsize=itemsize)
    assert found.kind == kind
    assert found.shared <= 227 * 1024
    assert found.tile_size * itemsize <= 2**28
    assert found.threads % 32 == 0
    assert found.lanes % 2 or kind == "layers"


def test_more_than_48_kib_only_where_few_samples_would_fit(large_gpu):
    small, large = (
        launch.cut_alone(1000, Architecture.of(sizes).training_table, parameters, units, itemsize)
        for sizes, parameters, units, itemsize in (
            ((64, 32, 10), 2410, 42, 4), ((64, 64, 10), 4810, 74, 8),
        )
    )  # fmt: skip
    assert small.shared <= 48 * 1024
    assert 48 * 1024 < large.shared <= 227 * 1024
