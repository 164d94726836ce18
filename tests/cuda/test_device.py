"""Choosing a device: names, what is said where there is none, what a device refuses."""

from __future__ import annotations

from types import SimpleNamespace

import numba
import numpy as np
import pytest

import nnlib
from nnlib.machine import device
from tests import conftest
from tests.devices import CPU_ONLY, LARGE

simulated = pytest.mark.skipif(
    not numba.config.ENABLE_CUDASIM, reason="needs NUMBA_ENABLE_CUDASIM=1"
)


@pytest.fixture
def without_gpu(monkeypatch):
    """A machine on which nothing can be computed on a GPU."""
    monkeypatch.setattr(numba.config, "ENABLE_CUDASIM", 0)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


def test_missing_package_is_named_with_the_command(without_gpu):
    with pytest.raises(nnlib.DeviceError, match=r"pip install 'numba-cuda\[cu13\]'"):
        nnlib.Network([1, 1], device="cuda")
    net = nnlib.Network([1, 1], device="cpu")
    with pytest.raises(nnlib.DeviceError, match="numba-cuda is not installed"):
        net.to("cuda")
    assert net.device == "cpu"


def test_auto_takes_the_cpu_where_there_is_no_gpu(without_gpu):
    assert nnlib.Network([1, 1], device="auto").device == "cpu"


def test_missing_gpu_is_named(monkeypatch):
    monkeypatch.setattr(numba.config, "ENABLE_CUDASIM", 0)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: "found")
    monkeypatch.setattr("nnlib.machine.device.gpu_is_available", lambda: False)
    assert "no GPU can be used" in device.missing_for_cuda()
    with pytest.raises(nnlib.DeviceError, match="nvidia-smi"):
        nnlib.Network([1, 1]).to("cuda")


@pytest.mark.parametrize("name", ["gpu", "CUDA", ""])
def test_unknown_names_are_refused(name):
    with pytest.raises(ValueError, match=r"device is '.*', wanted one of cpu, cuda, auto"):
        nnlib.Network([1, 1], device=name)


@simulated
def test_under_the_simulator_nothing_is_missing():
    """So the tests of --device cuda do not skip there."""
    assert device.missing_for_cuda() is None
    assert nnlib.Network([1, 1], device="auto").device == "cuda"


@simulated
@pytest.mark.parametrize("reason", [*CPU_ONLY.values(), LARGE, "could not import 'torch'"])
def test_under_the_simulator_a_test_may_skip_for_these_reasons(reason):
    assert outcome_of_skip(reason) == "skipped"


@simulated
@pytest.mark.parametrize("reason", ["no GPU: none was found", "unconditional skip", ""])
def test_under_the_simulator_a_test_that_skips_for_another_reason_fails(reason):
    assert outcome_of_skip(reason) == "failed"


def outcome_of_skip(reason):
    """What becomes of the report of a test that was skipped."""
    report = SimpleNamespace(
        skipped=True, outcome="skipped", longrepr=("test.py", 1, f"Skipped: {reason}")
    )
    hook = conftest.pytest_runtest_makereport()
    next(hook)
    with pytest.raises(StopIteration):
        hook.send(report)
    return report.outcome


@simulated
def test_what_the_gpu_cannot_do_is_refused_by_name():
    net = nnlib.Network([1, 1], device="cuda")
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=r"levenberg_marquardt.*on the CPU only"):
        net.descent([1, 2], [1, 2], optimizer="levenberg_marquardt")
    np.testing.assert_array_equal(net.parameters, before)
