"""Was the machine idle, which processor is it, and may it measure at all?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import __main__ as main
from bench.measure import calibration, elsewhere, environment
from bench.measure.calibration import Calibration, MachineState
from bench.measure.elsewhere import Process, Ticks
from bench.measure.processor import processor_name, record_name


class Processor:
    """A clock and a processor's time; work takes so much of either."""

    def __init__(self, monkeypatch):
        self.wall = self.own = 0.0
        monkeypatch.setattr(calibration.time, "perf_counter", lambda: self.wall)
        monkeypatch.setattr(calibration.time, "thread_time", lambda: self.own)
        monkeypatch.setattr(calibration.os, "sched_setaffinity", self.pin, raising=False)
        self.pinned = []

    def pin(self, thread, processors):
        self.pinned.append((thread, processors))

    def work(self, waiting):
        """Pieces of 4 ms, each of which waits for the processor so long."""
        waits = iter(waiting)

        def piece():
            self.own += 0.004
            self.wall += 0.004 + next(waits)

        return piece


@pytest.fixture
def processor(monkeypatch):
    return Processor(monkeypatch)


def test_an_idle_loop_takes_its_processor_time(processor):
    found = calibration.calibrate([0], processor.work([0.0] * 9), 9)
    assert found == pytest.approx((0.004, 0.004))
    assert processor.pinned == [(0, {0})]
    assert calibration.state(found, found, 0.0).idle


def test_a_loop_that_shares_its_processor_takes_longer(processor):
    idle = calibration.calibrate([0], processor.work([0.0] * 9), 9)
    busy = calibration.calibrate([0], processor.work([0.004] * 9), 9)
    state = calibration.state(idle, busy, None)
    assert (state.before, state.after) == (1.0, 2.0)
    assert not state.idle


def test_one_disturbed_piece_is_no_busy_machine(processor):
    found = calibration.calibrate([0], processor.work([0.0] * 5 + [0.5] + [0.0] * 5), 11)
    assert calibration.state(found, found, None).idle


def test_a_processor_that_slowed_down_is_seen():
    state = calibration.state(Calibration(0.004, 0.004), Calibration(0.005, 0.005), 0.0)
    assert state.after == 1.25
    assert not state.idle


def test_the_machine_was_not_idle_if_others_had_its_processors():
    assert MachineState(1.0, 1.0, 0.01).idle
    assert not MachineState(1.0, 1.0, 0.1).idle
    assert "10.0% of the processors' time went elsewhere" in str(MachineState(1.0, 1.0, 0.1))
    assert str(MachineState(1.0, 1.0, None)) == (
        "The machine was idle: calibration 1.00 before, 1.00 after."
    )


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system pins no threads")
def test_the_real_loop_leaves_this_thread_where_it_was():
    before = os.sched_getaffinity(0)
    found = calibration.calibrate(before, lambda: sum(range(10_000)), 3)
    assert 0 < found.least <= found.median * 2
    assert os.sched_getaffinity(0) == before


def test_ticks_of_children_and_theirs_are_our_own():
    processes = {
        1: Process(0, 1000), 10: Process(1, 5), 11: Process(10, 7), 12: Process(11, 9),
        13: Process(1, 100),
    }  # fmt: skip
    assert elsewhere.descendants_ticks(processes, 10) == 21


def test_what_others_had_is_what_was_not_ours():
    begin = Ticks(busy=100, idle=500, own=40)
    assert elsewhere.share(begin, Ticks(200, 600, 140)) == 0.0
    assert elsewhere.share(begin, Ticks(300, 500, 140)) == pytest.approx(0.5)
    assert elsewhere.share(begin, Ticks(199, 601, 140)) == 0.0  # read a tick too early
    assert elsewhere.share(begin, None) is None
    assert elsewhere.share(begin, begin) is None


def test_counters_are_read_from_proc(tmp_path, monkeypatch):
    monkeypatch.setattr(elsewhere.os, "getpid", lambda: 7)
    (tmp_path / "stat").write_text("cpu  10 20 30 400 50 6 7 8 0 0\ncpu0 1 2 3\n")
    for pid, parent in ((7, 1), (8, 7)):
        folder = tmp_path / str(pid)
        folder.mkdir()
        (folder / "stat").write_text(f"{pid} (a ) (b) S {parent} 0 0 0 0 0 0 0 0 0 1 2 3 4 20 0\n")
    assert elsewhere.now(tmp_path) == Ticks(busy=81, idle=450, own=20)
    assert elsewhere.now(tmp_path / "nowhere") is None


XEON = {
    "brand_raw": "Intel(R) Xeon(R) Processor", "vendor_id_raw": "GenuineIntel", "family": 6,
    "flags": ["avx2", "avx512f", "amx_tile"],
}  # fmt: skip
EPYC = {
    "brand_raw": "AMD EPYC", "vendor_id_raw": "AuthenticAMD", "family": 26,
    "flags": ["avx2", "avx512f"],
}  # fmt: skip


def test_every_kind_of_processor_has_a_record_of_its_own(tmp_path):
    assert processor_name(EPYC) == "AMD EPYC, Zen 5, AVX-512"
    assert processor_name({"brand_raw": "Some Processor"}) == "Some Processor"
    names = [record_name(cpu) for cpu in (XEON, EPYC)]
    assert names == ["record-intel-xeon-processor-amx.json", "record-amd-epyc-zen-5-avx-512.json"]
    for name in (*names, "gpu-h100.json"):
        (tmp_path / name).touch()
    [other] = main.other_records(tmp_path, Path("elsewhere") / names[1])
    assert other == tmp_path / names[0]


def test_committed_records_lie_under_the_name_of_their_processor():
    records = sorted(main.pages.FOLDER.glob("record-*.json"))
    assert records
    for path in records:
        cpu = json.loads(path.read_text(encoding="utf-8"))["machine_info"]["cpu"]
        assert record_name(cpu) == path.name


@pytest.mark.parametrize("name", environment.TUNING)
def test_a_tuned_environment_is_not_passed_on(name):
    assert environment.without_tuning({name: "1", "PATH": "here"}) == {"PATH": "here"}
    assert name in environment.complaint({name: "1"})


def test_pytest_refuses_to_measure_in_a_tuned_environment():
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-k",
        "point and lecture",
        "bench/measure/test_speed.py",
    ]
    tuned = {**environment.without_tuning(os.environ), "OPENBLAS_CORETYPE": "Haswell"}
    completed = subprocess.run(
        [*command, "--benchmark-enable"], cwd=main.ROOT, env=tuned, capture_output=True, text=True
    )
    assert completed.returncode == 4
    assert "OPENBLAS_CORETYPE must not be set" in completed.stdout + completed.stderr
