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
