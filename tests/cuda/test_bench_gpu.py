"""The benchmark for GPUs runs to its end, at sizes for the simulator, and checks every kernel."""

from __future__ import annotations

import json

import numba
import pytest

from tests.cuda.compile_kernels import MODULES, PHASES

pytestmark = pytest.mark.skipif(
    not numba.config.ENABLE_CUDASIM, reason="needs NUMBA_ENABLE_CUDASIM=1"
)


def test_it_checks_and_measures(tmp_path, capsys):
    from bench.gpu.__main__ import main

    # The peers' jobs fail where they are not installed; their programs have tests of their own.
    assert main(["--tiny", "--budget", "3000", "--results", str(tmp_path), "--only", "nnlib"]) == 0
    assert "not timed" in capsys.readouterr().out
    document = json.loads((tmp_path / "gpu-simulator.json").read_text(encoding="utf-8"))
    rows = document["rows"]
    assert document["gpu"] == "simulator"
    assert {row["section"] for row in rows} == {"populations", "narrow", "wide"}
    for row in rows:
        assert row["status"] == "checked", row
        assert row["rate"] is None
        assert 0 < row["error"] <= row["limit"]
    assert (tmp_path / "gpu-simulator.md").read_text(encoding="utf-8").startswith("# simulator")


def test_transfers_and_streaming_run():
    from bench.gpu import ceilings, transfers

    found = [
        *ceilings.copies(tiny=True), *transfers.transfers(tiny=True),
        *transfers.streaming(tiny=True, seconds=0.0),
    ]  # fmt: skip
    assert [row.status for row in found] == 7 * ["checked"]
    assert "streamed" in found[-1].program


class Launched:
    """A kernel that remembers its launches."""

    def __init__(self, name, kernel, seen):
        self.name, self.kernel, self.seen = name, kernel, seen

    def __getitem__(self, configuration):
        self.seen.add(self.name)
        return self.kernel[configuration]


def test_every_kernel_is_checked(monkeypatch):
    from importlib import import_module

    from bench.gpu import checks
    from nnlib.kernels.cuda.training import steps, unrolled
    from nnlib.kernels.cuda.wide import products

    names, seen = set(), set()
    for name in MODULES:
        module = import_module(f"nnlib.kernels.cuda.{name}")
        for key, value in list(vars(module).items()):
            if any(value is entry for entry in steps.PASSES.values()):
                continue  # launched from there, see below
            if type(value).__name__ == "FakeCUDAKernel" and value.fn.__module__ == module.__name__:
                names.add(f"{name}.{key}")
                monkeypatch.setattr(module, key, Launched(f"{name}.{key}", value, seen))
    for precision, ways in list(products.PRODUCTS.items()):
        found = []
        for number, way in enumerate(ways):
            own = {phase: f"{precision}.{number}.{phase}" for phase in PHASES}
            names |= set(own.values())
            watched = {phase: Launched(own[phase], getattr(way, phase), seen) for phase in own}
            found.append(way._replace(**watched))
        monkeypatch.setitem(products.PRODUCTS, precision, tuple(found))
    for precision, entry in list(steps.PASSES.items()):
        name = f"passes {precision}"
        names.add(name)
        monkeypatch.setitem(steps.PASSES, precision, Launched(name, entry, seen))
    monkeypatch.setattr(unrolled, "compiled", {})
    for kind in checks.KINDS:
        with monkeypatch.context() as patch:
            if kind == "alone":  # one kernel for both dtypes, which is the same to the simulator
                patch.delitem(checks.LIMITS, "float64")
            for row in checks.check(kind, tiny=True):
                assert row.status == "checked", row
    assert names
    assert seen == names
    assert len(unrolled.compiled) == 1
