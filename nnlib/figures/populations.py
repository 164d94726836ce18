"""The figures of a population: how its costs fell, how they are spread, and what was fitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .curves import Array, Curve, draw_curve, draw_points, new_figure, span_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Shares of the members below the edges of the bands, the outermost first, and the middle.
_BANDS = ((0.05, 0.95), (0.25, 0.75))
_MIDDLE = 0.5
# More curves than this only blacken the figure, and quantiles of this many fits are good enough.
MOST_CURVES = 1000
_GRID = 200
# Costs above are those of the diverged, and the margin of an axis with them is no float64.
_MOST_COST = 1e150


class Outputs(Protocol):
    """Some members of a population."""

    def F(self, X: Any) -> Array:
        """Outputs of each at these inputs."""


class Members(Protocol):
    """What is drawn of a population."""

    @property
    def data(self) -> tuple[Array, Array]: ...
    @property
    def trace(self) -> Array: ...
    @property
    def J(self) -> Array: ...
    @property
    def cost(self) -> Array: ...
    @property
    def validation_cost(self) -> Array | None: ...
    @property
    def order(self) -> Array: ...
    @property
    def best(self) -> Curve: ...
    def __len__(self) -> int: ...
    def __getitem__(self, members: Array) -> Outputs: ...


def plot(population: Members, *, interactive: bool = True) -> Figure:
    """Costs over the epochs on the left; on the right the fits, or the distribution of the costs.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If the population is empty.
    """
    if not len(population):
        raise ValueError("the population is empty, so there is nothing to plot")
    figure = new_figure(interactive=interactive, figsize=(10, 4))
    left, right = figure.subplots(1, 2)
    draw_costs(left, population)
    X, y = population.data
    if X.shape[1] == y.shape[1] == 1:
        draw_fits(right, population, X[:, 0], y[:, 0])
    else:
        draw_distribution(right, population)
    return figure


def draw_costs(ax: Axes, population: Members) -> None:
    """The cost curve of every member, thin, with bands that hold 50 and 90 % of them."""
    from matplotlib.collections import LineCollection
    from matplotlib.ticker import MaxNLocator

    trace = population.trace
    J = np.where(population.J < _MOST_COST, population.J, np.nan)
    rows = J[np.linspace(0, len(J) - 1, min(len(J), MOST_CURVES)).astype(int)]
    curves = np.stack([np.broadcast_to(trace, rows.shape), rows], axis=2)
    # As pixels: a thousand curves as paths make a vector figure of megabytes.
    ax.add_collection(
        LineCollection(list(curves), colors="0.5", linewidths=0.3, alpha=0.3, rasterized=True)
    )
    alive = np.isfinite(J).any(axis=0)  # an epoch that nobody reached has no quantiles
    finite = J[:, alive]
    for low, high in _BANDS:
        edges = np.nanquantile(finite, [low, high], axis=0)
        label = f"{high - low:.0%} of the members"
        ax.fill_between(trace[alive], *edges, color="tab:blue", alpha=0.2, label=label)
    middle = np.nanquantile(finite, _MIDDLE, axis=0)
    ax.plot(trace[alive], middle, color="tab:blue", label="the middle")
    best = int(population.order[0])
    ax.plot(trace, J[best], color="tab:red", label=f"the best, J = {population.cost[best]:.3g}")
    ax.set(
        xlabel="epoch", ylabel="J", yscale="log" if (finite[finite == finite] > 0).all() else None
    )
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.legend()


def draw_fits(ax: Axes, population: Members, x: Any, y: Any) -> None:
    """The data, the band that holds 90 % of the members' curves, their middle, and the best."""
    low, high = span_of(x)
    grid = np.linspace(low, high, _GRID)
    chosen = np.linspace(0, len(population) - 1, min(len(population), MOST_CURVES)).astype(int)
    outputs = population[chosen].F(grid)
    edges = np.quantile(outputs, _BANDS[0], axis=0)
    ax.fill_between(grid, *edges, color="tab:blue", alpha=0.2, label="90% of the members")
    middle = np.quantile(outputs, _MIDDLE, axis=0)
    ax.plot(grid, middle, color="tab:blue", label="the middle")
    draw_points(ax, x, y)
    draw_curve(ax, population.best, (low, high), label="the best", color="tab:red")
    ax.set(xlabel="x", ylabel="F(x)")
    ax.legend()


def draw_distribution(ax: Axes, population: Members) -> None:
    """How many members reached which cost, or validation cost."""
    held_out = population.validation_cost
    kind, costs = ("J", population.cost) if held_out is None else ("validation J", held_out)
    costs = costs[np.isfinite(costs)]
    ax.hist(costs, bins=histogram_bins(costs), color="tab:blue")
    ax.set(xlabel=kind, ylabel="members", xscale="log" if (costs > 0).all() else "linear")


def histogram_bins(score: Any) -> Any:
    """Edges of bins of equal ratios for positive costs, else of equal widths."""
    low, high = float(score.min()), float(score.max())
    if not low < high:
        low, high = (low * 0.9, high * 1.1) if low else (-0.5, 0.5)
    return np.geomspace(low, high, 61) if low > 0 else np.linspace(low, high, 61)
