"""The lecture's figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..checks.values import examples, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


Array = NDArray[Any]

_CURVE_POINTS = 400
# The lecture's x ∈ [−3, 12] is its data's span of 7.9, widened by about 0.4 of it at either end.
_MARGIN = 0.4


class Curve(Protocol):
    """What is drawn of a network."""

    @property
    def sizes(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def architecture(self) -> Any: ...
    def F(self, X: Any) -> Any:
        """Outputs at these inputs."""


def new_axes(*, interactive: bool = True) -> Axes:
    """Axes of a new figure, which pyplot knows and may show on a screen if `interactive`.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    return new_figure(interactive=interactive).subplots()


def given_axes(ax: Any) -> Axes:
    """Axes to draw on: the user's own, or new ones for None.

    Raises
    ------
    TypeError
        If they are no axes of matplotlib.
    ImportError
        If matplotlib is missing.
    """
    if ax is None:
        return new_axes()
    if not (hasattr(ax, "scatter") and hasattr(ax, "plot")):
        raise TypeError(f"ax must be axes of matplotlib, or None for new ones; got {shown(ax)}")
    axes: Axes = ax
    return axes


def new_figure(*, interactive: bool = True, figsize: tuple[float, float] | None = None) -> Figure:
    """A new figure, likewise; figsize in inches.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("drawing needs matplotlib: pip install matplotlib") from None
    if not interactive:
        return Figure(figsize=figsize, layout="constrained")
    from matplotlib import pyplot

    return pyplot.figure(figsize=figsize, layout="constrained")


def span_of(x: Any) -> tuple[float, float]:
    """The x over which a curve is drawn: the data's, and somewhat more at either end."""
    low, high = float(x.min()), float(x.max())
    margin = _MARGIN * (high - low) or 1.0
    return low - margin, high + margin


def show(network: Curve, X: Any, y: Any = None, *, ax: Axes | None = None) -> Axes:
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
    X, y = examples(X, y, 1, 1, network.dtype, network.architecture.loss_family)
    ax = given_axes(ax)
    draw_points(ax, X[:, 0], y[:, 0])
    draw_curve(ax, network, span_of(X), label="F")
    ax.set_xlabel("x")
    ax.set_ylabel("F(x)")
    return ax


def draw_points(ax: Axes, x: Any, y: Any) -> None:
    """The data points, red or blue."""
    high = y > (y.min() + y.max()) / 2
    ax.scatter(x[high], y[high], color="tab:red", s=14, zorder=3)
    ax.scatter(x[~high], y[~high], color="tab:blue", s=14, zorder=3)


def draw_curve(
    ax: Axes, network: Curve, span: tuple[float, float], *, label: str, color: str = "black"
) -> None:
    """The curve F over the span from low to high x."""
    grid = np.linspace(*span, _CURVE_POINTS)
    ax.plot(grid, network.F(grid), label=label, color=color)


def save(ax: Axes, path: Path) -> None:
    """Write the figure that holds `ax` to a file; its ending names the format."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.savefig(path, dpi=150)


def plot_history(
    J: Array, validation_J: Array | None, best_epoch: int | None, *, ax: Axes | None = None
) -> Axes:
    """Cost and validation cost over the epochs, with a logarithmic cost axis where it can be."""
    from matplotlib.ticker import MaxNLocator

    ax = given_axes(ax)
    epochs, marker = np.arange(len(J)), "o" if len(J) == 1 else ""  # a line of one point is none
    ax.plot(epochs, J, marker=marker, color="black", label="J")
    positive = bool((J > 0).all())
    if validation_J is not None:
        ax.plot(epochs, validation_J, marker=marker, color="tab:orange", label="validation J")
        positive = positive and bool((validation_J > 0).all())
    if best_epoch is not None:
        ax.axvline(best_epoch, color="tab:orange", linestyle=":", label="best epoch")
    ax.set_yscale("log" if positive else "linear")
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.set_ylabel("J")
    ax.legend()
    return ax
