"""The benchmark for GPUs runs to its end, at sizes for the simulator."""

from __future__ import annotations

import sys

import numba
import pytest


@pytest.mark.skipif(not numba.config.ENABLE_CUDASIM, reason="needs NUMBA_ENABLE_CUDASIM=1")
def test_it_checks_and_measures(monkeypatch, capsys):
    from bench import gpu

    monkeypatch.setattr(sys, "argv", ["bench.gpu", "--tiny"])
    gpu.main()
    output = capsys.readouterr().out
    assert output.count("largest error") == 6
    assert "1024 wide" in output
    assert "not timed" in output
