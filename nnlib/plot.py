"""The lecture's figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .validation import examples

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .network import Network

_CURVE_POINTS = 400
# The lecture's x ∈ [−3, 12] is its data's span of 7.9, widened by about 0.4 of it at either end.
_MARGIN = 0.4


def new_axes() -> Axes:
    """Axes of a new figure.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    try:
        from matplotlib import pyplot
    except ImportError:
        raise ImportError(
            'drawing needs matplotlib: pip install "nnlib-compiled[plot]"'
        ) from None
    return pyplot.subplots(layout="constrained")[1]


def show(network: Network, X: Any, y: Any = None, *, ax: Axes | None = None) -> Axes:
    """The data as dots, red above the middle of y's range and blue below, and the curve F.

    Raises
    ------
    ValueError
        If the network has more than one input or output.
    ImportError
        If matplotlib is missing.
    """
    if (network.sizes[0], network.sizes[-1]) != (1, 1):
        raise ValueError(
            f"show draws networks with one input and one output; this one has sizes "
            f"{list(network.sizes)}"
        )
    X, y = examples(X, y, 1, 1, network.dtype)
    if ax is None:
        ax = new_axes()
    draw_points(ax, X[:, 0], y[:, 0])
    draw_curve(ax, network, X, label="F")
    ax.set_xlabel("x")
    ax.set_ylabel("F(x)")
    return ax


def draw_points(ax: Axes, x: Any, y: Any) -> None:
    """The data points, red or blue."""
    high = y > (y.min() + y.max()) / 2
    ax.scatter(x[high], y[high], color="tab:red", s=14, zorder=3)
    ax.scatter(x[~high], y[~high], color="tab:blue", s=14, zorder=3)


def draw_curve(ax: Axes, network: Network, X: Any, *, label: str, **style: Any) -> None:
    """The curve F over the data's span and a margin on either side."""
    low, high = float(np.min(X)), float(np.max(X))
    margin = _MARGIN * (high - low) or 1.0
    grid = np.linspace(low - margin, high + margin, _CURVE_POINTS)
    ax.plot(grid, network.F(grid), label=label, **{"color": "black", **style})
