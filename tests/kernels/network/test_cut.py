"""How a batch is cut into chunks and blocks."""

from __future__ import annotations

import pytest

from nnlib.kernels.network.cut import block_lanes, chunk_count


@pytest.mark.parametrize("itemsize", [4, 8])
@pytest.mark.parametrize(("units", "d_in"), [(3, 1), (138, 784), (40_000, 1)])
@pytest.mark.parametrize("batch", [2, 7, 60, 128, 1025, 100_000])
def test_blocks_are_whole_vectors_with_little_padding(batch, units, d_in, itemsize):
    lanes = block_lanes(batch, units, d_in, itemsize)
    vector = 64 // itemsize
    assert lanes % vector == 0
    assert vector <= lanes <= 1024
    blocks = -(-batch // lanes)
    assert blocks * lanes - batch < blocks * vector


@pytest.mark.parametrize(("units", "lanes"), [(100, 64), (5_700, 16), (100_000, 16)])
@pytest.mark.parametrize("itemsize", [4, 8])
def test_blocks_of_images_stay_near_a_mebibyte(units, lanes, itemsize):
    found = block_lanes(1000, units, 784, itemsize, convolves=True)
    assert found <= lanes
    assert found % (64 // itemsize) == 0
    assert found == 16 or found * (2 * units + 784) * itemsize <= 2**20


def test_chunks_of_images_have_at_least_sixteen_samples():
    assert chunk_count(32, 44_426, 286_334, convolves=True) == 2
    assert chunk_count(128, 44_426, 286_334, convolves=True) == 4
    assert chunk_count(1024, 2_000, 286_334, convolves=True) == 16
    assert chunk_count(8, 44_426, 286_334, convolves=True) == 1
    assert chunk_count(32, 100, 1_000, convolves=True) == 1


def test_a_single_sample_has_no_padding():
    assert block_lanes(1, 138, 784, 4) == 1


@pytest.mark.parametrize(
    ("batch", "parameters", "chunks"),
    [
        (60, 7, 1), (1024, 20_000, 16), (100_000, 20_000, 16), (100_000, 7, 16),
        (64, 109_386, 2), (128, 109_386, 2), (384, 109_386, 3), (512, 109_386, 4),
        (100_000, 3_000_000, 4),
    ],
)  # fmt: skip
def test_how_many_processors_a_batch_is_worth(batch, parameters, chunks):
    """As the README and `chunk_count` say; checkpoints and bits depend on it."""
    assert chunk_count(batch, parameters, parameters) == chunks
