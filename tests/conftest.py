"""Fixtures that all tests share, and hypothesis' profiles."""

from __future__ import annotations

import inspect
import os
import signal
from pathlib import Path

import hypothesis
import numpy as np
import pytest

import nnlib
from nnlib.machine.device import missing_for_cuda
from nnlib.training import slices
from tests.devices import CPU_ONLY, LARGE, SIMULATED, may_skip

# No deadline: the first example of a dtype compiles. "ci" tries the same examples every time;
# "thorough" is for the day on which a kernel changes.
hypothesis.settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True)
# The simulator of GPUs takes a tenth of a second for what takes a GPU a few microseconds.
hypothesis.settings.register_profile("simulator", deadline=None, max_examples=4, derandomize=True)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=1000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_addoption(parser):
    """The same tests on a GPU: --device cuda, or that under the simulator."""
    parser.addoption("--device", choices=("cpu", "cuda"), default="cpu")


def pytest_configure(config):
    """All networks and populations are of the device, unless a test names another."""
    # A shell starts what runs in the background with Ctrl-C ignored; tests of interrupts need it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "large: " + LARGE)
    config.addinivalue_line("markers", "cpu(why): of what the CPU alone has, see tests/devices.py")
    if config.getoption("--device") == "cuda":
        constructor = inspect.unwrap(nnlib.Network.__init__)
        *others, _ = constructor.__defaults__
        constructor.__defaults__ = (*others, "cuda")
        nnlib.train_many.__kwdefaults__["device"] = "cuda"
        if SIMULATED:
            from tests.cuda.schedule import Schedule

            # Forty times as fast as the simulator's own, and every access is watched for races.
            Schedule("random", watched=True).install(pytest.MonkeyPatch())
            # The first slice's length is for a machine that does so many multiply-adds a second.
            slices._SLOW_MACHINE = 20_000


def pytest_collection_modifyitems(config, items):
    """Skip what the device cannot run, and say why."""
    if config.getoption("--device") == "cpu":
        return
    missing = missing_for_cuda()
    for item in items:
        if missing:
            item.add_marker(pytest.mark.skip(reason=f"no GPU: {missing}"))
        elif mark := _cpu_mark(item):
            # Before its own conditions, which are the CPU's: the first that holds is the reason.
            skip = pytest.mark.skipif(True, reason=CPU_ONLY[mark.args[0]])
            item.add_marker(skip, append=False)
        elif item.get_closest_marker("large") and SIMULATED:
            item.add_marker(pytest.mark.skip(reason=LARGE))


def _cpu_mark(item):
    """Why a test is of the CPU alone: its mark, or that of its folder."""
    folder = Path(item.path).relative_to(Path(__file__).parent).parts[0]
    if folder in _OF_THE_CPU:
        return _OF_THE_CPU[folder]
    return item.get_closest_marker("cpu")


_OF_THE_CPU = {
    "kernels": pytest.mark.cpu("kernels"),
    "bench": pytest.mark.cpu("host"),
    "cluster": pytest.mark.cpu("parts"),
}


def pytest_runtest_teardown():
    """No test leaves its number of threads to the next."""
    nnlib.set_threads(None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Under the simulator a test may not be skipped for a reason that nobody has thought of."""
    report = yield
    if SIMULATED and report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2]
        if not may_skip(reason):
            report.outcome = "failed"
            report.longrepr = f"{reason}: not among the reasons to skip of tests/devices.py"
    return report


@pytest.fixture(params=["float64", "float32"])
def dtype(request):
    """Both dtypes, one after the other."""
    return np.dtype(request.param)


@pytest.fixture
def rng():
    """A generator with a fixed seed."""
    return np.random.default_rng(20)


@pytest.fixture
def exercise_data():
    """X and y of the lecture's exercise, 60 points."""
    i = np.arange(20) / 10
    return np.concatenate([i, 6 + i, 3 + i]), np.repeat([0.2, 0.2, 1.0], 20)


@pytest.fixture
def exercise_start():
    """W, b of both layers at the start of the lecture's exercise."""
    return [
        (np.array([[0.0], [0.0]]), np.array([1.0, -1.0])),
        (np.array([[1.0, 1.0]]), np.array([-1.0])),
    ]
