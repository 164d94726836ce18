"""The buffers of a descent begin with a cache line, or lie in large pages, at any length."""

from __future__ import annotations

import os

import pytest

from nnlib.machine import aligned
from nnlib.machine.aligned import aligned_zeros, zeros_in_large_pages

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


@pytest.mark.parametrize("size", [1, 70_000, 600_000])
@pytest.mark.parametrize("large_pages", [True, False])
def test_zeros_in_large_pages_are_ordinary_arrays(size, large_pages, dtype, monkeypatch):
    if not large_pages:  # as on a system without them
        monkeypatch.delattr(aligned.mmap, "MADV_HUGEPAGE", raising=False)
    for array in [zeros_in_large_pages(size, dtype) for _ in range(3)]:
        assert array.ctypes.data % 64 == 0
        assert array.shape == (size,)
        assert array.dtype == dtype
        assert array.flags.c_contiguous
        assert not array.any()
        array[:] = 1
        assert array.sum() == size


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_has_a_copy_of_large_pages(dtype):
    array = zeros_in_large_pages(100_000, dtype)
    child = os.fork()
    if not child:
        array[:] = 1
        os._exit(0)
    os.waitpid(child, 0)
    assert not array.any()
