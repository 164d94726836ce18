"""``python -m nnlib machine-code``: what it prints."""

from __future__ import annotations

import pytest

from nnlib.__main__ import main
from nnlib.commands import machine_code

pytestmark = pytest.mark.cpu("host")


def test_the_command_prints_every_level(monkeypatch, capsys):
    monkeypatch.setattr(
        machine_code, "make_machine_code", lambda report: report("x86-64-v3", 3 * 2**20)
    )
    assert main(["machine-code"]) == 0
    assert capsys.readouterr().out == "   3.0 MB  x86-64-v3\n"
