"""``python -m nnlib demo``: what it prints, and the figure that it leaves."""

from __future__ import annotations

import re
import sys

import pytest
from matplotlib import image

from nnlib.__main__ import main
from nnlib.commands import demo
from tests import reference

pytestmark = pytest.mark.cpu("command")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Shorter timings than a user gets; nothing here depends on them."""
    monkeypatch.setattr(demo, "SCALAR_EPOCHS", 1)
    monkeypatch.setattr(demo, "TIMED_EPOCHS", 1000)


@pytest.fixture
def figure(tmp_path):
    """Where the figure goes."""
    return tmp_path / "figure.png"


def test_prints_cost_and_coefficients(figure, capsys):
    assert main(["demo", "--figure", str(figure)]) == 0
    output = capsys.readouterr().out
    rows = {}
    for line in output.splitlines():
        if re.match(r" *\d+  ", line):
            epoch, J, *coefficients = map(float, line.split())
            rows[int(epoch)] = J, coefficients
    assert list(rows) == [0, 500, 1000, 5000]
    _, J, *coefficients = reference.EXERCISE_TRAJECTORY[0]
    assert rows[0] == (J, coefficients)
    for epoch, J, spread in reference.EXERCISE_COSTS:
        if epoch in rows:
            assert rows[epoch][0] == pytest.approx(J, abs=spread)
    assert all(len(coefficients) == 7 for _, coefficients in rows.values())


def test_prints_both_times_and_their_ratio(figure, capsys):
    main(["demo", "--figure", str(figure)])
    output = capsys.readouterr().out
    scalar, compiled = (float(number) for number in re.findall(r"([\d.]+) µs", output))
    ratio = float(re.search(r"ratio +(\d+)", output).group(1))
    assert scalar > compiled > 0
    # As far as the printed digits determine it: the ratio is a whole number, small if busy.
    assert abs(ratio - scalar / compiled) <= 0.5 + 0.01 * scalar / compiled


def test_writes_the_figure_and_says_where(figure, capsys):
    main(["demo", "--figure", str(figure)])
    assert str(figure) in capsys.readouterr().out
    height, width, _ = image.imread(figure).shape
    assert min(height, width) > 300


def test_trains_without_matplotlib(figure, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["demo", "--figure", str(figure)]) == 0
    assert "no figure" in capsys.readouterr().out
    assert not figure.exists()


def test_refuses_a_folder_that_does_not_exist_before_any_work(tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["demo", "--figure", str(tmp_path / "missing" / "figure.png")])
    assert caught.value.code == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert "--figure" in errors
    assert "existing folder" in errors


def test_interruption_is_no_traceback(figure, monkeypatch):
    def interrupted(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "run", interrupted)
    assert main(["demo", "--figure", str(figure)]) == 130
