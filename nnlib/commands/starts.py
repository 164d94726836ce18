"""``python -m nnlib starts``: how much the initial weights of the lecture's exercise decide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .. import course
from ..network import Network
from ..population.result import Population
from ..train_many import train_many

EPOCHS = 1000
STARTS = 10_000


def run(figure_path: Path) -> None:
    """Train the exercise from many seeded starts and from the lecture's, print and draw it."""
    system = course.exercise()
    X, y = system.X, system.y
    options: dict[str, Any] = {"learning_rate": 0.1, "reduction": "sum", "epochs": EPOCHS}
    print(f"The lecture's exercise from {STARTS} seeded starts, {EPOCHS} epochs each")
    population = train_many(list(system.network.sizes), X, y, n=STARTS, **options)
    lecture = system.network
    lecture.descent(X, y, progress=False, **options)
    cost = lecture.J(X, y, reduction="sum")
    print_summary(population, cost)
    draw(population, lecture, cost, figure_path)


def print_summary(population: Population, lecture: float) -> None:
    """The costs in words and numbers; `lecture` is the cost from the lecture's own start."""
    costs = np.sort(population.cost)
    epochs = int(population.epochs.sum())
    print(f"{population.seconds:.2f} s, {population.seconds / epochs * 1e6:.3f} µs per epoch\n")
    print(f"J from the lecture's start     {lecture:9.5f}")
    print(f"  the best start               {costs[0]:9.5f}   {lecture / costs[0]:.2f} times lower")
    print(f"  the middle one               {np.median(costs):9.5f}")
    print(f"starts better than the lecture's {(costs < lecture).mean():7.1%}")
    print(f"starts that have not left J > 3  {(costs > 3).mean():7.1%}")


def draw(population: Population, lecture: Network, cost: float, figure_path: Path) -> None:
    """The distribution of the costs, and the fits; ``.svg`` comes out the same every time."""
    from ..figures.curves import draw_curve, new_figure, span_of
    from ..figures.populations import draw_distribution, draw_fits

    try:
        figure = new_figure(interactive=False, figsize=(10, 4))
        import matplotlib as mpl
    except ImportError as error:
        print(f"\nno figure: {error}")
        return
    left, right = figure.subplots(1, 2)
    draw_distribution(left, population)
    left.axvline(cost, color="black", linestyle="--", label=f"the lecture's start, {cost:.3f}")
    best = float(population.cost.min())
    left.axvline(best, color="tab:red", label=f"the best of {len(population)}, {best:.3f}")
    left.set(xlabel=f"J after {EPOCHS} epochs", ylabel="starts")
    left.legend()
    X, y = population.data
    draw_fits(right, population, X[:, 0], y[:, 0])
    draw_curve(right, lecture, span_of(X[:, 0]), label="the lecture's", color="black")
    right.lines[-1].set_linestyle("--")
    right.legend(loc="upper left", fontsize="small")
    with mpl.rc_context({"svg.hashsalt": "starts"}):
        date = {"Date": None} if figure_path.suffix == ".svg" else None
        figure.savefig(figure_path, metadata=date, dpi=150)
    print(f"\nfigure: {figure_path.resolve()}")
