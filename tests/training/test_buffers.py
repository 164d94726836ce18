"""The buffers of a descent begin with a cache line, whatever their length."""

from __future__ import annotations

import pytest

from nnlib.machine.aligned import aligned_zeros

pytestmark = pytest.mark.cpu("host")


@pytest.mark.parametrize("size", [1, 7, 64, 1000, 100_000])
def test_aligned_zeros_begin_with_a_cache_line(size, dtype):
    # Several at once, as the allocator may hand out one aligned piece by chance.
    for array in [aligned_zeros(size, dtype) for _ in range(8)]:
        assert array.ctypes.data % 64 == 0
        assert array.shape == (size,)
        assert array.dtype == dtype
        assert array.flags.c_contiguous
        assert not array.any()
