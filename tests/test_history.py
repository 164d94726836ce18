"""What a History says of a descent: its cost and its text."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import nnlib
from nnlib.history import History

X = np.linspace(0, 1, 8)
Y = X**2


def test_cost_is_the_last_known():
    net = nnlib.Network([1, 1])
    history = net.descent(X, Y, epochs=3)
    assert history.cost == history.J[-1]
    assert np.isnan(net.descent(X, Y, epochs=0).cost)


@pytest.mark.parametrize("optimizer", ["lbfgs", "levenberg_marquardt"])
def test_cost_is_that_reached_where_it_is_known(optimizer, request):
    if request.config.getoption("--device") == "cuda" and optimizer != "lbfgs":
        pytest.skip("Levenberg-Marquardt runs on the CPU only")
    net = nnlib.Network([1, 1])
    history = net.descent(X, Y, epochs=3, optimizer=optimizer)
    assert history.cost == pytest.approx(net.J(X, Y), rel=1e-12)
    assert history.cost < history.J[-1]


def test_text_shows_the_best_validation_cost():
    numbers = np.array([3.0, 1, 2])
    history = History(numbers, 1.0, numbers, np.array([0.5, 0.25, 0.75]), best_epoch=1)
    assert "validation_J=0.5 → 0.25 at the best, best_epoch=1" in repr(history)
    assert "0.75" not in repr(history)


def test_a_table_of_the_epochs():
    pytest.importorskip("pandas")
    X = np.linspace(-1, 1, 12)
    history = nnlib.Network([1, 1], "identity").descent(
        X, X, epochs=5, validation="last 25%", metrics=["r2"]
    )
    frame = history.to_frame()
    names = ["J", "learning_rate", "validation_J", "r2", "validation_r2"]
    assert frame.columns.tolist() == names
    assert frame.index.name == "epoch"
    np.testing.assert_array_equal(frame["validation_r2"], history.validation_metrics["r2"])
    assert nnlib.Network([1, 1]).descent(X, X, epochs=0).to_frame().shape == (0, 2)


def test_a_table_without_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="to_frame needs pandas: pip install pandas"):
        nnlib.Network([1, 1]).descent([0.0], [0.0], epochs=1).to_frame()
