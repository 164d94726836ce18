"""What is shared arrives whole, without a copy, and as compiled code wants it."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

from nnlib.cluster import packing

SHAPES = [(0,), (3,), (100, 7), (2, 0)]


def value():
    """Arrays of several shapes, and other things between."""
    return [np.arange(np.prod(shape), dtype=np.float32).reshape(shape) for shape in SHAPES], "text"


def assert_is_value(found):
    """It is `value`, and its arrays may be written as far as compiled code can see."""
    arrays, text = found
    assert text == "text"
    for own, wanted in zip(arrays, value()[0], strict=True):
        np.testing.assert_array_equal(own, wanted, strict=True)
        assert own.flags.writeable or not own.size


def test_in_memory():
    assert_is_value(packing.pack(value()).value())


def test_memory_that_arrives_read_only():
    packed = packing.pack(value())
    for own in packed.buffers:
        own.flags.writeable = False
    assert_is_value(packed.value())


def test_memory_is_not_copied():
    array = np.arange(1000.0)
    packed = packing.pack(array)
    assert np.shares_memory(packed.value(), array)
    assert packed.size >= array.nbytes


def test_the_memory_lives_as_long_as_the_value():
    found = packing.pack(np.arange(1000.0)).value()
    np.testing.assert_array_equal(found, np.arange(1000.0))


def test_in_a_file():
    packed = packing.pack_into_file(value())
    try:
        assert_is_value(packed.value())
        assert all(first % 64 == 0 for first, _ in packed.places)
    finally:
        packing.remove(packed)
    assert not os.path.exists(packed.path)


def test_a_worker_that_does_not_see_the_file():
    packed = packing.pack_into_file(1)
    packing.remove(packed)
    packing.remove(packed)
    with pytest.raises(RuntimeError, match=r"does not find .*TMPDIR"):
        packed.value()


def test_without_cloudpickle_a_lambda_cannot_be_sent(monkeypatch):
    for name in packing._PICKLERS[:-1]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(TypeError, match=r"cannot be sent to workers.*at the top of a module"):
        packing.pack(lambda z: z)


def test_with_cloudpickle_a_lambda_can_be_sent():
    pytest.importorskip("cloudpickle")
    assert packing.pack(lambda z: 2 * z).value()(4) == 8
