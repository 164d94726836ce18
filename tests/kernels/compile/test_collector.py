"""The collector of garbage pauses while something is compiled, and is then as it was."""

from __future__ import annotations

import gc

import pytest

from nnlib.kernels.compile.collector import without_collector


@pytest.fixture
def disabled():
    """A program that has switched the collector off itself."""
    gc.disable()
    yield
    gc.enable()


def test_it_pauses_and_goes_on():
    assert gc.isenabled()
    assert without_collector(lambda: gc.isenabled())() is False
    assert gc.isenabled()


def test_it_goes_on_after_an_error():
    with pytest.raises(ZeroDivisionError):
        without_collector(lambda: 1 / 0)()
    assert gc.isenabled()


def test_one_inside_another_does_not_end_the_pause():
    inner = without_collector(lambda: None)
    assert without_collector(lambda: (inner(), gc.isenabled())[1])() is False
    assert gc.isenabled()


@pytest.mark.usefixtures("disabled")
def test_who_switched_it_off_finds_it_off():
    without_collector(lambda: None)()
    assert not gc.isenabled()
